import { type Clock, isReason, type Logger, nextTurn, StatusError, type Timer } from '../../kernel/index.ts';
import { namespaceIsTerminating } from './actions.ts';

/** What a sync says about its key: nothing more to do, look again (backing off, but within `withinMs`), or at a time. */
export type SyncResult = { again: false } | { again: true; withinMs: number } | { again: true; inMs: number };

export const done: SyncResult = { again: false };

/** Look again after this time, unless something happens before. */
export const lookIn = (ms: number): SyncResult => ({ again: true, inMs: Math.max(0, ms) });

export interface WorkQueueOptions {
  name: string;
  clock: Clock;
  log: Logger;
  /** Keys that are synced at the same time. */
  workers: number;
  /** Keys that may wait. One more is dropped, and `overflowed` is called once the queue has run empty. */
  limit: number;
  sync(key: string): Promise<SyncResult>;
  overflowed(): void;
}

/** A Status speaks for itself; anything else is a fault of ours, and its stack is wanted. */
const describe = (error: unknown): string =>
  error instanceof Error && !(error instanceof StatusError) ? (error.stack ?? error.message) : String(error);

/** Someone else was faster, changed or deleted what was to be written: the next look settles it. */
const isRace = (error: unknown): boolean =>
  isReason(error, 'Conflict') || isReason(error, 'NotFound') || namespaceIsTerminating(error);

const firstBackoffMs = 5;
const firstLookMs = 100;
const maxBackoffMs = 60_000;

/**
 * Keys to sync. A key waits at most once and is never synced twice at the same time; added while it is being synced, it
 * is synced once more afterwards. A failed key comes back after 5 ms, then twice as long each time, at most a minute.
 */
export class WorkQueue {
  readonly #options: WorkQueueOptions;
  /** In order of arrival. */
  readonly #waiting = new Set<string>();
  readonly #running = new Map<string, Promise<void>>();
  /** Keys to look at later. */
  readonly #timers = new Map<string, Timer>();
  /** Looks in a row that did not settle a key. */
  readonly #tries = new Map<string, number>();
  #dropped = false;
  #stopped = false;

  constructor(options: WorkQueueOptions) {
    this.#options = options;
  }

  add(key: string): void {
    if (this.#stopped || this.#waiting.has(key)) return;
    if (this.#waiting.size >= this.#options.limit) {
      this.#dropped = true;
      return;
    }
    this.#timers.get(key)?.cancel();
    this.#timers.delete(key);
    this.#waiting.add(key);
    this.#fill();
  }

  addAll(keys: Iterable<string>): void {
    for (const key of keys) this.add(key);
  }

  /** Takes no more keys and resolves when the running syncs have ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
    this.#waiting.clear();
    await Promise.all(this.#running.values());
  }

  #fill(): void {
    for (const key of this.#waiting) {
      if (this.#running.size >= this.#options.workers) return;
      if (this.#running.has(key)) continue;
      this.#waiting.delete(key);
      this.#running.set(key, this.#run(key));
    }
    if (this.#waiting.size > 0 || this.#running.size > 0 || !this.#dropped) return;
    this.#dropped = false;
    this.#options.overflowed();
  }

  async #run(key: string): Promise<void> {
    // A sync that never waits for the disk would otherwise follow the next without end. Also, keys are added from
    // within the store's publication, where nothing else should run.
    await nextTurn();
    try {
      if (this.#stopped) return;
      const result = await this.#options.sync(key);
      if (result.again && 'withinMs' in result) return this.#backOff(key, firstLookMs, result.withinMs);
      this.#tries.delete(key);
      if (result.again) this.#later(key, result.inMs);
    } catch (error) {
      const { log, name } = this.#options;
      const facts = { controller: name, key, error: describe(error) };
      if (isRace(error)) log.debug('sync raced', facts);
      else log.warn('sync failed', facts);
      this.#backOff(key, firstBackoffMs, maxBackoffMs);
    } finally {
      this.#running.delete(key);
      if (!this.#stopped) this.#fill();
    }
  }

  #backOff(key: string, firstMs: number, maxMs: number): void {
    const tries = this.#tries.get(key) ?? 0;
    this.#tries.set(key, tries + 1);
    this.#later(key, Math.min(firstMs * 2 ** Math.min(tries, 30), maxMs));
  }

  #later(key: string, delayMs: number): void {
    if (this.#stopped || this.#waiting.has(key)) return;
    this.#timers.get(key)?.cancel();
    const fire = (): void => {
      this.#timers.delete(key);
      this.add(key);
    };
    this.#timers.set(key, this.#options.clock.after(delayMs, fire));
  }
}
