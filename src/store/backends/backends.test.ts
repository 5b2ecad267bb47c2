import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { openSampleStore, podKind, put, remove, sampleOf } from '../testing.ts';
import type { Backend, BackendRecord } from '../types.ts';
import { memoryBackend } from './memory.ts';
import { sqliteBackend } from './sqlite.ts';

/** A driver under test: `open` gives the same data again each time. */
interface Subject {
  open(): Promise<Backend>;
  dispose(): Promise<void>;
}

const drivers: Record<string, () => Promise<Subject>> = {
  memory: async () => {
    const backend = memoryBackend();
    return { open: async () => backend, dispose: async () => {} };
  },
  sqlite: async () => {
    const directory = mkdtempSync(join(tmpdir(), 'store-'));
    return {
      open: () => sqliteBackend(join(directory, 'state.db'), { cacheBytes: 1 << 20 }),
      dispose: async () => rmSync(directory, { recursive: true }),
    };
  },
};

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

const load = async (backend: Backend): Promise<{ records: BackendRecord[]; revision: number }> => {
  const records: BackendRecord[] = [];
  const { revision } = await backend.load((record) =>
    records.push({ ...record, value: Uint8Array.from(record.value) }),
  );
  return { records, revision };
};

for (const [name, make] of Object.entries(drivers)) {
  describe(`backend ${name}`, () => {
    const withSubject = (title: string, body: (subject: Subject) => Promise<void>): void => {
      test(title, async () => {
        const subject = await make();
        try {
          await body(subject);
        } finally {
          await subject.dispose();
        }
      });
    };

    withSubject('a new one is empty', async (subject) => {
      const backend = await subject.open();
      assert.deepEqual(await load(backend), { records: [], revision: 0 });
      await backend.close();
    });

    withSubject('what was committed is loaded again, in key order', async (subject) => {
      const backend = await subject.open();
      const put = (key: string, value: string, revision: number) => ({
        key,
        value: bytes(value),
        revision,
        expectedRevision: 0,
      });
      await backend.commit([put('/b', 'one', 1), put('/a', 'two', 2), put('/a/x', 'three', 3)], { durable: true });
      await backend.commit([put('/b', 'four', 4), { key: '/a', revision: 5, expectedRevision: 2 }], { durable: false });
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

    withSubject('a store comes back as it was closed', async (subject) => {
      const store = await openSampleStore({ backend: await subject.open() });
      for (let i = 0; i < 50; i++)
        await put(store, `p${i % 10}`, { payload: `${i}`, durability: i % 3 ? 'hard' : 'soft' });
      await remove(store, 'p3');
      const { revision } = store;
      const state = (of: typeof store) => {
        using list = of.list(podKind);
        return list.entries.map((entry) => sampleOf(of, entry));
      };
      const before = state(store);
      await store.close();
      const reopened = await openSampleStore({ backend: await subject.open() });
      assert.deepEqual(state(reopened), before);
      assert.equal(reopened.revision, revision);
      await reopened.close();
    });

    withSubject('many large writes pass through the log and its checkpoints', async (subject) => {
      const store = await openSampleStore({ backend: await subject.open() });
      for (let round = 0; round < 20; round++) {
        await Promise.all(
          Array.from({ length: 50 }, (_, i) => put(store, `p${i}`, { payload: `${round}`.repeat(3000) })),
        );
      }
      await store.close();
      const reopened = await openSampleStore({ backend: await subject.open() });
      assert.equal(reopened.count(podKind), 50);
      assert.equal(sampleOf(reopened, reopened.get(podKind, 'default', 'p7')!).payload, '19'.repeat(3000));
      await reopened.close();
    });
  });
}

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
