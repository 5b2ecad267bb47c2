/** The store over the codec's module, in one memory. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createWasmCodec, reserveMemory } from '../wasm/index.ts';
import { memoryBackend } from './backends/memory.ts';
import { openSampleStore, podKind } from './testing.ts';
import type { Entry, Store } from './types.ts';

const gvk = { apiVersion: 'v1', kind: 'Pod' };
const memory = reserveMemory(16 << 20);
const codec = createWasmCodec({ memory });
const arena = { memory, base: codec.heapBase, poison: true };

const podText = (name: string, round: number): string =>
  JSON.stringify({
    ...gvk,
    metadata: { name, namespace: 'default', labels: { round: String(round) } },
    spec: { nodeName: `node-${round % 3}`, containers: [{ name: 'main', image: 'i'.repeat(1 + round * 7) }] },
  });

function write(store: Store, name: string, round: number): Promise<Entry> {
  const { bytes } = codec.fromJson('core/v1.Pod', Buffer.from(podText(name, round)), { defaults: true });
  const expectedRevision = store.head(podKind, 'default', name)?.revision ?? 0;
  const intent = { kind: podKind, namespace: 'default', name, expectedRevision, bytes };
  return store.write({ ...intent, operation: 'put', durability: 'hard' });
}

test('records are indexed, moved and printed where they lie', async () => {
  const backend = memoryBackend();
  const store = await openSampleStore({ backend, codec, arena });
  for (let round = 0; round < 50; round++) {
    await Promise.all(Array.from({ length: 40 }, (_, i) => write(store, `pod-${i}`, (round * 7 + i) % 50)));
  }
  const check = (of: Store): void => {
    using list = of.list(podKind);
    assert.equal(list.entries.length, 40);
    list.entries.forEach((entry) => {
      const i = Number(entry.name.slice(4));
      const round = (49 * 7 + i) % 50;
      const expected = JSON.parse(podText(entry.name, round));
      const object = JSON.parse(Buffer.from(of.json(entry, gvk)).toString());
      assert.equal(object.metadata.resourceVersion, String(entry.revision));
      assert.equal(object.spec.containers[0].image, expected.spec.containers[0].image);
      assert.deepEqual(of.object(entry), object);
      using onNode = of.list(podKind, { index: { field: 'spec.nodeName', value: `node-${round % 3}` } });
      assert.ok(onNode.entries.includes(entry));
    });
  };
  check(store);
  await store.close();
  const fresh = reserveMemory(16 << 20);
  const records = createWasmCodec({ memory: fresh });
  const reopened = await openSampleStore({ backend, codec: records, arena: { memory: fresh, base: records.heapBase } });
  check(reopened);
});

test('an object larger than the ring is printed as well', async () => {
  const store = await openSampleStore({ codec, arena });
  const { bytes } = codec.fromJson(
    'core/v1.Pod',
    Buffer.from(JSON.stringify({ metadata: { name: 'a', annotations: { large: 'x'.repeat(300_000) } } })),
    { defaults: false },
  );
  const intent = { kind: podKind, namespace: 'default', name: 'a', expectedRevision: 0, bytes };
  const entry = await store.write({ ...intent, operation: 'put', durability: 'hard' });
  assert.ok(store.json(entry).length > 300_000);
  await store.close();
});
