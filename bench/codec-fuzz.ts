/**
 * npm run fuzz:codec -- [--count N] [--corrupted M] [--seed S]: N random objects held against the reference codec, M
 * damaged inputs against a guarded module. Exits with 1 on the first findings; each names the seed that repeats it.
 */
import { parseArgs } from 'node:util';
import { CorruptionCampaign, compareOne, type Finding, fuzzedCodec, fuzzedMessages } from '../src/wasm/fuzz/run.ts';

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '100000' },
    corrupted: { type: 'string' },
    seed: { type: 'string', default: '1' },
  },
});
const count = Number(values.count);
const corruptedCount = Number(values.corrupted ?? count * 10);
const firstSeed = Number(values.seed);
/** One damaged input in so many is also held against the reference. */
const comparedEvery = 100;
const checkEvery = 100_000;
const maxFindings = 5;
const findings: Finding[] = [];

Error.stackTraceLimit = 0;

function keep(finding: Finding | undefined): void {
  if (!finding) return;
  findings.push(finding);
  console.error(`seed ${finding.seed}, ${finding.message}\n${finding.input}\n${finding.what}\n`);
  if (findings.length >= maxFindings) process.exit(1);
}

function compareObjects(): void {
  const began = performance.now();
  const codec = fuzzedCodec();
  const messages = fuzzedMessages();
  for (let seed = firstSeed; seed < firstSeed + count; seed++) keep(compareOne(codec, messages, seed));
  report(`${count} random objects agree with the reference`, began);
}

function damageInputs(): void {
  const campaign = new CorruptionCampaign(firstSeed);
  const began = performance.now();
  for (let i = 0; i < corruptedCount; i++) {
    campaign.one(firstSeed + i);
    if (i % comparedEvery === 0) keep(campaign.compare(firstSeed + i));
    if (i % checkEvery === 0) campaign.check();
  }
  campaign.check();
  report(`${corruptedCount} damaged inputs: no trap, no write out of bounds, ${campaign.accepted} accepted`, began);
}

const report = (what: string, began: number): void =>
  console.log(`${what} (${((performance.now() - began) / 1000).toFixed(1)} s)`);

if (count > 0) compareObjects();
if (corruptedCount > 0) damageInputs();
process.exitCode = findings.length === 0 ? 0 : 1;
