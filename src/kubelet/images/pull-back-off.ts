import type { Clock } from '../../kernel/index.ts';

interface Entry {
  delayMs: number;
  sinceMs: number;
  /** What the last pull said. */
  error: string;
}

const firstDelayMs = 10_000;
const longestDelayMs = 300_000;
/** Quiet for this long: the next failure counts as the first. */
const forgottenMs = 2 * longestDelayMs;

/** How long a pod waits before it asks for the same image again: 10 s, doubled up to 5 min. */
export class PullBackOff {
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What the last pull said, while it is too early for another one. */
  waiting(key: string): string | undefined {
    const entry = this.#entries.get(key);
    return entry && this.#age(entry) < entry.delayMs ? entry.error : undefined;
  }

  failed(key: string, error: string): void {
    this.#forgetOld();
    const before = this.#entries.get(key);
    const delayMs = before ? Math.min(before.delayMs * 2, longestDelayMs) : firstDelayMs;
    this.#entries.set(key, { delayMs, sinceMs: this.#clock.monotonicMs(), error });
  }

  #age({ sinceMs }: Entry): number {
    return this.#clock.monotonicMs() - sinceMs;
  }

  /** So that the map holds no more than what failed in the last ten minutes. */
  #forgetOld(): void {
    for (const [key, entry] of this.#entries) if (this.#age(entry) > forgottenMs) this.#entries.delete(key);
  }
}
