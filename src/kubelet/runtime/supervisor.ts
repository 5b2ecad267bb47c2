import type { Clock, Logger, Timer } from '../../kernel/index.ts';
import type { CriClient } from '../cri/types.ts';
import type { ProcessRef } from './processes.ts';

export interface SupervisorOptions {
  cri: CriClient;
  clock: Clock;
  log: Logger;
  /** Only for a containerd of our own: how it is brought back, and what is looked after now and then. */
  own?: {
    start(): Promise<{ process: ProcessRef; ended?: Promise<void> }>;
    isAlive(process: ProcessRef): Promise<boolean>;
    tend(): Promise<void>;
    /** Called some time after a process has begun to serve or was adopted. */
    settled(process: ProcessRef): Promise<void>;
  };
}

/** How long a runtime may be silent, and how often it is asked when nothing else tells of it. */
const silenceMs = 30_000;
const checkEveryMs = 30_000;
/** One that lives this long does not die again and again. */
const steadyMs = 5_000;
const firstBackOffMs = 50;
/** For one that had been serving, and for one that does not come up. */
const maxBackOffMs = { died: 500, failed: 10_000 };
const lookAgainMs = 50;
const settleMs = 5_000;

/** Watches over the runtime: brings a containerd of our own back when it has died. */
export class Supervisor {
  readonly #options: SupervisorOptions;
  #process: ProcessRef | undefined;
  /** That it does not answer has been logged. */
  #isSilent = false;
  #startedAtMs = 0;
  #backOffMs = 0;
  #timer: Timer | undefined;
  #settling: Timer | undefined;
  #recovering: Promise<void> | undefined;
  #isWatching = false;

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  /** Of a containerd of our own. */
  get process(): ProcessRef | undefined {
    return this.#process;
  }

  /** Begins to watch over what runs. */
  watch(running?: { process: ProcessRef; ended?: Promise<void> }): void {
    this.#isWatching = true;
    if (running) this.#adopt(running);
    this.#schedule();
  }

  /** The connection has ended: told by the client. */
  lost(): void {
    if (this.#isWatching) this.#recover();
  }

  stop(): void {
    this.#isWatching = false;
    this.#timer?.cancel();
    this.#settling?.cancel();
  }

  #adopt({ process, ended }: { process: ProcessRef; ended?: Promise<void> }): void {
    this.#process = process;
    this.#startedAtMs = this.#options.clock.monotonicMs();
    this.#settling?.cancel();
    this.#settling = this.#options.clock.after(settleMs, () => this.#mind(this.#options.own?.settled(process)));
    void ended?.then(() => {
      if (this.#process === process && this.#isWatching) this.#recover();
    });
  }

  #schedule(): void {
    this.#timer?.cancel();
    if (!this.#isWatching) return;
    this.#timer = this.#options.clock.after(checkEveryMs, () => {
      this.#recover();
      this.#mind(this.#options.own?.tend());
    });
  }

  #mind(chore: Promise<void> | undefined): void {
    chore?.catch((error) => this.#options.log.warn('looking after containerd failed', { error: String(error) }));
  }

  #recover(): void {
    this.#recovering ??= this.#untilItAnswers().finally(() => {
      this.#recovering = undefined;
      this.#schedule();
    });
  }

  /** Asks until there is an answer; a containerd of our own that has ended is started again. */
  async #untilItAnswers(): Promise<void> {
    const { clock, own } = this.#options;
    let waitMs = lookAgainMs;
    while (this.#isWatching) {
      if (own && !(this.#process && (await own.isAlive(this.#process)))) await this.#restart(own);
      if (!this.#isWatching || (await this.#answers())) return;
      await clock.sleep(waitMs);
      waitMs = Math.min(waitMs * 2, 1_000);
    }
  }

  async #answers(): Promise<boolean> {
    try {
      await this.#options.cri.call('Status', {}, { timeoutMs: silenceMs });
      this.#isSilent = false;
      return true;
    } catch (error) {
      if (!this.#isSilent && this.#isWatching) {
        this.#options.log.warn('the container runtime does not answer', { error: (error as Error).message });
      }
      this.#isSilent = true;
      return false;
    }
  }

  async #restart(own: NonNullable<SupervisorOptions['own']>): Promise<void> {
    const { clock, log } = this.#options;
    const livedMs = clock.monotonicMs() - this.#startedAtMs;
    const limitMs = this.#process ? maxBackOffMs.died : maxBackOffMs.failed;
    this.#backOffMs = livedMs >= steadyMs ? 0 : Math.min(limitMs, this.#backOffMs * 2 || firstBackOffMs);
    this.#isSilent = true;
    log.warn('containerd has ended', {
      pid: this.#process?.pid,
      livedMs: Math.round(livedMs),
      waitMs: this.#backOffMs,
    });
    if (this.#backOffMs > 0) await clock.sleep(this.#backOffMs);
    if (!this.#isWatching) return;
    try {
      const started = await own.start();
      if (this.#isWatching) this.#adopt(started);
    } catch (error) {
      if (!this.#isWatching) return;
      this.#process = undefined;
      this.#startedAtMs = clock.monotonicMs();
      log.error('containerd could not be started', { error: (error as Error).message });
    }
  }
}
