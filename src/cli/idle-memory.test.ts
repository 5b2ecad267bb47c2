import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../kernel/index.ts';
import { shrinkWhenIdle } from './idle-memory.ts';

function setup() {
  const clock = new ManualClock();
  const process = { cpuMs: 0, mib: 100, collections: 0 };
  const shrinking = shrinkWhenIdle(clock, {
    cpuMs: () => process.cpuMs,
    residentBytes: () => process.mib * 2 ** 20,
    collect: async () => {
      process.collections++;
      process.mib = 80;
    },
  });
  /** One look: this much CPU was used before it. */
  const pass = async (cpuMs: number): Promise<number> => {
    process.cpuMs += cpuMs;
    clock.advance(5_000);
    await new Promise((resolve) => setImmediate(resolve));
    return process.collections;
  };
  return { process, pass, shrinking };
}

test('memory of a start or a burst is given back once, when the process idles', async () => {
  const { process, pass } = setup();
  assert.equal(await pass(4_000), 0, 'busy');
  assert.equal(await pass(10), 1, 'idle after the start');
  assert.equal(await pass(10), 1, 'nothing to give back');
  process.mib = 84;
  assert.equal(await pass(10), 1, 'not worth a pause');
  process.mib = 200;
  assert.equal(await pass(900), 1, 'busy again');
  assert.equal(await pass(10), 2, 'idle after the burst');
});

test('after a stop nothing is looked at', async () => {
  const { pass, shrinking } = setup();
  shrinking.stop();
  assert.equal(await pass(0), 0);
});
