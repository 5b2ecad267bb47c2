/** Open streams: how many there may be at once, how long one may be silent, and how all of them end. */
import { apiError, type Clock, type Logger, type Timer } from '../../kernel/index.ts';
import type { CriClient } from '../cri/index.ts';

/** As the kubelet's streamingConnectionIdleTimeout. */
export const idleTimeoutMs = 4 * 60 * 60_000;

/**
 * Input of all streams that may wait for runtimes that do not read. Clients are told to wait at once; but what
 * uWebSockets.js has begun to read it reads on for as long as the client keeps its socket full.
 */
const waitingLimitBytes = 64 << 20;

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
  #waitingBytes = 0;
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
    const stream = new OpenStream(this.#clock, end, {
      forget: () => this.#open.delete(stream),
      waits: (changeBytes) => {
        this.#waitingBytes += changeBytes;
        return this.#waitingBytes <= waitingLimitBytes;
      },
    });
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
  readonly #table: { forget(): void; waits(changeBytes: number): boolean };
  #waitingBytes = 0;
  #timer: Timer | undefined;
  #activeMs: number;
  #left = false;

  constructor(clock: Clock, end: () => void, table: { forget(): void; waits(changeBytes: number): boolean }) {
    this.#clock = clock;
    this.#end = end;
    this.#table = table;
    this.#activeMs = clock.monotonicMs();
    this.#watch(idleTimeoutMs);
  }

  /** Something was sent or received. */
  touch(): void {
    this.#activeMs = this.#clock.monotonicMs();
  }

  /** So much input waits now; the one that makes it too much for all of them is cut. */
  waits(bytes: number): void {
    if (this.#left || bytes === this.#waitingBytes) return;
    const changeBytes = bytes - this.#waitingBytes;
    this.#waitingBytes = bytes;
    if (!this.#table.waits(changeBytes) && changeBytes > 0) this.cut();
  }

  /** The stream has ended by itself. */
  leave(): void {
    if (this.#left) return;
    this.#left = true;
    this.#timer?.cancel();
    this.#table.waits(-this.#waitingBytes);
    this.#table.forget();
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
