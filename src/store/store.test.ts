import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../kernel/clock.ts';
import { memoryBackend } from './backends/memory.ts';
import {
  eventKind,
  nodeKind,
  openSampleStore,
  podKind,
  put,
  remove,
  type SampleObject,
  sampleBudget,
  sampleOf,
} from './testing.ts';
import {
  type Backend,
  BackendFatalError,
  CompactedError,
  HeadMovedError,
  type Store,
  StoreBusyError,
  StoreClosedError,
  StoreFullError,
  type StoreEvent,
} from './types.ts';

/** Records events as `type name@revision`. */
const recorder = () => {
  const seen: string[] = [];
  const progress: number[] = [];
  const closed: Error[] = [];
  return {
    seen,
    progress,
    closed,
    event: (event: StoreEvent) => void seen.push(`${event.type} ${event.name}@${event.revision}`),
    progressOf: () => progress.at(-1),
    listener: {
      event: (event: StoreEvent) => void seen.push(`${event.type} ${event.name}@${event.revision}`),
      progress: (revision: number) => void progress.push(revision),
      closed: (reason: Error) => void closed.push(reason),
    },
  };
};

/** A backend whose commits wait until they are let through or refused. */
const gated = (inner: Backend = memoryBackend()) => {
  const waiting: { proceed(): void; refuse(error: Error): void }[] = [];
  const backend: Backend = {
    ...inner,
    commit: async (changes, options) => {
      await new Promise<void>((resolve, reject) => waiting.push({ proceed: resolve, refuse: reject }));
      return inner.commit(changes, options);
    },
  };
  const next = async () => {
    while (waiting.length === 0) await new Promise(setImmediate);
    return waiting.shift()!;
  };
  return { backend, next };
};

const names = (store: Store, at?: number, selection = {}): string[] => {
  using list = store.list(podKind, selection, at);
  return list.entries.map((entry) => `${entry.namespace}/${entry.name}@${entry.revision}`);
};

test('a write is answered with its revision and is in the cache then', async () => {
  const store = await openSampleStore();
  const entry = await put(store, 'a', { payload: 'x' });
  assert.equal(entry.revision, 1);
  assert.equal(store.revision, 1);
  assert.equal(store.get(podKind, 'default', 'a'), entry);
  assert.deepEqual(sampleOf(store, entry).revision, '1');
  await store.close();
});

test('the head shows pending writes, the published state does not', async () => {
  const { backend, next } = gated();
  const store = await openSampleStore({ backend });
  const first = put(store, 'a');
  const second = put(store, 'a', { payload: '2' });
  assert.equal(store.head(podKind, 'default', 'a')?.revision, 2);
  assert.equal(store.get(podKind, 'default', 'a'), undefined);
  assert.equal(store.revision, 0);
  (await next()).proceed();
  assert.equal((await first).revision, 1);
  assert.equal((await second).revision, 2);
  const closing = store.close();
  (await next()).proceed();
  await closing;
});

test('preconditions hold against the head', async () => {
  const store = await openSampleStore();
  await assert.rejects(put(store, 'a', { expectedRevision: 7 }), new HeadMovedError(0));
  const writes = [put(store, 'a'), put(store, 'a', { expectedRevision: 0 })];
  await assert.rejects(writes[1]!, new HeadMovedError(1));
  await writes[0];
  await assert.rejects(remove(store, 'b'), new HeadMovedError(0));
  await store.close();
});

test('an object can be deleted and made again while both are pending', async () => {
  const backend = memoryBackend();
  const store = await openSampleStore({ backend });
  const { listener, seen } = recorder();
  await put(store, 'a');
  store.subscribe(podKind, 1, listener);
  await Promise.all([remove(store, 'a'), put(store, 'a', { payload: 'again' })]);
  assert.deepEqual(seen, ['delete a@2', 'create a@3']);
  assert.equal(sampleOf(store, store.get(podKind, 'default', 'a')!).payload, 'again');
  await store.close();
  const reopened = await openSampleStore({ backend });
  assert.equal(sampleOf(reopened, reopened.get(podKind, 'default', 'a')!).payload, 'again');
});

