import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../kernel/index.ts';
import { AnswerCache } from './cache.ts';
import { addressRecord, answerBytes, queryOf } from './testing.ts';
import { readRecords } from './wire.ts';

const fixture = (limitBytes = 64 << 10) => {
  const clock = new ManualClock();
  return { clock, cache: new AnswerCache(clock, limitBytes) };
};

const query = queryOf('one.example');
const ttlOf = (message: Buffer | undefined): number | undefined =>
  message && readRecords(message, 12 + query.question.length)?.[0]?.ttl;

test('an answer is given again, as the new client asked, while it holds', () => {
  const { clock, cache } = fixture();
  cache.store(query, answerBytes(query, [addressRecord('one.example', 20), addressRecord('one.example', 60)]));
  clock.advance(5_000);
  const again = cache.find(queryOf('ONE.example', { id: 99 }), 512);
  assert.equal(again?.readUInt16BE(0), 99);
  assert.ok(again?.includes('ONE'));
  assert.equal(ttlOf(again), 15);
  clock.advance(15_000);
  assert.equal(cache.find(query, 512), undefined);
  assert.equal(cache.bytes, 0);
});

test('nothing is kept for longer than half a minute', () => {
  const { clock, cache } = fixture();
  cache.store(query, answerBytes(query, [addressRecord('one.example', 86_400)]));
  clock.advance(29_999);
  assert.ok(cache.find(query, 512));
  clock.advance(1);
  assert.equal(cache.find(query, 512), undefined);
});

test('a no is kept as its zone says; without a word of it, not at all', () => {
  const { clock, cache } = fixture();
  cache.store(query, answerBytes(query, [], 3, 10));
  clock.advance(9_999);
  assert.ok(cache.find(query, 512));
  clock.advance(1);
  assert.equal(cache.find(query, 512), undefined);
  cache.store(query, answerBytes(query, [], 3));
  assert.equal(cache.find(query, 512), undefined);
});

test('failures are not kept', () => {
  const { cache } = fixture();
  cache.store(query, answerBytes(query, [], 2, 10));
  assert.equal(cache.find(query, 512), undefined);
});

test('an answer too long for the client is asked for anew', () => {
  const { cache } = fixture();
  const many = Array.from({ length: 50 }, () => addressRecord('one.example', 20));
  cache.store(query, answerBytes(query, many));
  assert.equal(cache.find(query, 512), undefined);
  assert.ok(cache.find(query, 65_535));
});

test('in bounded memory, what was used last stays', () => {
  const { cache } = fixture(4_000);
  const named = (number: number) => queryOf(`name-${number}.example`);
  for (let number = 0; number < 100; number++) {
    cache.store(named(number), answerBytes(named(number), [addressRecord(`name-${number}.example`, 20)]));
    cache.find(named(0), 512);
    assert.ok(cache.bytes <= 4_000);
  }
  assert.ok(cache.find(named(0), 512));
  assert.ok(cache.find(named(99), 512));
  assert.equal(cache.find(named(1), 512), undefined);
});

test('a label with a dot in it is not two labels', () => {
  const { cache } = fixture();
  const odd = queryOf('one_example');
  odd.question[4] = '.'.charCodeAt(0);
  const dotted = { ...odd, labels: ['one.example'] };
  cache.store(dotted, answerBytes(dotted, [addressRecord('other', 20)]));
  assert.ok(cache.find(dotted, 512));
  assert.equal(cache.find(query, 512), undefined);
});
