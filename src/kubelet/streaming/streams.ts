/** Open streams: how many there may be at once, how long one may be silent, and how all of them end. */
import { apiError, type Clock, type Logger, type Timer } from '../../kernel/index.ts';
import type { CriClient } from '../cri/index.ts';

/** As the kubelet's streamingConnectionIdleTimeout. */
export const idleTimeoutMs = 4 * 60 * 60_000;

const retryAfterSeconds = 1;

/** What handlers of streams stand on. */
export interface StreamParts {
  cri: CriClient;
  clock: Clock;
  log: Logger;
  streams: StreamTable;
}

export class StreamTable {
  readonly #limit: number;
  readonly #clock: Clock;
  readonly #open = new Set<OpenStream>();
  #stopped = false;

  constructor(limit: number, clock: Clock) {
    this.#limit = limit;
    this.#clock = clock;
  }

  get size(): number {
    return this.#open.size;
  }

  /** Counts one more stream; `end` cuts it. Throws TooManyRequests, or ServiceUnavailable after `stop`. */
  enter(end: () => void): OpenStream {
    if (this.#stopped) throw apiError.serviceUnavailable('the server is shutting down');
    if (this.#open.size >= this.#limit) {
      throw apiError.tooManyRequests('Too many streams are open, please try again later.', retryAfterSeconds);
    }
    const stream = new OpenStream(this.#clock, end, () => this.#open.delete(stream));
    this.#open.add(stream);
    return stream;
  }

  stop(): void {
    this.#stopped = true;
    for (const stream of [...this.#open]) stream.cut();
  }
}

/** One stream's place in the table. */
export class OpenStream {
  readonly #clock: Clock;
  readonly #end: () => void;
  readonly #forget: () => void;
  #timer: Timer | undefined;
  #activeMs: number;
  #left = false;

  constructor(clock: Clock, end: () => void, forget: () => void) {
    this.#clock = clock;
    this.#end = end;
    this.#forget = forget;
    this.#activeMs = clock.monotonicMs();
    this.#watch(idleTimeoutMs);
  }

  /** Something was sent or received. */
  touch(): void {
    this.#activeMs = this.#clock.monotonicMs();
  }

  /** The stream has ended by itself. */
  leave(): void {
    if (this.#left) return;
    this.#left = true;
    this.#timer?.cancel();
    this.#forget();
  }

  cut(): void {
    if (this.#left) return;
    this.leave();
    this.#end();
  }

  #watch(delayMs: number): void {
    this.#timer = this.#clock.after(delayMs, () => {
      const leftMs = this.#activeMs + idleTimeoutMs - this.#clock.monotonicMs();
      if (leftMs > 0) this.#watch(leftMs);
      else this.cut();
    });
  }
}
