import { access, constants } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Config, DataPaths } from '../config/index.ts';
import type { Budget } from '../config/index.ts';
import type { Clock, Logger } from '../kernel/index.ts';
import type { Codec } from '../schema/index.ts';
import {
  type Backend,
  etcdBackend,
  memoryBackend,
  openStore,
  type Store,
  type StoredKind,
  sqliteBackend,
} from '../store/index.ts';
import { createWasmCodec, reserveMemory } from '../wasm/index.ts';

export interface OpenedStore {
  store: Store;
  /** Decodes bytes from anywhere, in a memory of its own. */
  codec: Codec;
}

/** What is stored cannot be reached, or not used: the machine's or the user's trouble, told in one line. */
class StoreOpenError extends Error {
  override readonly name = 'StoreOpenError';
}

/** Opens the configured backend. SQLite's keeps other processes out of the data directory from then on. */
export async function openConfiguredBackend(options: {
  config: Config;
  paths: DataPaths;
  budget: Budget;
  clock: Clock;
}): Promise<Backend> {
  try {
    return await openBackend(options);
  } catch (error) {
    return refuse(options, error as Error);
  }
}

/** Loads the cache from the backend into linear memory of the budget's size. */
export async function openConfiguredStore(options: {
  backend: Backend;
  config: Config;
  paths: DataPaths;
  budget: Budget;
  kinds: readonly StoredKind[];
  clock: Clock;
  log: Logger;
  onFatal(error: Error): void;
}): Promise<OpenedStore> {
  const { backend, budget, kinds, clock, log, onFatal } = options;
  const codec = createWasmCodec();
  const memory = reserveMemory(budget.cacheBytes);
  const records = createWasmCodec({ memory, isolated: codec });
  const arena = { memory, base: records.heapBase };
  const shared = { backend, kinds, clock, budget, arena, onFatal };
  try {
    return { store: await openStore({ ...shared, codec: records, log: log.child('store') }), codec };
  } catch (error) {
    await backend.close();
    return refuse(options, error as Error);
  }
}

async function openBackend({
  config,
  paths,
  budget,
  clock,
}: Parameters<typeof openConfiguredBackend>[0]): Promise<Backend> {
  switch (config.store.backend) {
    case 'sqlite':
      // SQLite would call it an I/O error.
      await access(dirname(paths.database), constants.W_OK | constants.X_OK);
      return sqliteBackend(paths.database, { cacheBytes: budget.sqliteCacheBytes });
    case 'etcd':
      return etcdBackend({ endpoints: config.store.etcd.endpoints, clock });
    case 'memory':
      return memoryBackend();
  }
}

/** SQLite's result code for which its own words say too little. */
const sqliteBusy = 5;

function refuse(from: { config: Config; paths: DataPaths }, error: Error & { errcode?: number }): never {
  const cause = error.errcode === sqliteBusy ? 'another process is using it' : error.message;
  throw new StoreOpenError(`cannot use ${placeOf(from)}: ${cause}`, { cause: error });
}

function placeOf({ config: { store }, paths }: { config: Config; paths: DataPaths }): string {
  switch (store.backend) {
    case 'sqlite':
      return paths.database;
    case 'etcd':
      return `the etcd at ${store.etcd.endpoints.join(', ')}`;
    case 'memory':
      return 'memory';
  }
}
