import type { Clock, Timer } from '../kernel/clock.ts';
import type { Records } from './records.ts';
import { CompactedError, type Entry, type StoreEvent } from './types.ts';

/** What an event costs besides the versions it keeps: the event, its entries, its place in the window. */
const eventOverheadBytes = 256;

interface Slot {
  event: StoreEvent;
  atMs: number;
  bytes: number;
}

/** Past events, bounded by bytes and time. It holds the versions that its events name. */
export class WatchWindow {
  readonly #records: Records;
  readonly #clock: Clock;
  readonly #limitBytes: number;
  readonly #limitMs: number;
  #slots: Slot[] = [];
  /** Slots before this one are gone. */
  #first = 0;
  #bytes = 0;
  #compactedRevision: number;
  #timer: Timer | undefined;

  constructor(records: Records, clock: Clock, limits: { bytes: number; ms: number }, revision: number) {
    this.#records = records;
    this.#clock = clock;
    this.#limitBytes = limits.bytes;
    this.#limitMs = limits.ms;
    this.#compactedRevision = revision;
  }

  get compactedRevision(): number {
    return this.#compactedRevision;
  }

  get length(): number {
    return this.#slots.length - this.#first;
  }

  /** Bytes of the memory that only the window holds. */
  get heldBytes(): number {
    return this.#bytes - this.length * eventOverheadBytes;
  }

  /** Takes over one hold on each of the event's entries. */
  push(event: StoreEvent): void {
    let bytes = eventOverheadBytes;
    if (event.previous) bytes += this.#records.footprint(event.previous);
    if (event.type === 'delete') bytes += this.#records.footprint(event.current);
    this.#slots.push({ event, atMs: this.#clock.monotonicMs(), bytes });
    this.#bytes += bytes;
    this.#timer ??= this.#clock.after(this.#limitMs, () => this.#expire());
  }

  /** Forgets the oldest events until at most `limitBytes` are kept, but none above `keepAbove`. */
  trim(keepAbove: number, limitBytes: number = this.#limitBytes): void {
    while (this.#bytes > limitBytes && this.length > 0 && this.#slots[this.#first]!.event.revision <= keepAbove) {
      this.#dropOldest();
    }
  }

  /** Events after `revision`, oldest first. */
  since(revision: number): StoreEvent[] {
    if (revision < this.#compactedRevision) throw new CompactedError(revision, this.#compactedRevision);
    let low = this.#first;
    let high = this.#slots.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#slots[middle]!.event.revision <= revision) low = middle + 1;
      else high = middle;
    }
    return this.#slots.slice(low).map((slot) => slot.event);
  }

  close(): void {
    this.#timer?.cancel();
  }

  #expire(): void {
    const oldestMs = this.#clock.monotonicMs() - this.#limitMs;
    while (this.length > 0 && this.#slots[this.#first]!.atMs <= oldestMs) this.#dropOldest();
    const oldest = this.#slots[this.#first];
    const wakeMs = Math.max(this.#limitMs / 100, (oldest?.atMs ?? 0) - oldestMs);
    this.#timer = oldest && this.#clock.after(wakeMs, () => this.#expire());
  }

  #dropOldest(): void {
    const { event, bytes } = this.#slots[this.#first]!;
    this.#first++;
    if (this.#first > 1024 && this.#first * 2 > this.#slots.length) {
      this.#slots = this.#slots.slice(this.#first);
      this.#first = 0;
    }
    this.#bytes -= bytes;
    this.#compactedRevision = event.revision;
    this.#records.release(event.current);
    if (event.previous) this.#records.release(event.previous);
  }
}

/** Turns the current state back: what each object that has changed since was then, undefined when it was not there. */
export function undo(events: readonly StoreEvent[]): Map<string, Entry | undefined> {
  const then = new Map<string, Entry | undefined>();
  for (const event of events) {
    const key = `${event.namespace}/${event.name}`;
    if (!then.has(key)) then.set(key, event.previous);
  }
  return then;
}
