import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { systemClock } from '../../kernel/clock.ts';
import { nodeKind, openSampleStore, podKind, put, remove, sampleOf } from '../testing.ts';
import { drivers, type Subject } from '../testing-drivers.ts';
import { type Backend, type BackendRecord, CompactedError, HeadMovedError } from '../types.ts';
import { sqliteBackend } from './sqlite.ts';

/** Declares tests that each get a fresh place. */
const withPlace =
  (make: () => Promise<Subject>) =>
  (title: string, body: (subject: Subject) => Promise<void>): void => {
    void test(title, async () => {
      const subject = await make();
      try {
        await body(subject);
      } finally {
        await subject.dispose();
      }
    });
  };

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

const load = async (backend: Backend): Promise<{ records: BackendRecord[]; revision: number }> => {
  const records: BackendRecord[] = [];
  const { revision } = await backend.load((record) =>
    records.push({ ...record, value: Uint8Array.from(record.value) }),
  );
  return { records, revision };
};

for (const { name, skip, make } of drivers.filter((driver) => driver.name !== 'etcd')) {
  describe(`backend ${name}`, { skip }, () => {
    const withSubject = withPlace(make);

    withSubject('a new one is empty', async (subject) => {
      const backend = await subject.open();
      assert.deepEqual(await load(backend), { records: [], revision: 0 });
      await backend.close();
    });

    withSubject('what was committed is loaded again, in key order', async (subject) => {
      const backend = await subject.open();
      const change = (key: string, value: string, revision: number) => ({
        ...{ key, value: bytes(value), revision },
        expectedRevision: 0,
      });
      await backend.commit([change('/b', 'one', 1), change('/a', 'two', 2), change('/a/x', 'three', 3)], {
        durable: true,
      });
      await backend.commit([change('/b', 'four', 4), { key: '/a', revision: 5, expectedRevision: 2 }], {
        durable: false,
      });
      await backend.close();
      const reopened = await subject.open();
      assert.deepEqual(await load(reopened), {
        records: [
          { key: '/a/x', value: bytes('three'), revision: 3 },
          { key: '/b', value: bytes('four'), revision: 4 },
        ],
        revision: 4,
      });
      await reopened.close();
    });

    withSubject('revisions go on above the ceiling, which may also come down', async (subject) => {
      const backend = await subject.open();
      await backend.commit([], { durable: true, ceiling: 10_000 });
      assert.equal((await load(backend)).revision, 10_000);
      await backend.commit([], { durable: true, ceiling: 17 });
      await backend.close();
      const reopened = await subject.open();
      assert.equal((await load(reopened)).revision, 17);
      await reopened.close();
    });
  });
}

