import type { Clock } from './clock.ts';
import type { Logger } from './log.ts';

/** A part of the program that can be stopped. */
export interface Service {
  readonly name: string;
  stop(): Promise<void> | void;
}

/**
 * Start and stop order of the program. Services stop in the reverse of the order in which they were added; one that
 * fails to stop does not keep the others from stopping, and the whole stop is bounded.
 */
export class Lifecycle {
  readonly #services: Service[] = [];
  readonly #clock: Clock;
  readonly #log: Logger;
  #stopping: Promise<void> | undefined;

  constructor(clock: Clock, log: Logger) {
    this.#clock = clock;
    this.#log = log;
  }

  /** Starts one service and remembers how to stop it. Logs how long the start took. */
  async start<T>(name: string, start: () => Promise<T> | T, stop: (started: T) => Promise<void> | void): Promise<T> {
    const beganMs = this.#clock.monotonicMs();
    const started = await start();
    this.#services.push({ name, stop: () => stop(started) });
    this.#log.info('service ready', { service: name, tookMs: Math.round(this.#clock.monotonicMs() - beganMs) });
    return started;
  }

  /** Stops everything, newest first, within `limitMs` in all. Idempotent. */
  stop(limitMs: number): Promise<void> {
    this.#stopping ??= this.#stopAll(limitMs);
    return this.#stopping;
  }

  async #stopAll(limitMs: number): Promise<void> {
    const deadlineMs = this.#clock.monotonicMs() + limitMs;
    for (const service of this.#services.reverse()) {
      const leftMs = Math.max(0, deadlineMs - this.#clock.monotonicMs());
      try {
        await this.#within(Promise.resolve(service.stop()), leftMs, service.name);
      } catch (error) {
        this.#log.error('service did not stop cleanly', { service: service.name, error: String(error) });
      }
    }
  }

  async #within(work: Promise<void>, limitMs: number, name: string): Promise<void> {
    const { promise, reject } = Promise.withResolvers<void>();
    const timer = this.#clock.after(limitMs, () => reject(new Error(`${name} took too long to stop`)));
    try {
      await Promise.race([work, promise]);
    } finally {
      timer.cancel();
    }
  }
}
