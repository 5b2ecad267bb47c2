/** Source of time for every room. Nothing else in src/ reads the wall clock or sets a timer. */
export interface Clock {
  /** Wall time, milliseconds since the epoch. */
  nowMs(): number;
  /** Monotonic time, milliseconds from an arbitrary origin. */
  monotonicMs(): number;
  /** Calls `callback` once after `delayMs`. The timer does not keep the process alive. */
  after(delayMs: number, callback: () => void): Timer;
  /** Resolves after `delayMs`, or rejects with the signal's reason. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

export interface Timer {
  cancel(): void;
}

/** What setTimeout can count to; anything above it would fire at once. */
const timerLimitMs = 2 ** 31 - 1;

/** The machine's clock. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after: (delayMs, callback) => startTimer(delayMs, callback, false),
  sleep: (delayMs, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const wake = (): void => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      };
      const timer = startTimer(delayMs, wake, true);
      const onAbort = (): void => {
        timer.cancel();
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
    }),
};

/** Counts long times in steps. */
function startTimer(delayMs: number, callback: () => void, keepsAlive: boolean): Timer {
  let timer: NodeJS.Timeout;
  const start = (leftMs: number): void => {
    const next = leftMs > timerLimitMs ? () => start(leftMs - timerLimitMs) : callback;
    timer = setTimeout(next, Math.min(leftMs, timerLimitMs));
    if (!keepsAlive) timer.unref();
  };
  start(delayMs);
  return { cancel: () => clearTimeout(timer) };
}

/** A clock that moves only when told to. For tests and simulation. */
export class ManualClock implements Clock {
  #nowMs: number;
  #queue: { dueMs: number; order: number; callback: () => void }[] = [];
  #order = 0;

  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#nowMs = startMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, callback: () => void): Timer {
    const entry = { dueMs: this.#nowMs + delayMs, order: this.#order++, callback };
    this.#queue.push(entry);
    return { cancel: () => this.#drop(entry) };
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const timer = this.after(delayMs, resolve);
      signal?.addEventListener(
        'abort',
        () => {
          timer.cancel();
          reject(signal.reason);
        },
        { once: true },
      );
    });
  }

  #drop(entry: { dueMs: number; order: number; callback: () => void }): void {
    this.#queue = this.#queue.filter((other) => other !== entry);
  }

  /** Moves time forward and runs every timer that falls due, in order of due time. */
  advance(byMs: number): void {
    const endMs = this.#nowMs + byMs;
    for (;;) {
      const next = this.#queue
        .filter((entry) => entry.dueMs <= endMs)
        .sort((a, b) => a.dueMs - b.dueMs || a.order - b.order)[0];
      if (!next) break;
      this.#queue = this.#queue.filter((entry) => entry !== next);
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      next.callback();
    }
    this.#nowMs = endMs;
  }
}

/** RFC 3339 with seconds, as Kubernetes' metav1.Time. */
export function formatTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

/** RFC 3339 with microseconds, as Kubernetes' metav1.MicroTime. */
export function formatMicroTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 23)}000Z`;
}
