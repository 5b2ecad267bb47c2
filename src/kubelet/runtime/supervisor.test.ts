import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock, silentLogger } from '../../kernel/index.ts';
import { type CriClient, CriError, grpcCode } from '../cri/index.ts';
import type { ProcessRef } from './processes.ts';
import { Supervisor } from './supervisor.ts';

const alive: ProcessRef = { pid: 1, startTicks: 1 };
const dead: ProcessRef = { pid: 2, startTicks: 2 };

/** Lets everything run that does not wait for the clock. */
const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
};

function fixture(startsAs: () => Promise<{ process: ProcessRef }>) {
  const clock = new ManualClock();
  let status: 'ready' | 'silent' | 'away' = 'ready';
  let calls = 0;
  let starts = 0;
  let tended = 0;
  let settled = 0;
  const warnings: string[] = [];
  const call = (_method: string, _request: unknown, { timeoutMs = 0 } = {}): Promise<unknown> => {
    calls++;
    if (status === 'ready') return Promise.resolve({});
    if (status === 'away') return Promise.reject(new CriError(grpcCode.unavailable, 'connection refused'));
    return new Promise((_, reject) => {
      clock.after(timeoutMs, () => reject(new CriError(grpcCode.deadlineExceeded, 'context deadline exceeded')));
    });
  };
  const supervisor = new Supervisor({
    cri: { call } as unknown as CriClient,
    clock,
    log: { ...silentLogger, warn: (message) => void warnings.push(message) },
    own: {
      start: () => {
        starts++;
        return startsAs();
      },
      isAlive: async (process) => process === alive,
      async tend() {
        tended++;
      },
      async settled() {
        settled++;
      },
    },
  });
  return {
    clock,
    supervisor,
    warnings,
    answer: (next: typeof status) => {
      status = next;
    },
    settled: () => settled,
    counts: () => ({ calls, starts, tended }),
    async pass(ms: number) {
      await settle();
      clock.advance(ms);
      await settle();
    },
  };
}

test('a runtime that is well is asked every half a minute, and nothing else', async () => {
  const given = fixture(async () => ({ process: alive }));
  given.supervisor.watch({ process: alive });
  await given.pass(29_999);
  assert.deepEqual(given.counts(), { calls: 0, starts: 0, tended: 0 });
  await given.pass(1);
  assert.deepEqual(given.counts(), { calls: 1, starts: 0, tended: 1 });
  await given.pass(30_000);
  assert.deepEqual(given.counts(), { calls: 2, starts: 0, tended: 2 });
});

test('some time after a start, and after each start again, it is looked after once', async () => {
  const given = fixture(async () => ({ process: alive }));
  given.supervisor.watch({ process: alive });
  await given.pass(4_999);
  assert.equal(given.settled(), 0);
  await given.pass(60_000);
  assert.equal(given.settled(), 1);
  given.supervisor.watch({ process: dead });
  given.supervisor.lost();
  await given.pass(1_000);
  await given.pass(60_000);
  assert.equal(given.settled(), 2);
});

test('one that has died after a long life is started again at once', async () => {
  const given = fixture(async () => ({ process: alive }));
  given.supervisor.watch({ process: dead });
  given.clock.advance(10_000);
  given.supervisor.lost();
  await settle();
  assert.equal(given.counts().starts, 1);
  assert.equal(given.supervisor.process, alive);
});

test('one that dies again and again is started ever more slowly, but within a second', async () => {
  const given = fixture(async () => ({ process: dead }));
  given.answer('away');
  given.supervisor.watch({ process: dead });
  given.supervisor.lost();
  await settle();
  assert.equal(given.counts().starts, 0, 'it has lived too short');
  for (let second = 0; second < 10; second++) {
    const before = given.counts().starts;
    for (let step = 0; step < 20; step++) await given.pass(100);
    assert.ok(given.counts().starts > before);
  }
  assert.ok(given.counts().starts < 40);
});

test('one that does not come up is tried ever more slowly', async () => {
  const given = fixture(() => Promise.reject(new Error('no such program')));
  given.answer('away');
  given.supervisor.watch({ process: dead });
  given.supervisor.lost();
  for (let step = 0; step < 600; step++) await given.pass(100);
  assert.ok(given.counts().starts >= 8 && given.counts().starts <= 16, String(given.counts().starts));
  assert.equal(given.supervisor.process, undefined);
});

test('one that is silent for half a minute is reported once; it is left alone', async () => {
  const given = fixture(async () => ({ process: alive }));
  given.supervisor.watch({ process: alive });
  given.answer('silent');
  await given.pass(30_000);
  assert.deepEqual(given.warnings, []);
  await given.pass(30_000);
  await given.pass(1_000);
  await given.pass(30_000);
  assert.deepEqual(given.warnings, ['the container runtime does not answer']);
  given.answer('ready');
  await given.pass(1_000);
  assert.equal(given.counts().starts, 0);
});

test('what is not watched, or not any more, is left alone', async () => {
  const given = fixture(async () => ({ process: alive }));
  given.supervisor.lost();
  await given.pass(60_000);
  given.supervisor.watch({ process: dead });
  given.supervisor.stop();
  given.supervisor.lost();
  await given.pass(60_000);
  assert.deepEqual(given.counts(), { calls: 0, starts: 0, tended: 0 });
});

test('what comes up when nobody watches any more is not looked after', async () => {
  const { promise, resolve } = Promise.withResolvers<{ process: ProcessRef }>();
  const given = fixture(() => promise);
  given.supervisor.watch({ process: dead });
  given.clock.advance(4_000);
  given.supervisor.lost();
  await given.pass(100);
  assert.equal(given.counts().starts, 1);
  given.supervisor.stop();
  resolve({ process: alive });
  await given.pass(60_000);
  assert.equal(given.settled(), 0);
});
