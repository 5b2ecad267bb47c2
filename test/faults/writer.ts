/**
 * A process under fault: opens a store over SQLite, lets clients race on few objects, and tells what it does on its
 * standard output, one JSON line a step, each written before the next step begins.
 * `node writer.ts <directory> <options as JSON>`
 */
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../src/kernel/clock.ts';
import { type Backend, HeadMovedError, type Store, sqliteBackend } from '../../src/store/index.ts';
import { openSampleStore, podKind, put, remove, sampleBudget, sampleOf } from '../../src/store/testing.ts';
import type { Line, State, WriterOptions } from './lines.ts';

const [directory, json] = process.argv.slice(2) as [string, string];
const options = JSON.parse(json) as WriterOptions;

const tell = (line: Line): void => void writeSync(1, `${JSON.stringify(line)}\n`);
const now = (): number => Number(process.hrtime.bigint() / 1000n);

let seed = options.seed;
const random = (below: number): number => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return Math.floor((seed / 2 ** 32) * below);
};

const withoutSync = (backend: Backend): Backend => ({
  ownsRevisions: true,
  load: (each) => backend.load(each),
  commit: (changes, how) => backend.commit(changes, { ...how, durable: false }),
  compact: (revision) => backend.compact(revision),
  snapshot: (path) => backend.snapshot(path),
  close: () => backend.close(),
});

async function openTold(): Promise<Store> {
  const backend = await sqliteBackend(join(directory, 'state.db'), { cacheBytes: 1 << 20 });
  const store = await openSampleStore({
    backend: options.sync ? backend : withoutSync(backend),
    clock: systemClock,
    budget: { ...sampleBudget, softFlushMs: 20, flashBytesPerDay: 2 ** 40 },
  });
  const begin = now();
  using list = store.list(podKind);
  const state = Object.fromEntries(list.entries.map((entry) => [entry.name, stateOf(store, entry)]));
  tell({ step: 'open', revision: store.revision, state, begin, end: now() });
  return store;
}

function stateOf(store: Store, entry: Parameters<Store['bytes']>[0]): State {
  return { value: sampleOf(store, entry).payload!.split('/', 1)[0]!, revision: entry.revision };
}

let lastId = 0;

/** One client: looks at an object, then tries to replace or delete what it saw. */
async function client(store: Store, number: number): Promise<void> {
  for (let n = 0; n < options.operations; n++) {
    const isSoftKey = options.softKeys > 0 && random(4) === 0;
    const key = isSoftKey ? `soft${random(options.softKeys)}` : `key${random(options.keys)}`;
    const begin = now();
    const entry = store.get(podKind, 'default', key);
    const seen = entry && stateOf(store, entry);
    tell({ step: 'read', key, value: seen?.value ?? null, begin, end: now() });
    const id = ++lastId;
    const value = seen && random(6) === 0 ? null : `${options.run}.${number}.${n}`;
    const isSoft = isSoftKey && random(3) > 0;
    tell({ step: 'begin', id, key, expected: seen?.value ?? null, value, isSoft, at: now() });
    try {
      const how = { expectedRevision: seen?.revision ?? 0, durability: isSoft ? ('soft' as const) : ('hard' as const) };
      const length = random(3) === 0 ? random(options.payloadBytes) : random(500);
      const payload = `${value}/${'x'.repeat(length)}`;
      const written = value === null ? await remove(store, key, how) : await put(store, key, { ...how, payload });
      tell({ step: 'end', id, revision: written.revision, at: now() });
    } catch (error) {
      if (!(error instanceof HeadMovedError)) throw error;
      tell({ step: 'conflict', id });
    }
  }
}

for (let session = 0; session < options.sessions; session++) {
  const store = await openTold();
  await Promise.all(Array.from({ length: options.clients }, (_, i) => client(store, session * options.clients + i)));
  await store.close();
}
