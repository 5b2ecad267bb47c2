/** Keeps the kernel's ruleset as Services, EndpointSlices and pods want it. */
import { type Clock, type Logger, nextTurn, type Timer } from '../../kernel/index.ts';
import type { ServiceTable } from '../facts/index.ts';
import { type Change, compose, difference, emptyRuleset, type Fragment, isEmpty, type Ruleset } from './ruleset.ts';
import { commands, deletions } from './script.ts';
import { type NodeFacts, serviceRules } from './service-rules.ts';

/** Carries out transactions. */
export interface Kernel {
  apply(commands: readonly string[]): Promise<void>;
  /** Likewise, for many commands. */
  applyAll(commands: readonly string[]): Promise<void>;
}

export interface ProxierOptions {
  kernel: Kernel;
  clock: Clock;
  log: Logger;
  node: NodeFacts;
  /** Commands that make the empty table. */
  skeleton: readonly string[];
  services: ServiceTable;
  hostPorts(): Iterable<Fragment>;
  /** After each transaction. */
  applied(change: Change, ruleset: Ruleset): void;
}

/** Between the end of one transaction and the begin of the next; the first change of a quiet time does not wait. */
const minIntervalMs = 100;
const firstRetryMs = 1_000;
const maxRetryMs = 30_000;
/** Of work on many Services before others have their turn. */
const sliceMs = 1;
/** Chains that nothing leads to any more are deleted after this long. */
const staleMs = 1_000;

export class Proxier {
  readonly #options: ProxierOptions;
  readonly #fragments = new Map<string, Fragment>();
  readonly #dirty = new Set<string>();
  /** What the kernel has; undefined when that is not known. */
  #applied: Ruleset | undefined;
  /** Emptied chains that are still there, by when they were emptied. */
  readonly #stale = new Map<string, number>();
  #wanted = false;
  #renewal = false;
  #running: Promise<void> | undefined;
  #timer: Timer | undefined;
  #restUntilMs = Number.NEGATIVE_INFINITY;
  #failures = 0;
  /** Not before `start`, when all there is has been listed; not after `stop`. */
  #following = false;

  constructor(options: ProxierOptions) {
    this.#options = options;
  }

  /** Makes the table as it has to be; throws NetworkError. Changes are followed from then on. */
  async start(): Promise<void> {
    await this.#sync();
    this.#following = true;
    this.#schedule();
  }

  serviceChanged(key: string): void {
    this.#dirty.add(key);
    this.changed();
  }

  changed(): void {
    this.#wanted = true;
    this.#schedule();
  }

  /** Makes the table anew: someone has removed it (`nft flush ruleset`, a firewall's restart). */
  renew(): void {
    if (!this.#following) return;
    this.#options.log.warn('the rules of the service network are gone, making them anew');
    this.#renewal = true;
    this.changed();
  }

  async stop(): Promise<void> {
    this.#following = false;
    this.#timer?.cancel();
    await this.#running?.catch(() => {});
  }

  #schedule(): void {
    if (!this.#wanted || this.#running || this.#timer || !this.#following) return;
    const waitMs = Math.max(0, this.#restUntilMs - this.#options.clock.monotonicMs());
    // Even without waiting: what comes in the same turn belongs together.
    this.#timer = this.#options.clock.after(waitMs, () => {
      this.#timer = undefined;
      this.#running = this.#attempt().finally(() => {
        this.#running = undefined;
        this.#schedule();
      });
    });
  }

  async #attempt(): Promise<void> {
    const { clock, log } = this.#options;
    this.#wanted = false;
    try {
      await this.#sync();
      this.#failures = 0;
      this.#restUntilMs = clock.monotonicMs() + minIntervalMs;
    } catch (error) {
      const delayMs = Math.min(firstRetryMs * 2 ** Math.min(this.#failures++, 10), maxRetryMs);
      log.error('the service network cannot be brought up to date', { error: String(error), delayMs });
      this.#applied = undefined;
      this.#wanted = true;
      this.#restUntilMs = clock.monotonicMs() + delayMs;
    }
  }

  async #sync(): Promise<void> {
    const { kernel, skeleton, applied } = this.#options;
    const before = this.#renewal ? undefined : this.#applied;
    this.#renewal = false;
    if (!before) this.#stale.clear();
    const { next, change } = await this.#inTurns(this.#plan(before ?? emptyRuleset));
    for (const name of change.newChains) this.#stale.delete(name);
    await this.#deleteStale();
    if (before && isEmpty(change)) return;
    if (before) await kernel.apply(commands(change));
    else await kernel.applyAll([...skeleton, ...commands(change)]);
    this.#applied = next;
    this.#remember(change.oldChains);
    applied(change, next);
  }

  *#plan(before: Ruleset): Generator<void, { next: Ruleset; change: Change }> {
    const { services, node, hostPorts } = this.#options;
    for (const key of this.#dirty) {
      const entry = services.get(key);
      const fragment = entry && serviceRules(entry, node);
      if (fragment) this.#fragments.set(key, fragment);
      else this.#fragments.delete(key);
      this.#dirty.delete(key);
      yield;
    }
    const next = yield* compose([...this.#fragments.values(), ...hostPorts()]);
    return { next, change: yield* difference(before, next) };
  }

  async #inTurns<T>(steps: Generator<void, T>): Promise<T> {
    const { clock } = this.#options;
    let endMs = clock.monotonicMs() + sliceMs;
    for (;;) {
      const { done, value } = steps.next();
      if (done) return value;
      if (clock.monotonicMs() < endMs) continue;
      await nextTurn();
      endMs = clock.monotonicMs() + sliceMs;
    }
  }

  async #deleteStale(): Promise<void> {
    const { kernel, clock, log } = this.#options;
    const now = clock.monotonicMs();
    const due = [...this.#stale].filter(([, sinceMs]) => now - sinceMs >= staleMs).map(([name]) => name);
    if (due.length === 0) return;
    for (const name of due) this.#stale.delete(name);
    try {
      await kernel.apply(deletions(due));
    } catch (error) {
      log.debug('chains that were left over stay until the next full transaction', { error: String(error) });
    }
  }

  #remember(chains: readonly string[]): void {
    const { clock } = this.#options;
    for (const name of chains) this.#stale.set(name, clock.monotonicMs());
    if (chains.length > 0) clock.after(staleMs, () => this.changed());
  }
}