for (const { name, skip, make } of drivers) {
  describe(`store over ${name}`, { skip }, () => {
    const withSubject = withPlace(make);
    const options = { clock: systemClock };

    withSubject('writes hold their preconditions and come back in revision order', async (subject) => {
      const store = await openSampleStore({ ...options, backend: await subject.open() });
      const created = await put(store, 'a', { payload: '1' });
      await assert.rejects(put(store, 'a', { expectedRevision: 0 }), new HeadMovedError(created.revision));
      const updated = await put(store, 'a', { payload: '2' });
      assert.ok(updated.revision > created.revision);
      assert.deepEqual(sampleOf(store, updated), {
        ...{ name: 'a', namespace: 'default', owners: [], nodeName: '', payload: '2' },
        revision: String(updated.revision),
      });
      const deleted = await remove(store, 'a');
      assert.ok(deleted.revision > updated.revision);
      assert.equal(sampleOf(store, deleted).payload, '2');
      assert.equal(store.get(podKind, 'default', 'a'), undefined);
      const again = await put(store, 'a', { payload: '3' });
      assert.ok(again.revision > deleted.revision);
      await store.close();
    });

    withSubject('of many writers on one object each wins once', async (subject) => {
      const store = await openSampleStore({ ...options, backend: await subject.open() });
      let conflicts = 0;
      const increment = async (): Promise<void> => {
        for (;;) {
          const head = store.head(podKind, 'default', 'counter');
          const count = head ? Number(sampleOf(store, head).payload) : 0;
          try {
            await put(store, 'counter', { payload: String(count + 1), expectedRevision: head?.revision ?? 0 });
            return;
          } catch (error) {
            if (!(error instanceof HeadMovedError)) throw error;
            conflicts++;
          }
        }
      };
      await Promise.all(Array.from({ length: 20 }, increment));
      assert.equal(sampleOf(store, store.get(podKind, 'default', 'counter')!).payload, '20');
      assert.ok(name !== 'etcd' || conflicts > 0);
      await store.close();
    });

    withSubject(
      'a watcher sees every change once, in order, and a list at a past revision the state of then',
      async (subject) => {
        const store = await openSampleStore({ ...options, backend: await subject.open() });
        const from = store.revision;
        const live: number[] = [];
        store.subscribe(podKind, from, { event: (event) => void live.push(event.revision), closed: () => {} });
        const writes = Array.from({ length: 100 }, (_, i) => put(store, `p${i}`, { payload: `${i}` }));
        const revisions = (await Promise.all(writes)).map((entry) => entry.revision);
        const middle = store.revision;
        await Promise.all(Array.from({ length: 50 }, (_, i) => remove(store, `p${i}`)));
        assert.deepEqual(
          live,
          [...live].sort((a, b) => a - b),
        );
        assert.equal(live.length, 150);
        assert.deepEqual(new Set(live.slice(0, 100)), new Set(revisions));
        const replayed: number[] = [];
        store.subscribe(podKind, from, { event: (event) => void replayed.push(event.revision), closed: () => {} });
        assert.deepEqual(replayed, live);
        using past = store.list(podKind, {}, middle);
        assert.equal(past.entries.length, 100);
        assert.equal(store.count(podKind), 50);
        await store.close();
      },
    );

    withSubject('a store comes back as it was closed', async (subject) => {
      const store = await openSampleStore({ ...options, backend: await subject.open() });
      for (let i = 0; i < 50; i++) {
        await put(store, `p${i % 10}`, { payload: `${i}`, durability: i % 3 ? 'hard' : 'soft' });
      }
      await remove(store, 'p3');
      await put(store, 'n', { kind: nodeKind });
      const { revision } = store;
      const state = (of: typeof store) => {
        using pods = of.list(podKind);
        using nodes = of.list(nodeKind);
        return [...pods.entries, ...nodes.entries].map((entry) => sampleOf(of, entry));
      };
      const before = state(store);
      await store.close();
      const reopened = await openSampleStore({ ...options, backend: await subject.open() });
      assert.deepEqual(state(reopened), before);
      assert.equal(reopened.revision, revision);
      assert.throws(() => reopened.list(podKind, {}, revision - 1), CompactedError);
      await reopened.close();
    });

    withSubject('many large writes pass through', async (subject) => {
      const store = await openSampleStore({ ...options, backend: await subject.open() });
      for (let round = 0; round < 10; round++) {
        await Promise.all(
          Array.from({ length: 50 }, (_, i) => put(store, `p${i}`, { payload: `${round}`.repeat(6000) })),
        );
      }
      await put(store, 'large', { payload: 'x'.repeat(1_400_000) });
      await store.close();
      const reopened = await openSampleStore({ ...options, backend: await subject.open() });
      assert.equal(reopened.count(podKind), 51);
      assert.equal(sampleOf(reopened, reopened.get(podKind, 'default', 'p7')!).payload, '9'.repeat(6000));
      await reopened.close();
    });
  });
}

