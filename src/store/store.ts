import type { KubeObject } from '../schema/object.ts';
import type { Cache } from './cache.ts';
import type { Housekeeping } from './housekeeping.ts';
import type { Publisher } from './publisher.ts';
import type { Records } from './records.ts';
import type {
  Backend,
  Entry,
  Run,
  Selection,
  SnapshotList,
  Store,
  StoredKind,
  StoreListener,
  StoreStats,
  Subscription,
  WriteIntent,
} from './types.ts';
import { StoreClosedError } from './types.ts';
import type { WatchWindow } from './window.ts';
import type { Writer } from './writer.ts';

export interface StoreParts {
  kinds: readonly StoredKind[];
  backend: Backend;
  records: Records;
  cache: Cache;
  window: WatchWindow;
  publisher: Publisher;
  writer: Writer;
  housekeeping: Housekeeping;
}

/** The Store over its parts: reads from the cache, writes through the writer. */
export class CachedStore implements Store {
  readonly kinds: readonly StoredKind[];
  readonly #parts: StoreParts;
  #closed: Error | undefined;
  #closing: Promise<void> | undefined;

  constructor(parts: StoreParts) {
    this.kinds = parts.kinds;
    this.#parts = parts;
  }

  get revision(): number {
    return this.#parts.publisher.revision;
  }

  get compactedRevision(): number {
    return this.#parts.window.compactedRevision;
  }

  get(kind: StoredKind, namespace: string, name: string): Entry | undefined {
    return this.#parts.cache.get(kind, namespace, name);
  }

  head(kind: StoredKind, namespace: string, name: string): Entry | undefined {
    return this.#parts.writer.head(kind, namespace, name);
  }

  list(kind: StoredKind, selection: Selection = {}, at?: number): SnapshotList {
    const { cache, records, window } = this.#parts;
    const isPast = at !== undefined && at !== this.revision;
    if (isPast && at > this.revision) throw new RangeError(`revision ${at} is not published yet`);
    const entries = isPast ? cache.selectAt(kind, selection, window, at) : cache.select(kind, selection);
    for (const entry of entries) records.retain(entry);
    let isDisposed = false;
    return {
      entries,
      revision: at ?? this.revision,
      [Symbol.dispose]() {
        if (isDisposed) return;
        isDisposed = true;
        for (const entry of entries) records.release(entry);
      },
    };
  }

  count(kind: StoredKind, selection: Selection = {}): number {
    return this.#parts.cache.count(kind, selection);
  }

  bytes(entry: Entry): Uint8Array {
    return this.#parts.records.bytes(entry);
  }

  json(entry: Entry, gvk?: { apiVersion: string; kind: string }): Uint8Array {
    return this.#parts.records.json(entry, gvk);
  }

  length(entry: Entry): number {
    return this.#parts.records.length(entry);
  }

  jsonItems(entries: readonly Entry[], from: number, lead: Uint8Array): Run | undefined {
    return this.#parts.records.jsonItems(entries, from, lead);
  }

  recordItems(entries: readonly Entry[], from: number, lead: Uint8Array): Run | undefined {
    return this.#parts.records.recordItems(entries, from, lead);
  }

  object<T extends KubeObject>(entry: Entry): T {
    return this.#parts.records.object(entry) as T;
  }

  retain(entry: Entry): void {
    this.#parts.records.retain(entry);
  }

  release(entry: Entry): void {
    this.#parts.records.release(entry);
  }

  async write(intent: WriteIntent): Promise<Entry> {
    if (this.#closed) throw this.#closed;
    return await this.#parts.writer.write(intent);
  }

  subscribe(kind: StoredKind | undefined, after: number, listener: StoreListener): Subscription {
    return this.#parts.publisher.subscribe(kind, after, listener);
  }

  reached(revision: number, timeoutMs: number): Promise<boolean> {
    return this.#parts.publisher.reached(revision, timeoutMs);
  }

  isHealthy(): boolean {
    return !this.#closed && this.#parts.backend.isHealthy?.() !== false;
  }

  close(): Promise<void> {
    if (this.#closed && !this.#closing) return Promise.resolve();
    this.#closing ??= this.#shutDown();
    return this.#closing;
  }

  /** The backend has failed for good: nothing may be written any more; what is cached stays readable. */
  fail(error: Error): void {
    if (this.#closed) return;
    this.#closed = new StoreClosedError(`the store has failed: ${error.message}`, error);
    const { housekeeping, publisher, window, writer } = this.#parts;
    housekeeping.stop();
    window.close();
    writer.abort(this.#closed);
    publisher.close(this.#closed);
  }

  async #shutDown(): Promise<void> {
    this.#closed = new StoreClosedError();
    const { backend, housekeeping, publisher, window, writer } = this.#parts;
    housekeeping.stop();
    try {
      await writer.drain();
    } finally {
      window.close();
      publisher.close(this.#closed);
      await backend.close();
    }
  }

  stats(): StoreStats {
    const { cache, records, window, writer } = this.#parts;
    const { arena } = records;
    return {
      objects: cache.objects,
      liveBytes: arena.liveBytes,
      usedBytes: arena.usedBytes,
      capacityBytes: arena.capacityBytes,
      windowEvents: window.length,
      pendingWrites: writer.pendingWrites,
      flushedBytes: writer.flushedBytes,
    };
  }
}