test('a deletion carries the final state, stamped with its own revision, and the version before', async () => {
  const store = await openSampleStore();
  await put(store, 'a', { payload: 'last' });
  const events: StoreEvent[] = [];
  store.subscribe(podKind, store.revision, { event: (event) => void events.push(event), closed: () => {} });
  await remove(store, 'a');
  const event = events[0]!;
  assert.equal(event.type, 'delete');
  assert.deepEqual(sampleOf(store, event.current), { ...sampleOf(store, event.previous!), revision: '2' });
  await store.close();
});

test('lists are sorted by namespace and name, and select by namespace and index', async () => {
  const store = await openSampleStore();
  for (const [namespace, name, nodeName] of [
    ['b', 'y', 'n1'],
    ['a', 'z', 'n2'],
    ['b', 'x', 'n2'],
    ['a', 'c', 'n1'],
  ] as const) {
    await put(store, name, { namespace, nodeName, owners: [`uid-${name}`, 'uid-all'] });
  }
  assert.deepEqual(names(store), ['a/c@4', 'a/z@2', 'b/x@3', 'b/y@1']);
  assert.deepEqual(names(store, undefined, { namespace: 'b' }), ['b/x@3', 'b/y@1']);
  assert.deepEqual(names(store, undefined, { index: { field: 'spec.nodeName', value: 'n1' } }), ['a/c@4', 'b/y@1']);
  const owned = { index: { field: 'metadata.ownerReferences.uid', value: 'uid-x' } };
  assert.deepEqual(names(store, undefined, owned), ['b/x@3']);
  const both = { namespace: 'a', index: { field: 'metadata.ownerReferences.uid', value: 'uid-all' } };
  assert.deepEqual(names(store, undefined, both), ['a/c@4', 'a/z@2']);
  assert.equal(store.count(podKind), 4);
  assert.equal(store.count(podKind, { namespace: 'a' }), 2);
  assert.equal(store.count(podKind, both), 2);
  await put(store, 'c', { namespace: 'a', nodeName: 'n2' });
  assert.deepEqual(names(store, undefined, { index: { field: 'spec.nodeName', value: 'n1' } }), ['b/y@1']);
  assert.throws(() => names(store, undefined, { index: { field: 'spec.x', value: '' } }), /no index on spec.x/);
  await store.close();
});

test('a list at a past revision shows the state of then', async () => {
  const store = await openSampleStore();
  await put(store, 'a', { nodeName: 'n1' });
  await put(store, 'b', { nodeName: 'n1' });
  await put(store, 'a', { nodeName: 'n2' });
  await remove(store, 'b');
  await put(store, 'c');
  assert.deepEqual(names(store, 2), ['default/a@1', 'default/b@2']);
  assert.deepEqual(names(store, 3), ['default/a@3', 'default/b@2']);
  assert.deepEqual(names(store, 4), ['default/a@3']);
  assert.deepEqual(names(store, 5), ['default/a@3', 'default/c@5']);
  const onFirst = { index: { field: 'spec.nodeName', value: 'n1' } };
  assert.deepEqual(names(store, 2, onFirst), ['default/a@1', 'default/b@2']);
  assert.deepEqual(names(store, 3, onFirst), ['default/b@2']);
  assert.throws(() => store.list(podKind, {}, 6), RangeError);
  await store.close();
});

test('a subscription replays the window, then goes on', async () => {
  const store = await openSampleStore();
  await put(store, 'a');
  await put(store, 'n', { kind: nodeKind });
  await put(store, 'a', { payload: '2' });
  const pods = recorder();
  const all = recorder();
  const subscription = store.subscribe(podKind, 1, pods.listener);
  store.subscribe(undefined, 0, all.listener);
  assert.deepEqual(pods.seen, ['update a@3']);
  assert.deepEqual(all.seen, ['create a@1', 'create n@2', 'update a@3']);
  await put(store, 'n', { kind: nodeKind, payload: '2' });
  assert.deepEqual(pods.seen, ['update a@3']);
  assert.deepEqual(pods.progress, [3, 4]);
  subscription.close();
  await remove(store, 'a');
  assert.deepEqual(pods.seen, ['update a@3']);
  assert.deepEqual(all.seen.slice(3), ['update n@4', 'delete a@5']);
  await store.close();
  assert.ok(all.closed[0] instanceof StoreClosedError);
});

