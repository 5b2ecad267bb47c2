import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock, silentLogger } from '../../kernel/index.ts';
import { done, type SyncResult, WorkQueue } from './work-queue.ts';

interface Fixture {
  clock: ManualClock;
  queue: WorkQueue;
  synced: string[];
  overflows: number;
}

function fixture(
  sync: (key: string, synced: readonly string[]) => Promise<SyncResult>,
  workers = 1,
  limit = 100,
): Fixture {
  const clock = new ManualClock();
  const synced: string[] = [];
  const made: Fixture = { clock, synced, overflows: 0, queue: undefined as unknown as WorkQueue };
  made.queue = new WorkQueue({
    name: 'test',
    clock,
    log: silentLogger,
    workers,
    limit,
    sync: (key) => {
      synced.push(key);
      return sync(key, synced);
    },
    overflowed: () => made.overflows++,
  });
  return made;
}

const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
};

test('a key that waits is not added twice', async () => {
  const gate = Promise.withResolvers<SyncResult>();
  const { queue, synced } = fixture((key) => (key === 'first' ? gate.promise : Promise.resolve(done)));
  queue.add('first');
  queue.add('a');
  queue.add('a');
  gate.resolve(done);
  await settle();
  assert.deepEqual(synced, ['first', 'a']);
});

test('a key added while it is synced is synced once more, never at the same time', async () => {
  let running = 0;
  let most = 0;
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const { queue, synced } = fixture(async (_key, all) => {
    most = Math.max(most, ++running);
    await gates[all.length - 1]?.promise;
    running--;
    return done;
  }, 4);
  queue.add('a');
  await settle();
  queue.add('a');
  queue.add('a');
  gates[0]?.resolve();
  await settle();
  gates[1]?.resolve();
  await settle();
  assert.deepEqual([synced.length, most], [2, 1]);
});

test('no more keys are synced at once than there are workers', async () => {
  let running = 0;
  let most = 0;
  const { queue, synced } = fixture(async () => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setImmediate(resolve));
    running--;
    return done;
  }, 3);
  for (let i = 0; i < 20; i++) queue.add(`key-${i}`);
  for (let turn = 0; turn < 10; turn++) await settle();
  assert.deepEqual([synced.length, most], [20, 3]);
});

test('a failing key comes back after 5 ms, twice as long each time, and no later than a minute', async () => {
  const { queue, clock, synced } = fixture(() => Promise.reject(new Error('no')));
  queue.add('a');
  await settle();
  for (const waitMs of [5, 10, 20, 40]) {
    const before = synced.length;
    clock.advance(waitMs - 1);
    await settle();
    assert.equal(synced.length, before, `not before ${waitMs} ms`);
    clock.advance(1);
    await settle();
    assert.equal(synced.length, before + 1, `after ${waitMs} ms`);
  }
  for (let i = 0; i < 20; i++) {
    clock.advance(60_000);
    await settle();
  }
  assert.equal(synced.length, 25);
});

test('success forgets the back-off', async () => {
  const outcomes = ['fail', 'fail', 'ok', 'fail'];
  const { queue, clock, synced } = fixture(async () => {
    if (outcomes.shift() === 'fail') throw new Error('no');
    return done;
  });
  queue.add('a');
  for (let i = 0; i < 15; i++) {
    await settle();
    clock.advance(1);
  }
  await settle();
  assert.equal(synced.length, 3);
  queue.add('a');
  await settle();
  clock.advance(5);
  await settle();
  assert.equal(synced.length, 5);
});

test('a key that is to be looked at again waits, but never longer than it said', async () => {
  const { queue, clock, synced } = fixture(async () => ({ again: true, withinMs: 150 }));
  queue.add('a');
  await settle();
  for (const waitMs of [100, 150, 150]) {
    clock.advance(waitMs);
    await settle();
  }
  assert.equal(synced.length, 4);
});

test('what does not fit is dropped, and the owner is told to look at everything again', async () => {
  const gate = Promise.withResolvers<SyncResult>();
  const made = fixture((key) => (key === 'first' ? gate.promise : Promise.resolve(done)), 1, 2);
  for (const key of ['first', 'a', 'b', 'c']) made.queue.add(key);
  assert.equal(made.overflows, 0);
  gate.resolve(done);
  await settle();
  assert.deepEqual([made.synced, made.overflows], [['first', 'a', 'b'], 1]);
});

test('a stopped queue finishes what runs and starts nothing', async () => {
  const gate = Promise.withResolvers<SyncResult>();
  const { queue, clock, synced } = fixture(() => gate.promise);
  queue.add('a');
  queue.add('b');
  await settle();
  const stopped = queue.stop();
  gate.resolve({ again: true, withinMs: 10 });
  await stopped;
  queue.add('c');
  clock.advance(60_000);
  await settle();
  assert.deepEqual(synced, ['a']);
});
