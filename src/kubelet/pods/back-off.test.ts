import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decideStart, formatWait } from './back-off.ts';
import { app, instance } from './testing.ts';
import type { BackOffEntry } from './types.ts';

const ended = (finishedAtMs: number) => instance('main', 'exited', { finishedAtMs });

test('a container that never ran starts, and its first end costs nothing', () => {
  const first = decideStart(app('main'), undefined, undefined, 1_000);
  assert.ok(first.start);
  const again = decideStart(app('main'), ended(2_000), first.entry, 2_000);
  assert.ok(again.start);
  assert.equal(again.entry.waitMs, 10_000);
});

test('another image or other resources start afresh', () => {
  const entry: BackOffEntry = { key: JSON.stringify(['app:1', undefined]), waitMs: 300_000, startedAtMs: 1_000 };
  assert.equal(decideStart(app('main'), ended(2_000), entry, 3_000).start, false);
  assert.ok(decideStart(app('main', { image: 'app:2' }), ended(2_000), entry, 3_000).start);
  const resources = { limits: { cpu: '1' } };
  assert.ok(decideStart(app('main', { resources }), ended(2_000), entry, 3_000).start);
});

test('a clock that is set back does not make the wait longer than the back-off', () => {
  const entry: BackOffEntry = { key: JSON.stringify(['app:1', undefined]), waitMs: 10_000, startedAtMs: 99_000 };
  assert.ok(decideStart(app('main'), ended(100_000), entry, 50_000).start);
});

test('waits double up to five minutes, whenever the container ends', () =>
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 590_000 }), { minLength: 1, maxLength: 12 }), (lives) => {
      let nowMs = 1_000_000;
      let entry: BackOffEntry | undefined;
      let expectedMs = 0;
      for (const lifeMs of [0, ...lives]) {
        const endMs = nowMs + lifeMs;
        const early = decideStart(app('main'), ended(endMs), entry, endMs);
        if (!early.start) assert.equal(early.untilMs, endMs + expectedMs);
        assert.equal(early.start, expectedMs === 0);
        nowMs = endMs + expectedMs;
        const decision = decideStart(app('main'), ended(endMs), entry, nowMs);
        assert.ok(decision.start);
        entry = { ...decision.entry, startedAtMs: nowMs };
        expectedMs = Math.min(expectedMs === 0 ? 10_000 : 2 * expectedMs, 300_000);
      }
    }),
  ));

test('waits are printed as Go prints durations', () => {
  assert.deepEqual([10_000, 80_000, 160_000, 300_000].map(formatWait), ['10s', '1m20s', '2m40s', '5m0s']);
});
