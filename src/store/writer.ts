import type { Clock } from '../kernel/clock.ts';
import type { Logger } from '../kernel/log.ts';
import type { Cache } from './cache.ts';
import type { Capacity } from './capacity.ts';
import type { ParsedKey } from './keys.ts';
import type { Publisher } from './publisher.ts';
import type { Records } from './records.ts';
import type { Backend, Entry, StoredKind, WriteIntent } from './types.ts';
import type { WatchWindow } from './window.ts';

/** What both writers need from the store. */
export interface WriterParts {
  backend: Backend;
  cache: Cache;
  records: Records;
  window: WatchWindow;
  publisher: Publisher;
  capacity: Capacity;
  clock: Clock;
  log: Logger;
  budget: { pendingWrites: number; softFlushMs: number; flashBytesPerDay: number };
  parseKey(key: string): ParsedKey | undefined;
  /** The storage bytes in a stored value; undefined when it is not what its key says. */
  decode(record: ParsedKey & { key: string; value: Uint8Array }): Uint8Array | undefined;
  /** The store cannot go on. */
  fail(error: Error): void;
}

/** How writes get to the backend and into the cache. */
export interface Writer {
  readonly pendingWrites: number;
  readonly flushedBytes: number;
  head(kind: StoredKind, namespace: string, name: string): Entry | undefined;
  write(intent: WriteIntent): Promise<Entry>;
  /** Waits for what is pending and writes what is soft. */
  drain(): Promise<void>;
  /** Rejects everything pending. */
  abort(error: Error): void;
}
