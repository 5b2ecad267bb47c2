import type { Budget } from '../config/budget.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Logger } from '../kernel/log.ts';
import type { Schema } from '../schema/model.ts';
import { CodecError, hasEnvelope, schema as builtIn, unwrapEnvelope } from '../schema/index.ts';
import { type ArenaOptions, reserveMemory } from '../wasm/index.ts';
import { Cache } from './cache.ts';
import { Capacity } from './capacity.ts';
import { Housekeeping } from './housekeeping.ts';
import { keyParser, type ParsedKey } from './keys.ts';
import { LocalWriter } from './local-writer.ts';
import { Publisher } from './publisher.ts';
import { Records, type StoreCodec } from './records.ts';
import { RemoteWriter } from './remote-writer.ts';
import { CachedStore } from './store.ts';
import { type Backend, type BackendRecord, type Store, type StoredKind, StoreFullError } from './types.ts';
import { WatchWindow } from './window.ts';
import type { Writer, WriterParts } from './writer.ts';

/** The limits of a Budget that the store keeps. */
export type StoreBudget = Pick<
  Budget,
  | 'cacheBytes'
  | 'watchWindowBytes'
  | 'watchWindowMs'
  | 'pendingWrites'
  | 'decodedObjects'
  | 'softFlushMs'
  | 'flashBytesPerDay'
>;

export interface StoreOptions {
  backend: Backend;
  /** `kinds[i].id` is i. */
  kinds: readonly StoredKind[];
  codec: StoreCodec;
  clock: Clock;
  log: Logger;
  budget: StoreBudget;
  /** Memory shared with the codec's module. Default: a memory of its own of `budget.cacheBytes`. */
  arena?: ArenaOptions;
  /** Field tables, for index paths. Default: the built-in ones. */
  schema?: Pick<Schema, 'message'>;
  /** The store cannot go on (a failed fsync, a lost feed): end the process. */
  onFatal(error: Error): void;
}

/** Loads everything from the backend and opens the store over it. */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { backend, kinds, codec, clock, log, budget } = options;
  const arena = options.arena ?? { memory: reserveMemory(budget.cacheBytes) };
  const records = new Records(codec, arena, budget.decodedObjects);
  const cache = new Cache(kinds, options.schema ?? builtIn, records);
  const parseKey = keyParser(kinds);
  const loader = new Loader(options, records, cache, parseKey);
  const { revision } = await backend.load((record) => loader.add(record));
  loader.report();

  const limits = { bytes: budget.watchWindowBytes, ms: budget.watchWindowMs };
  const window = new WatchWindow(records, clock, limits, revision);
  const publisher = new Publisher(cache, window, records, clock, log, revision);
  const capacity = new Capacity(records, window, budget.watchWindowBytes);
  const parts: WriterParts = {
    ...{ backend, cache, records, window, publisher, capacity, clock, log, budget, parseKey },
    decode: (record) => loader.decode(record),
    fail(error) {
      store.fail(error);
      options.onFatal(error);
    },
  };
  const writer: Writer = backend.ownsRevisions ? new LocalWriter(parts, revision) : new RemoteWriter(parts, revision);
  const housekeeping = new Housekeeping({
    ...{ backend, records, cache, window, capacity, writer, kinds, clock, log },
    compactMs: budget.watchWindowMs,
    fail: parts.fail,
  });
  publisher.onPublished = () => housekeeping.check();
  const store = new CachedStore({ kinds, backend, records, cache, window, publisher, writer, housekeeping });
  return store;
}

const openingBrace = 0x7b;

interface Unwrapped {
  apiVersion: string;
  kind: string;
  message(): Uint8Array;
}

/** Fills the cache from the backend's records. */
class Loader {
  readonly #options: StoreOptions;
  readonly #records: Records;
  readonly #cache: Cache;
  readonly #parseKey: (key: string) => ParsedKey | undefined;
  #unknown = 0;

  constructor(options: StoreOptions, records: Records, cache: Cache, parseKey: (key: string) => ParsedKey | undefined) {
    this.#options = options;
    this.#records = records;
    this.#cache = cache;
    this.#parseKey = parseKey;
  }

  add(record: BackendRecord): void {
    const parsed = this.#parseKey(record.key);
    const message = parsed && this.decode({ ...parsed, key: record.key, value: record.value });
    if (!message) {
      this.#unknown++;
      return;
    }
    const { kind, namespace, name } = parsed;
    const stamped = this.#records.stamp(message, record.revision);
    const entry = this.#records.add(kind, namespace, name, record.revision, stamped);
    if (!entry) {
      const { capacityBytes } = this.#records.arena;
      throw new StoreFullError(`the stored objects do not fit into the cache of ${capacityBytes} bytes`);
    }
    this.#cache.put(entry);
  }

  /** The storage bytes in a stored value; undefined when it is not what its key says. Such a value is left alone. */
  decode({ kind, key, value }: ParsedKey & { key: string; value: Uint8Array }): Uint8Array | undefined {
    const { log } = this.#options;
    try {
      const { apiVersion, kind: found, message } = this.#unwrap(kind, value);
      if (apiVersion === kind.gvk.apiVersion && found === kind.gvk.kind) return message();
      log.warn('stored value is not of the expected kind', { key, apiVersion, kind: found });
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      log.error('stored value cannot be decoded', { key, error });
    }
    return undefined;
  }

  /** kube-apiserver stores JSON, too: APIServices and CustomResourceDefinitions. */
  #unwrap({ gvk, message }: StoredKind, value: Uint8Array): Unwrapped {
    const { backend, codec } = this.#options;
    if (value[0] === openingBrace) {
      const { apiVersion = '', kind = '', bytes } = codec.fromJson(message, value, { defaults: false, gvk });
      return { apiVersion, kind, message: () => bytes };
    }
    if (!hasEnvelope(value)) return { apiVersion: '', kind: '', message: () => value };
    const envelope = unwrapEnvelope(value);
    const isOurs = backend.ownsRevisions;
    return {
      apiVersion: envelope.apiVersion,
      kind: envelope.kind,
      message: () =>
        isOurs ? envelope.message : codec.fromProto(message, envelope.message, { defaults: false, gvk }).bytes,
    };
  }

  report(): void {
    const { log } = this.#options;
    if (this.#unknown > 0) log.warn('stored values of unknown kinds are left alone', { count: this.#unknown });
    log.info('objects loaded', { objects: this.#cache.objects, bytes: this.#records.arena.liveBytes });
  }
}
