import type { Clock, Timer } from '../kernel/clock.ts';

const dayMs = 86_400_000;
/** A burst may spend at most this much of a day's flash budget ahead of time. */
const burstMs = dayMs / 24;
/** Keys that may wait, whatever the flash budget says. */
const keyLimit = 20_000;

/** Which keys are newer in memory than on disk, and when they are due. Coalesces by key. */
export class SoftWrites {
  readonly #clock: Clock;
  readonly #flushMs: number;
  readonly #bytesPerMs: number;
  readonly #onDue: () => void;
  /** Key to whether the disk has a record of it. */
  readonly #dirty = new Map<string, boolean>();
  #timer: Timer | undefined;
  #allowanceBytes: number;
  #allowanceAtMs: number;

  constructor(clock: Clock, budget: { softFlushMs: number; flashBytesPerDay: number }, onDue: () => void) {
    this.#clock = clock;
    this.#flushMs = budget.softFlushMs;
    this.#bytesPerMs = budget.flashBytesPerDay / dayMs;
    this.#onDue = onDue;
    this.#allowanceBytes = this.#bytesPerMs * burstMs;
    this.#allowanceAtMs = clock.monotonicMs();
  }

  get size(): number {
    return this.#dirty.size;
  }

  keys(): string[] {
    return [...this.#dirty.keys()];
  }

  /** Notes that `key` has changed in memory only. `existed`: there was a version of it before. */
  add(key: string, existed: boolean, exists: boolean): void {
    const onDisk = this.#dirty.get(key) ?? existed;
    if (!onDisk && !exists) {
      this.#dirty.delete(key);
      return;
    }
    this.#dirty.set(key, onDisk);
    if (this.#dirty.size >= keyLimit) this.#due();
    else this.#timer ??= this.#clock.after(this.#flushMs, () => this.#due());
  }

  /** The disk has the newest version of `key`. */
  settled(key: string): void {
    this.#dirty.delete(key);
  }

  /** Accounts for a flush; the next one waits until the budget has paid for it. */
  spent(bytes: number): void {
    this.#refill();
    this.#allowanceBytes -= bytes;
    this.#rearm(this.#flushMs);
  }

  /** Tries again later: the flush failed. */
  postpone(): void {
    this.#rearm(this.#flushMs);
  }

  close(): void {
    this.#timer?.cancel();
  }

  #due(): void {
    this.#refill();
    if (this.#allowanceBytes < 0 && this.#dirty.size < keyLimit) {
      this.#rearm(Math.min(Math.ceil(-this.#allowanceBytes / this.#bytesPerMs), dayMs));
      return;
    }
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#onDue();
  }

  #rearm(delayMs: number): void {
    this.#timer?.cancel();
    this.#timer = this.#dirty.size > 0 ? this.#clock.after(delayMs, () => this.#due()) : undefined;
  }

  #refill(): void {
    const nowMs = this.#clock.monotonicMs();
    const earned = (nowMs - this.#allowanceAtMs) * this.#bytesPerMs;
    this.#allowanceBytes = Math.min(this.#allowanceBytes + earned, this.#bytesPerMs * burstMs);
    this.#allowanceAtMs = nowMs;
  }
}
