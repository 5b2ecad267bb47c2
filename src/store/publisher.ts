import type { Clock, Timer } from '../kernel/clock.ts';
import type { Logger } from '../kernel/log.ts';
import type { Cache } from './cache.ts';
import type { Records } from './records.ts';
import type { Entry, StoreEvent, StoreListener, StoredKind, Subscription } from './types.ts';
import type { WatchWindow } from './window.ts';

/** A change that is safe to show. `entry` has one hold, which passes to the publisher. */
export interface Change {
  operation: 'put' | 'delete';
  entry: Entry;
}

interface Waiter {
  revision: number;
  settle(reached: boolean): void;
}

/** The one place where state becomes visible: swaps the cache, then tells listeners, all in revision order. */
export class Publisher {
  readonly #cache: Cache;
  readonly #window: WatchWindow;
  readonly #records: Records;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #listeners = new Map<StoredKind | undefined, Set<StoreListener>>();
  readonly #waiters = new Set<Waiter>();
  #revision: number;
  #settledRevision: number;
  #settling: NodeJS.Immediate | undefined;
  #closed: Error | undefined;
  /** Events of the present batch are still being told. */
  #isTelling = false;
  /** Called after each batch. */
  onPublished: () => void = () => {};

  constructor(cache: Cache, window: WatchWindow, records: Records, clock: Clock, log: Logger, revision: number) {
    this.#cache = cache;
    this.#window = window;
    this.#records = records;
    this.#clock = clock;
    this.#log = log;
    this.#revision = revision;
    this.#settledRevision = revision;
  }

  get revision(): number {
    return this.#revision;
  }

  /** Up to here, the writers that were answered have had their turn to look at what they wrote. */
  get settledRevision(): number {
    return this.#settledRevision;
  }

  publish(changes: readonly Change[]): void {
    if (changes.length === 0) return;
    const events: StoreEvent[] = [];
    for (const change of changes) {
      const event = this.#apply(change);
      if (event) events.push(event);
    }
    const before = this.#revision;
    this.#revision = changes.at(-1)!.entry.revision;
    if (this.#revision < before) throw new Error(`revision ${this.#revision} is out of order`);
    this.#isTelling = true;
    for (const event of events) this.#tell(event);
    this.#isTelling = false;
    this.#progress();
    this.#settle();
    this.#window.trim(this.#settledRevision);
    this.onPublished();
  }

  /** Replays what the window holds after `after`, then goes on with what is published. */
  subscribe(kind: StoredKind | undefined, after: number, subscriber: StoreListener): Subscription {
    if (this.#closed) throw this.#closed;
    const reached = Math.max(after, this.#revision);
    // Who subscribes from within an event is not told the rest of its batch twice.
    const isAhead = after > this.#revision || this.#isTelling;
    const past = this.#window.since(after);
    const listener = isAhead ? from(reached + 1, subscriber) : subscriber;
    const listeners = this.#listeners.get(kind) ?? new Set();
    this.#listeners.set(kind, listeners);
    listeners.add(listener);
    for (const event of past) {
      if (!listeners.has(listener)) break;
      if (kind === undefined || event.kind === kind) this.#call(listeners, listener, () => subscriber.event(event));
    }
    if (listeners.has(listener)) this.#call(listeners, listener, () => listener.progress?.(this.#revision));
    return { close: () => void listeners.delete(listener) };
  }

  reached(revision: number, timeoutMs: number): Promise<boolean> {
    if (revision <= this.#revision) return Promise.resolve(true);
    if (this.#closed) return Promise.resolve(false);
    return new Promise((resolve) => {
      let timer: Timer | undefined;
      const waiter: Waiter = {
        revision,
        settle: (reached) => {
          this.#waiters.delete(waiter);
          timer?.cancel();
          resolve(reached);
        },
      };
      this.#waiters.add(waiter);
      timer = this.#clock.after(timeoutMs, () => waiter.settle(false));
    });
  }

  close(reason: Error): void {
    if (this.#closed) return;
    this.#closed = reason;
    for (const waiter of [...this.#waiters]) waiter.settle(false);
    for (const listeners of this.#listeners.values()) {
      for (const listener of [...listeners]) {
        listeners.delete(listener);
        this.#call(listeners, listener, () => listener.closed(reason));
      }
    }
  }

  #settle(): void {
    this.#settling ??= setImmediate(() => {
      this.#settling = undefined;
      this.#settledRevision = this.#revision;
    });
  }

  #apply({ operation, entry }: Change): StoreEvent | undefined {
    const { kind, namespace, name, revision } = entry;
    if (operation === 'delete') {
      const previous = this.#cache.delete(kind, namespace, name);
      if (!previous) {
        this.#records.release(entry);
        return undefined;
      }
      return this.#remember({ revision, kind, namespace, name, current: entry, previous, type: 'delete' });
    }
    const previous = this.#cache.put(entry);
    this.#records.retain(entry);
    if (!previous) return this.#remember({ revision, kind, namespace, name, current: entry, type: 'create' });
    return this.#remember({ revision, kind, namespace, name, current: entry, previous, type: 'update' });
  }

  #remember(event: StoreEvent): StoreEvent {
    this.#window.push(event);
    return event;
  }

  #tell(event: StoreEvent): void {
    for (const listeners of [this.#listeners.get(event.kind), this.#listeners.get(undefined)]) {
      if (!listeners) continue;
      for (const listener of listeners) this.#call(listeners, listener, () => listener.event(event));
    }
  }

  #progress(): void {
    for (const listeners of this.#listeners.values()) {
      for (const listener of listeners) {
        if (listener.progress) this.#call(listeners, listener, () => listener.progress?.(this.#revision));
      }
    }
    for (const waiter of this.#waiters) if (waiter.revision <= this.#revision) waiter.settle(true);
  }

  /** A listener that throws has lost its place: it is dropped and told so, and cannot stop the others. */
  #call(listeners: Set<StoreListener>, listener: StoreListener, deliver: () => void): void {
    try {
      deliver();
    } catch (error) {
      this.#log.error('store listener failed and was dropped', { error: (error as Error).stack ?? String(error) });
      if (!listeners.delete(listener)) return;
      queueMicrotask(() => this.#call(listeners, listener, () => listener.closed(error as Error)));
    }
  }
}

/** A listener that is spared what comes before `revision`. */
const from = (revision: number, listener: StoreListener): StoreListener => ({
  event: (event) => {
    if (event.revision >= revision) listener.event(event);
  },
  progress: (reached) => listener.progress?.(reached),
  closed: (reason) => listener.closed(reason),
});