test('a listener that throws is dropped and told so; the others go on', async () => {
  const store = await openSampleStore();
  const reasons: Error[] = [];
  const all = recorder();
  store.subscribe(podKind, 0, {
    event: () => {
      throw new Error('no');
    },
    closed: (reason) => {
      reasons.push(reason);
      throw reason;
    },
  });
  store.subscribe(podKind, 0, all.listener);
  await put(store, 'a');
  await put(store, 'a', { payload: '2' });
  assert.deepEqual(all.seen, ['create a@1', 'update a@2']);
  assert.deepEqual(reasons.map(String), ['Error: no']);
  await store.close();
  assert.equal(reasons.length, 1);
});

test('a subscription from a revision to come begins after it', async () => {
  const store = await openSampleStore();
  const { listener, seen } = recorder();
  store.subscribe(podKind, 2, listener);
  for (let i = 0; i < 3; i++) await put(store, 'a', { payload: `${i}` });
  assert.deepEqual(seen, ['update a@3']);
  await store.close();
});

test('the window forgets by time and by bytes; older revisions are compacted', async () => {
  const clock = new ManualClock();
  const store = await openSampleStore({ clock, budget: { ...sampleBudget, watchWindowBytes: 40_000 } });
  await put(store, 'a');
  clock.advance(200_000);
  await put(store, 'b');
  clock.advance(110_000);
  assert.equal(store.compactedRevision, 1);
  assert.throws(() => store.subscribe(podKind, 0, recorder().listener), new CompactedError(0, 1));
  assert.throws(() => store.list(podKind, {}, 0), CompactedError);
  assert.deepEqual(names(store, 1), ['default/a@1']);
  for (let i = 0; i < 10; i++) await put(store, 'a', { payload: `${i}`.repeat(10_000) });
  assert.ok(store.compactedRevision > 5 && store.compactedRevision < store.revision, `${store.compactedRevision}`);
  await store.close();
});

test('objects are decoded once, frozen and shared; the writer may seed the decoded form', async () => {
  const store = await openSampleStore();
  const entry = await put(store, 'a', { payload: 'x' });
  const object = store.object<SampleObject>(entry);
  assert.deepEqual(object.metadata, { name: 'a', namespace: 'default', resourceVersion: '1' });
  assert.equal(store.object(entry), object);
  assert.ok(Object.isFrozen(object.metadata));
  const seed = { metadata: { name: 'b', namespace: 'default' }, payload: 'seeded' };
  const seeded = store.object<SampleObject>(await put(store, 'b', { payload: 'x', object: seed }));
  assert.equal(seeded.payload, 'seeded');
  assert.equal(seeded.metadata.resourceVersion, '2');
  assert.equal(seeded.kind, 'Pod');
  await store.close();
});

test('a failed batch fails everything built on it and nothing else', async () => {
  const { backend, next } = gated();
  const store = await openSampleStore({ backend });
  const doomed = put(store, 'a');
  const commit = await next();
  const onTop = put(store, 'a', { payload: '2' });
  const softOnTop = put(store, 'a', { payload: '3', durability: 'soft' });
  const other = put(store, 'b');
  commit.refuse(new Error('disk full'));
  for (const write of [doomed, onTop, softOnTop]) await assert.rejects(write, /disk full/);
  assert.equal(store.head(podKind, 'default', 'a'), undefined);
  (await next()).proceed();
  assert.equal((await other).revision, 4);
  assert.deepEqual(names(store), ['default/b@4']);
});

