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

/** Opens the configured backend and loads the cache into linear memory of the budget's size. */
export async function openConfiguredStore(options: {
  config: Config;
  paths: DataPaths;
  budget: Budget;
  kinds: readonly StoredKind[];
  clock: Clock;
  log: Logger;
  onFatal(error: Error): void;
}): Promise<OpenedStore> {
  const { config, paths, budget, kinds, clock, log, onFatal } = options;
  const codec = createWasmCodec();
  const memory = reserveMemory(budget.cacheBytes);
  const records = createWasmCodec({ memory, isolated: codec });
  const backend = await openBackend(config, paths, budget, clock);
  const arena = { memory, base: records.heapBase };
  const store = await openStore({
    backend,
    kinds,
    codec: records,
    clock,
    log: log.child('store'),
    budget,
    arena,
    onFatal,
  });
  return { store, codec };
}

async function openBackend(config: Config, paths: DataPaths, budget: Budget, clock: Clock): Promise<Backend> {
  switch (config.store.backend) {
    case 'sqlite':
      return sqliteBackend(paths.database, { cacheBytes: budget.sqliteCacheBytes });
    case 'etcd':
      return etcdBackend({ endpoints: config.store.etcd.endpoints, clock });
    case 'memory':
      return memoryBackend();
  }
}
