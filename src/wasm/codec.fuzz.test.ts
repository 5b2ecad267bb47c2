import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CorruptionCampaign, compareOne, fuzzedCodec, fuzzedMessages } from './fuzz/run.ts';

// `npm run fuzz:codec` runs the same for as long as one likes.
const objects = 10_000;
const damaged = 300_000;

test(`${objects} random objects agree with the reference codec`, () => {
  const codec = fuzzedCodec();
  const messages = fuzzedMessages();
  for (let seed = 1; seed <= objects; seed++) assert.equal(compareOne(codec, messages, seed), undefined);
});

test(`${damaged} damaged inputs: no trap, no read or write out of bounds`, () => {
  const campaign = new CorruptionCampaign(1);
  for (let seed = 1; seed <= damaged; seed++) campaign.one(seed);
  campaign.check();
  assert.ok(campaign.accepted > damaged / 20, 'some damage must go unnoticed, or nothing was tested');
});

test('damaged input that is accepted is what the reference makes of it', () => {
  const campaign = new CorruptionCampaign(2);
  for (let seed = 1; seed <= objects; seed++) assert.equal(campaign.compare(seed), undefined);
});