test('a fatal failure closes the store for writes and is reported; reads go on', async () => {
  const { backend, next } = gated();
  const fatal: Error[] = [];
  const store = await openSampleStore({ backend, onFatal: (error) => void fatal.push(error) });
  const { listener, closed } = recorder();
  const first = put(store, 'a');
  (await next()).proceed();
  await first;
  store.subscribe(podKind, 0, listener);
  const second = put(store, 'b');
  const commit = await next();
  const third = put(store, 'c');
  commit.refuse(new BackendFatalError('fsync failed', new Error('EIO')));
  await assert.rejects(second, BackendFatalError);
  await assert.rejects(third, StoreClosedError);
  await assert.rejects(put(store, 'd'), StoreClosedError);
  assert.equal(fatal.length, 1);
  assert.equal(closed.length, 1);
  assert.deepEqual(names(store), ['default/a@1']);
});

test('after a fatal failure nothing more is committed, also while closing', async () => {
  const { backend, next } = gated();
  const fatal: Error[] = [];
  const store = await openSampleStore({ backend, onFatal: (error) => void fatal.push(error) });
  const first = put(store, 'a');
  const commit = await next();
  const second = put(store, 'b');
  const closing = store.close();
  commit.refuse(new BackendFatalError('fsync failed', new Error('EIO')));
  await assert.rejects(first, BackendFatalError);
  await assert.rejects(second, BackendFatalError);
  await assert.rejects(closing, BackendFatalError);
  assert.equal(fatal.length, 1);
});

test('the queue is bounded', async () => {
  const { backend } = gated();
  const store = await openSampleStore({ backend, budget: { ...sampleBudget, pendingWrites: 2 } });
  void put(store, 'a');
  void put(store, 'b');
  await assert.rejects(put(store, 'c'), StoreBusyError);
});

test('a soft write is acknowledged from memory, after every lower revision', async () => {
  const { backend, next } = gated();
  const store = await openSampleStore({ backend });
  const order: string[] = [];
  const hard = put(store, 'a').then(() => order.push('hard'));
  const soft = put(store, 'b', { durability: 'soft' }).then(() => order.push('soft'));
  (await next()).proceed();
  await Promise.all([hard, soft]);
  assert.deepEqual(order, ['hard', 'soft']);
  await put(store, 'b', { durability: 'soft', payload: '2' });
  assert.equal(store.revision, 3);
});

test('soft writes reach the disk when they are due, one per key, and at close', async () => {
  const clock = new ManualClock();
  const commits: string[][] = [];
  const inner = memoryBackend();
  const backend: Backend = {
    ...inner,
    commit: (changes, options) => {
      commits.push(changes.map(({ key, value }) => `${value ? 'put' : 'delete'} ${key.split('/').at(-1)}`));
      return inner.commit(changes, options);
    },
  };
  const store = await openSampleStore({ backend, clock });
  await put(store, 'a');
  for (let i = 0; i < 5; i++) await put(store, 'a', { durability: 'soft', payload: `${i}` });
  await put(store, 'gone', { durability: 'soft' });
  await remove(store, 'gone', { durability: 'soft' });
  assert.deepEqual(commits, [['put a']]);
  clock.advance(sampleBudget.softFlushMs);
  while (commits.length < 2) await new Promise(setImmediate);
  assert.deepEqual(commits[1], ['put a']);
  await remove(store, 'a', { durability: 'soft' });
  await store.close();
  assert.deepEqual(commits[2], ['delete a']);
  const reopened = await openSampleStore({ backend: inner });
  assert.deepEqual(names(reopened), []);
  assert.equal(reopened.revision, 9);
});

test('the flash budget delays soft writes', async () => {
  const clock = new ManualClock();
  const store = await openSampleStore({ clock, budget: { ...sampleBudget, flashBytesPerDay: 24_000 } });
  const flushed = async (ms: number): Promise<number> => {
    await put(store, 'a', { durability: 'soft', payload: 'x'.repeat(3000) });
    clock.advance(ms);
    for (let i = 0; i < 5; i++) await new Promise(setImmediate);
    return store.stats().flushedBytes;
  };
  const once = await flushed(600_000);
  assert.ok(once > 3000);
  assert.equal(await flushed(600_000), once);
  assert.equal(await flushed(600_000), once);
  assert.ok((await flushed(3 * 3_600_000)) > once);
  await store.close();
});

