/**
 * The store alone: durable creates by 1 and 32 writers into SQLite, event-loop delay meanwhile, bytes written, memory.
 * `node bench/store.ts [seconds] [directory]` prints one JSON line a case.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { systemClock } from '../src/kernel/clock.ts';
import { sqliteBackend, type Store } from '../src/store/index.ts';
import { openSampleStore, podKind, put, remove, sampleBudget } from '../src/store/testing.ts';

const seconds = Number(process.argv[2] ?? 5);
const parent = process.argv[3] ?? tmpdir();
const payload = 'x'.repeat(1000);

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
  using list = store.list(podKind);
  for (let at = 0; at < list.entries.length; at += 500) {
    await Promise.all(list.entries.slice(at, at + 500).map(({ name }) => remove(store, name)));
  }
}

const directory = mkdtempSync(join(parent, 'store-bench-'));
try {
  const backend = await sqliteBackend(join(directory, 'state.db'), { cacheBytes: 2 << 20 });
  const budget = { ...sampleBudget, cacheBytes: 256 << 20, watchWindowBytes: 16 << 20 };
  const store = await openSampleStore({ backend, clock: systemClock, budget });
  for (const writers of [1, 32]) {
    await measure('create', writers, (id, n) => put(store, `p${writers}-${id}-${n}`, { payload }));
    await clear(store);
    await measure('update', writers, (id, n) => put(store, `p${writers}-${id}`, { payload: payload + n }));
    await clear(store);
    await measure('create beside updates of heartbeats', writers, (id, n) =>
      n % 2
        ? put(store, `soft${id}`, { payload, durability: 'soft' })
        : put(store, `p${writers}-${id}-${n}`, { payload }),
    );
    await clear(store);
  }
  await store.close();
} finally {
  rmSync(directory, { recursive: true });
}
