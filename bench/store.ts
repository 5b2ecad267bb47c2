/**
 * The store alone: durable creates by 1 and 32 writers into SQLite, event-loop delay meanwhile, bytes written, memory.
 * `node bench/store.ts [seconds] [directory]` prints one JSON line a case.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { defaultBudget } from '../src/config/index.ts';
import { silentLogger, systemClock } from '../src/kernel/index.ts';
import { openStore, sqliteBackend, type Store, type StoredKind } from '../src/store/index.ts';
import { createWasmCodec, reserveMemory } from '../src/wasm/index.ts';

const seconds = Number(process.argv[2] ?? 5);
const parent = process.argv[3] ?? tmpdir();

const pods: StoredKind = {
  id: 0,
  path: 'pods',
  namespaced: true,
  gvk: { apiVersion: 'v1', kind: 'Pod' },
  message: 'core/v1.Pod',
  indexes: ['spec.nodeName', 'status.phase'],
};

const memory = reserveMemory(256 << 20);
const codec = createWasmCodec({ memory });

/** A pod of about 1 KB. */
const podBytes = (name: string, round: number): Uint8Array => {
  const env = Array.from({ length: 12 }, (_, i) => ({ name: `VARIABLE_${i}`, value: `value ${i} of ${name}` }));
  const containers = [{ name: 'main', image: 'registry.example/app:1.0', env, command: ['/bin/app', String(round)] }];
  const metadata = {
    name,
    namespace: 'default',
    uid: 'b6e40ef2-54f2-4a8e-8a9b-4c2a4e1f0d11',
    labels: { app: 'bench' },
  };
  const json = JSON.stringify({ metadata, spec: { nodeName: 'node', containers }, status: { phase: 'Running' } });
  return codec.fromJson('core/v1.Pod', Buffer.from(json), { defaults: true }).bytes;
};

const put = (store: Store, name: string, bytes: Uint8Array, durability: 'hard' | 'soft' = 'hard'): Promise<unknown> => {
  const expectedRevision = store.head(pods, 'default', name)?.revision ?? 0;
  return store.write({ kind: pods, namespace: 'default', name, expectedRevision, operation: 'put', bytes, durability });
};

const remove = (store: Store, name: string): Promise<unknown> => {
  const expectedRevision = store.head(pods, 'default', name)!.revision;
  return store.write({
    ...{ kind: pods, namespace: 'default', name, expectedRevision },
    ...{ operation: 'delete', durability: 'hard' },
  });
};

const percentile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;

const processFigure = (file: string, name: string): number =>
  Number(new RegExp(`${name}:\\s+(\\d+)`).exec(readFileSync(`/proc/self/${file}`, 'utf8'))?.[1]);

async function measure(title: string, writers: number, step: (writer: number, round: number) => Promise<unknown>) {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const latencies: number[] = [];
  const writtenBefore = processFigure('io', 'write_bytes');
  const cpuBefore = process.cpuUsage();
  const startMs = performance.now();
  delay.enable();
  const writer = async (id: number): Promise<void> => {
    for (let round = 0; performance.now() - startMs < seconds * 1000; round++) {
      const beginMs = performance.now();
      await step(id, round);
      latencies.push(performance.now() - beginMs);
    }
  };
  await Promise.all(Array.from({ length: writers }, (_, id) => writer(id)));
  delay.disable();
  const elapsed = (performance.now() - startMs) / 1000;
  const cpu = process.cpuUsage(cpuBefore);
  latencies.sort((a, b) => a - b);
  const round = (value: number, digits = 2): number => Number(value.toFixed(digits));
  const figures = {
    title,
    writers,
    perSecond: Math.round(latencies.length / elapsed),
    p50Ms: round(percentile(latencies, 0.5)),
    p99Ms: round(percentile(latencies, 0.99)),
    loopP99Ms: round(delay.percentile(99) / 1e6),
    loopMaxMs: round(delay.max / 1e6),
    cpuMicrosPerWrite: round((cpu.user + cpu.system) / latencies.length, 1),
    bytesPerWrite: Math.round((processFigure('io', 'write_bytes') - writtenBefore) / latencies.length),
    residentMib: round(processFigure('status', 'VmRSS') / 1024, 1),
  };
  process.stdout.write(`${JSON.stringify(figures)}\n`);
}

async function clear(store: Store): Promise<void> {
  using list = store.list(pods);
  for (let at = 0; at < list.entries.length; at += 500) {
    await Promise.all(list.entries.slice(at, at + 500).map(({ name }) => remove(store, name)));
  }
}

const directory = mkdtempSync(join(parent, 'store-bench-'));
try {
  const backend = await sqliteBackend(join(directory, 'state.db'), { cacheBytes: defaultBudget.sqliteCacheBytes });
  const store = await openStore({
    ...{ backend, kinds: [pods], codec, clock: systemClock, log: silentLogger, budget: defaultBudget },
    arena: { memory, base: codec.heapBase },
    onFatal: (error) => {
      throw error;
    },
  });
  const bytes = podBytes('p', 0);
  process.stdout.write(`${JSON.stringify({ podBytes: bytes.length })}\n`);
  for (const writers of [1, 32]) {
    await measure('create', writers, (id, n) => put(store, `p${writers}-${id}-${n}`, bytes));
    await clear(store);
    await measure('update', writers, (id) => put(store, `p${writers}-${id}`, bytes));
    await clear(store);
    await measure('create beside soft updates', writers, (id, n) =>
      n % 2 ? put(store, `soft${id}`, bytes, 'soft') : put(store, `p${writers}-${id}-${n}`, bytes),
    );
    await clear(store);
  }
  await store.close();
} finally {
  rmSync(directory, { recursive: true });
}