test('revisions never repeat: after an unclean end they go on above everything issued', async () => {
  const backend = memoryBackend();
  const crashed = await openSampleStore({ backend });
  for (let i = 0; i < 20; i++) await put(crashed, 'a', { durability: 'soft' });
  const reopened = await openSampleStore({ backend });
  assert.ok(reopened.revision >= 20);
  assert.throws(() => reopened.subscribe(podKind, 20, recorder().listener), CompactedError);
  await put(reopened, 'a');
  await reopened.close();
  const clean = await openSampleStore({ backend });
  assert.equal(clean.revision, reopened.revision);
  clean.subscribe(podKind, clean.revision, recorder().listener);
});

test('reached waits for a revision or gives up', async () => {
  const clock = new ManualClock();
  const store = await openSampleStore({ clock });
  const reached = store.reached(1, 1000);
  const late = store.reached(5, 1000);
  await put(store, 'a');
  assert.equal(await reached, true);
  assert.equal(await store.reached(1, 0), true);
  clock.advance(1000);
  assert.equal(await late, false);
  await store.close();
});

test('a retained entry stays readable after it has been replaced and forgotten', async () => {
  const clock = new ManualClock();
  const store = await openSampleStore({ clock });
  const old = await put(store, 'a', { payload: 'old' });
  store.retain(old);
  await put(store, 'a', { payload: 'new' });
  clock.advance(sampleBudget.watchWindowMs);
  assert.equal(sampleOf(store, old).payload, 'old');
  store.release(old);
  assert.throws(() => store.bytes(old), /stale/);
  await store.close();
});

test('a nearly full cache sheds events, oldest first', async () => {
  const budget = { ...sampleBudget, cacheBytes: 1 << 20, watchWindowBytes: 1 << 16 };
  const store = await openSampleStore({ budget });
  for (let i = 0; i < 100; i++) {
    await put(store, `e${i}`, { kind: eventKind, durability: 'soft', payload: 'x'.repeat(5000) });
  }
  for (let i = 0; i < 85; i++) await put(store, `p${i}`, { payload: 'x'.repeat(5000) });
  assert.equal(store.count(podKind), 85);
  const left = store.count(eventKind);
  assert.ok(left > 10 && left < 100, `${left} events left`);
  using events = store.list(eventKind);
  assert.ok(events.entries.every((entry) => entry.revision > 100 - left));
  await store.close();
});

test('a full cache refuses creates and growth; deletes, status and shrinking updates still work', async () => {
  const store = await openSampleStore({ budget: { ...sampleBudget, cacheBytes: 1 << 20 } });
  const fill = async (): Promise<void> => {
    for (let i = 0; ; i++) await put(store, `p${i}`, { payload: 'x'.repeat(9000) });
  };
  await assert.rejects(fill(), StoreFullError);
  await assert.rejects(put(store, 'p0', { payload: 'x'.repeat(10_000) }), /delete objects before/);
  await put(store, 'p0', { payload: 'x'.repeat(10_000), essential: true });
  for (let i = 0; i < 50; i++) await put(store, 'p1', { payload: 'y'.repeat(8999) });
  for (let i = 2; i < 40; i++) await remove(store, `p${i}`);
  await put(store, 'new', { payload: 'x'.repeat(9000) });
  await store.close();
});

test('a damaged record is found in idle time and ends the store', async () => {
  const clock = new ManualClock();
  const fatal: Error[] = [];
  const store = await openSampleStore({ clock, onFatal: (error) => void fatal.push(error) });
  const entry = await put(store, 'a', { payload: 'x' });
  clock.advance(600_000);
  assert.equal(fatal.length, 0);
  store.bytes(entry)[10]! ^= 1;
  clock.advance(60_000);
  assert.match(fatal[0]!.message, /does not match its checksum/);
  await assert.rejects(put(store, 'b'), StoreClosedError);
});
