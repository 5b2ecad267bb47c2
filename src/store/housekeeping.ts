import type { Clock, Timer } from '../kernel/clock.ts';
import type { Logger } from '../kernel/log.ts';
import type { Cache } from './cache.ts';
import type { Capacity } from './capacity.ts';
import type { Records } from './records.ts';
import { type Backend, HeadMovedError, type StoredKind } from './types.ts';
import type { WatchWindow } from './window.ts';
import type { Writer } from './writer.ts';

/** Holes may take this much of the used memory before records are moved together. */
const holeShare = 0.1;
const sliceBytes = 512 << 10;
const scrubEveryMs = 60_000;
const scrubBytes = 1 << 20;

export interface HousekeepingParts {
  backend: Backend;
  window: WatchWindow;
  clock: Clock;
  /** How often the backend may forget what the window has forgotten. */
  compactMs: number;
  records: Records;
  cache: Cache;
  capacity: Capacity;
  writer: Writer;
  kinds: readonly StoredKind[];
  log: Logger;
  fail(error: Error): void;
}

/** Work for idle turns, in slices: compaction and checks of the memory, and shedding when it runs short. */
export class Housekeeping {
  readonly #parts: HousekeepingParts;
  #slice: NodeJS.Immediate | undefined;
  #isShedding = false;
  #isStopped = false;
  #compactedRevision: number;
  #compactTimer: Timer;
  #scrubTimer: Timer;

  constructor(parts: HousekeepingParts) {
    this.#parts = parts;
    this.#compactedRevision = parts.window.compactedRevision;
    this.#compactTimer = parts.clock.after(parts.compactMs, () => this.#compactBackend());
    this.#scrubTimer = parts.clock.after(scrubEveryMs, () => this.#scrub());
  }

  /** Call after each published batch. */
  check(): void {
    const { records, capacity } = this.#parts;
    if (!this.#slice && records.arena.isFragmented(holeShare)) this.#schedule();
    if (capacity.isShort && !this.#isShedding && !this.#isStopped) void this.#shed();
  }

  stop(): void {
    this.#isStopped = true;
    this.#compactTimer.cancel();
    this.#scrubTimer.cancel();
    if (this.#slice) clearImmediate(this.#slice);
  }

  #compactBackend(): void {
    const { backend, clock, compactMs, log, window } = this.#parts;
    const revision = window.compactedRevision;
    if (revision > this.#compactedRevision) {
      this.#compactedRevision = revision;
      backend.compact(revision).catch((error: Error) => log.warn('backend compaction failed', { error }));
    }
    this.#compactTimer = clock.after(compactMs, () => this.#compactBackend());
  }

  /** A damaged record means that the memory cannot be trusted: the disk is, so begin again from there. */
  #scrub(): void {
    try {
      this.#parts.records.arena.scrubSome(scrubBytes);
      this.#scrubTimer = this.#parts.clock.after(scrubEveryMs, () => this.#scrub());
    } catch (error) {
      this.#parts.fail(error as Error);
    }
  }

  #schedule(): void {
    if (this.#isStopped) return;
    this.#slice = setImmediate(() => {
      this.#slice = undefined;
      const isDone = this.#parts.records.arena.compact(sliceBytes);
      if (!isDone || this.#parts.records.arena.isFragmented(holeShare)) this.#schedule();
    });
  }

  async #shed(): Promise<void> {
    this.#isShedding = true;
    const { cache, capacity, kinds, log, writer } = this.#parts;
    let shed = 0;
    for (;;) {
      const entries = this.#isStopped ? [] : capacity.expendable(cache, kinds);
      if (entries.length === 0) break;
      const writes = entries.map(({ kind, namespace, name, revision }) =>
        writer.write({ kind, namespace, name, expectedRevision: revision, operation: 'delete', durability: 'soft' }),
      );
      const results = await Promise.allSettled(writes);
      const failure = results.find((each) => each.status === 'rejected' && !(each.reason instanceof HeadMovedError));
      shed += results.filter((each) => each.status === 'fulfilled').length;
      if (failure) break;
    }
    this.#isShedding = false;
    if (shed > 0) log.warn('the object store is nearly full: shed the oldest expendable objects', { objects: shed });
  }
}
