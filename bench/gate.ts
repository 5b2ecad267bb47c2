/**
 * The short gate of `npm test`: ratios that must hold on any machine, each measured in one run, pair by pair. A mechanism
 * that no longer pays for itself fails here; the figures themselves come from bench:system and bench:codec.
 */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { referenceCodec } from '../src/schema/index.ts';
import { type Backend, sqliteBackend } from '../src/store/index.ts';
import { createWasmCodec } from '../src/wasm/index.ts';

const pairs = 7;
const fixture = readFileSync(resolve(import.meta.dirname, '../test/fixtures/api-roundtrip/core.v1.Pod.json'));
const gvk = { apiVersion: 'v1', kind: 'Pod' };
const plain = { defaults: false };
const codec = createWasmCodec();
const stored = codec.fromJson('core/v1.Pod', fixture, plain).bytes;

const gates: readonly { name: string; atLeast: number; ratio(): Promise<number> }[] = [
  {
    name: 'protobuf → JSON: WASM over the TypeScript reference',
    atLeast: 4,
    ratio: async () =>
      rate(100, () => codec.toJson('core/v1.Pod', stored, gvk)) /
      rate(10, () => referenceCodec.toJson('core/v1.Pod', stored, gvk)),
  },
  {
    name: 'JSON → protobuf: WASM over the TypeScript reference',
    atLeast: 4,
    ratio: async () =>
      rate(100, () => codec.fromJson('core/v1.Pod', fixture, plain)) /
      rate(10, () => referenceCodec.fromJson('core/v1.Pod', fixture, plain)),
  },
  { name: 'durable commit: batches of 32 over single writes', atLeast: 2, ratio: commitRatio },
];

let failed = false;
let revision = 0;
for (const gate of gates) {
  await gate.ratio();
  const ratios: number[] = [];
  for (let pair = 0; pair < pairs; pair++) ratios.push(await gate.ratio());
  const median = ratios.sort((a, b) => a - b)[Math.floor(pairs / 2)] ?? 0;
  const passed = median >= gate.atLeast;
  failed ||= !passed;
  console.log(`${passed ? 'ok    ' : 'FAILED'} ${gate.name}: ${median.toFixed(1)}× (at least ${gate.atLeast}×)`);
}
process.exitCode = failed ? 1 : 0;

/** Calls a second. */
function rate(calls: number, work: () => void): number {
  const beganMs = performance.now();
  for (let i = 0; i < calls; i++) work();
  return (calls / (performance.now() - beganMs)) * 1000;
}

/** Objects a second when committed 32 at a time, over one at a time, on SQLite. */
async function commitRatio(): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'nanoshift-gate-'));
  const backend = await sqliteBackend(join(folder, 'gate.db'), { cacheBytes: 1 << 20 });
  try {
    await backend.load(() => {});
    const single = await commits(backend, 24, 1);
    const batched = await commits(backend, 24, 32);
    return batched / single;
  } finally {
    await backend.close();
    await rm(folder, { recursive: true });
  }
}

async function commits(backend: Backend, count: number, size: number): Promise<number> {
  const beganMs = performance.now();
  for (let i = 0; i < count; i++) {
    const changes = Array.from({ length: size }, () => {
      const next = ++revision;
      return { key: `pods/default/p${next}`, value: stored, revision: next, expectedRevision: 0 };
    });
    await backend.commit(changes, { durable: true });
  }
  return (count * size) / (performance.now() - beganMs);
}