describe('etcd', { skip: drivers.find((driver) => driver.name === 'etcd')!.skip }, () => {
  const withSubject = withPlace(drivers.find((driver) => driver.name === 'etcd')!.make);

  withSubject(
    "two stores over one etcd see each other's writes and keep each other's preconditions",
    async (subject) => {
      const options = { clock: systemClock };
      const one = await openSampleStore({ ...options, backend: await subject.open() });
      const other = await openSampleStore({ ...options, backend: await subject.open() });
      const created = await put(one, 'a', { payload: 'one' });
      assert.ok(await other.reached(created.revision, 5000));
      assert.equal(sampleOf(other, other.get(podKind, 'default', 'a')!).payload, 'one');
      const race = await Promise.allSettled([
        put(one, 'a', { payload: 'x', expectedRevision: created.revision }),
        put(other, 'a', { payload: 'y', expectedRevision: created.revision }),
      ]);
      assert.deepEqual(race.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
      const lost = race.find((each) => each.status === 'rejected')!;
      assert.ok(lost.reason instanceof HeadMovedError && lost.reason.currentRevision > created.revision);
      await one.close();
      await other.close();
    },
  );

  withSubject('when etcd is killed and comes back, the feed goes on without a gap', async (subject) => {
    const store = await openSampleStore({ clock: systemClock, backend: await subject.open() });
    const other = await openSampleStore({ clock: systemClock, backend: await subject.open() });
    const seen: number[] = [];
    store.subscribe(podKind, store.revision, { event: ({ revision }) => void seen.push(revision), closed: () => {} });
    const written: number[] = [];
    let isDone = false;
    const writer = async (through: typeof store, name: string): Promise<void> => {
      while (!isDone) {
        await put(through, name, { payload: `${written.length}` }).then(
          ({ revision }) => written.push(revision),
          () => systemClock.sleep(20),
        );
      }
    };
    const writers = [writer(other, 'a'), writer(other, 'b'), writer(store, 'c')];
    for (let round = 0; round < 3; round++) {
      const before = written.length;
      while (written.length < before + 30) await systemClock.sleep(5);
      await subject.restart!();
    }
    isDone = true;
    await Promise.all(writers);
    const last = await put(other, 'last');
    assert.ok(await store.reached(last.revision, 30_000));
    const known = new Set(seen);
    assert.deepEqual(
      written.filter((revision) => !known.has(revision)),
      [],
    );
    assert.deepEqual(
      seen,
      [...seen].sort((a, b) => a - b),
    );
    await store.close();
    await other.close();
  });

  withSubject('an etcd that has gone is told of, and that it is back', async (subject) => {
    const store = await openSampleStore({ clock: systemClock, backend: await subject.open() });
    await put(store, 'a');
    assert.equal(store.isHealthy(), true);
    const back = subject.restart!();
    while (store.isHealthy()) await systemClock.sleep(1);
    await back;
    while (!store.isHealthy()) await systemClock.sleep(5);
    await store.close();
    assert.equal(store.isHealthy(), false);
  });

  withSubject('a write that etcd refuses says nothing about its health', async (subject) => {
    const backend = await subject.open();
    const limits = [
      [1_700_000, /request is too large/],
      [2_200_000, /message larger than max/],
    ] as const;
    for (const [length, answer] of limits) {
      const change = { key: '/large', value: new Uint8Array(length), revision: 0, expectedRevision: 0 };
      await assert.rejects(backend.commit([change], { durable: true }), answer);
      assert.equal(backend.isHealthy?.(), true);
    }
    await backend.close();
  });

  withSubject('values of other shapes and unknown keys are left alone', async (subject) => {
    const backend = await subject.open();
    const write = (key: string, value: Uint8Array) =>
      backend.commit([{ key, value, revision: 0, expectedRevision: 0 }], { durable: true });
    await write('/kubernetes.io/pods/default/json', bytes('{"kind":"Pod"}'));
    await write('/kubernetes.io/example.com/things/default/x', bytes('{}'));
    const store = await openSampleStore({ clock: systemClock, backend });
    assert.equal(store.stats().objects, 0);
    await write('/kubernetes.io/pods/default/other', bytes('{}'));
    await put(store, 'a');
    assert.equal(store.stats().objects, 1);
    await store.close();
  });

  withSubject('old revisions can be compacted and a snapshot taken', async (subject) => {
    const backend = await subject.open();
    const store = await openSampleStore({ clock: systemClock, backend });
    for (let i = 0; i < 10; i++) await put(store, 'a', { payload: `${i}` });
    await backend.compact(store.revision);
    const path = join(mkdtempSync(join(tmpdir(), 'store-')), 'snapshot.db');
    await backend.snapshot(path);
    assert.ok(statSync(path).size > 10_000);
    rmSync(dirname(path), { recursive: true });
    const late = new Promise<Error>((resolve) => void backend.watch!(2, () => {}, resolve));
    assert.match((await late).message, /canceled/);
    await store.close();
  });
});

test('sqlite: a snapshot is a whole database of the same objects, taken while running', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'store-'));
  try {
    const backend = await sqliteBackend(join(directory, 'state.db'), { cacheBytes: 1 << 20 });
    const store = await openSampleStore({ backend });
    for (let i = 0; i < 100; i++) await put(store, `p${i}`, { payload: 'x'.repeat(1000) });
    await backend.snapshot(join(directory, 'copy.db'));
    await put(store, 'later');
    await store.close();
    const copy = await openSampleStore({
      backend: await sqliteBackend(join(directory, 'copy.db'), { cacheBytes: 1 << 20 }),
    });
    assert.equal(copy.count(podKind), 100);
    await copy.close();
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('sqlite: a second opener is kept out', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'store-'));
  try {
    const path = join(directory, 'state.db');
    const backend = await sqliteBackend(path, { cacheBytes: 1 << 20 });
    await assert.rejects(sqliteBackend(path, { cacheBytes: 1 << 20 }), /locked/);
    await backend.close();
  } finally {
    rmSync(directory, { recursive: true });
  }
});
