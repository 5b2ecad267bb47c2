/** Time that moves by hand, timer by timer, and belongs to processes that may die. */
import type { Clock, Timer } from '../../src/kernel/index.ts';

interface Entry {
  dueMs: number;
  order: number;
  callback(): void;
}

export class SimulatedTime {
  #nowMs = Date.UTC(2026, 0, 1);
  #order = 0;
  readonly #queue = new Set<Entry>();

  nowMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, callback: () => void): Timer {
    const entry = { dueMs: this.#nowMs + delayMs, order: this.#order++, callback };
    this.#queue.add(entry);
    return { cancel: () => this.#queue.delete(entry) };
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.after(delayMs, resolve));
  }

  /** Lets time pass; `settle` runs after each moment at which something happened. */
  async advance(byMs: number, settle: () => Promise<void>): Promise<void> {
    const endMs = this.#nowMs + byMs;
    for (;;) {
      let next: Entry | undefined;
      for (const entry of this.#queue) {
        if (entry.dueMs > endMs) continue;
        if (!next || entry.dueMs < next.dueMs || (entry.dueMs === next.dueMs && entry.order < next.order)) next = entry;
      }
      if (!next) break;
      this.#queue.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      next.callback();
      await settle();
    }
    this.#nowMs = endMs;
  }
}

/** A process's view of the time. When it is dead nothing calls it any more. */
export class ProcessClock implements Clock {
  readonly #time: SimulatedTime;
  #isDead = false;

  constructor(time: SimulatedTime) {
    this.#time = time;
  }

  kill(): void {
    this.#isDead = true;
  }

  nowMs(): number {
    return this.#time.nowMs();
  }

  monotonicMs(): number {
    return this.#time.nowMs();
  }

  after(delayMs: number, callback: () => void): Timer {
    return this.#time.after(delayMs, () => {
      if (!this.#isDead) callback();
    });
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const timer = this.after(delayMs, resolve);
      signal?.addEventListener('abort', () => {
        timer.cancel();
        reject(signal.reason);
      });
    });
  }
}
