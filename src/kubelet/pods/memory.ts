import { PodStartError } from '../types.ts';
import { errorText, isAway } from './errors.ts';
import type { BackOffEntry, Kill, PodMemory, StartFailure } from './types.ts';

export const awayRetryMs = 1_000;
/** As the kubelet's backOffPeriod: how soon a failed start is tried again. */
export const startRetryMs = 10_000;
const sandboxRetryMs = 5_000;
const firstMountRetryMs = 1_000;
const maxMountRetryMs = 120_000;
const firstCleanRetryMs = 500;
const maxCleanRetryMs = 60_000;

/** A worker's memory, as the worker itself sees it. */
export class WorkerMemory implements PodMemory {
  readonly failures = new Map<string, StartFailure>();
  readonly backOffs = new Map<string, BackOffEntry>();
  readonly kills = new Map<string, Kill>();
  readonly stoppedSandboxes = new Set<string>();
  sandboxRetryAtMs = 0;
  sandboxAttemptFloor = 0;
  readonly resized = new Map<string, string>();
  resizeFailure: { message: string; retryAtMs: number } | undefined;
  isCleaned = false;
  cleanRetryAtMs = 0;
  #failedMounts = 0;
  #failedCleanings = 0;
  #reservedTwice = false;

  sandboxCreated(): void {
    this.sandboxAttemptFloor = 0;
    this.#failedMounts = 0;
  }

  sandboxFailed(attempt: number, error: unknown, monotonicMs: number): void {
    const isMount = error instanceof PodStartError && error.reason === '';
    this.#failedMounts = isMount ? this.#failedMounts + 1 : 0;
    const waitMs = isMount ? doubled(firstMountRetryMs, this.#failedMounts, maxMountRetryMs) : sandboxRetryMs;
    this.sandboxRetryAtMs = monotonicMs + (isAway(error) ? awayRetryMs : waitMs);
    if (!/is reserved for/.test(errorText(error))) return;
    // The runtime knows the name and lists no such sandbox: one is in the making, or stuck. Then the next name.
    if (this.#reservedTwice) this.sandboxAttemptFloor = attempt + 1;
    this.#reservedTwice = !this.#reservedTwice;
  }

  cleaned(): void {
    this.#failedCleanings = 0;
  }

  /** The runtime refuses to remove what it is still starting, say. */
  cleaningFailed(error: unknown, monotonicMs: number): void {
    const away = isAway(error);
    if (!away) this.#failedCleanings++;
    const waitMs = away ? awayRetryMs : doubled(firstCleanRetryMs, this.#failedCleanings, maxCleanRetryMs);
    this.cleanRetryAtMs = monotonicMs + waitMs;
  }

  /** Drops what is remembered of things that are gone. */
  keepOnly(containerIds: ReadonlySet<string>, sandboxIds: ReadonlySet<string>): void {
    for (const known of [this.kills, this.resized]) {
      for (const id of known.keys()) if (!containerIds.has(id)) known.delete(id);
    }
    for (const id of this.stoppedSandboxes) if (!sandboxIds.has(id)) this.stoppedSandboxes.delete(id);
  }

  /** The pod has changed: what failed may work now. */
  retryNow(): void {
    this.sandboxRetryAtMs = 0;
    this.resizeFailure = undefined;
    for (const [name, failure] of this.failures) this.failures.set(name, { ...failure, retryAtMs: 0 });
  }
}

/** The wait after so many failures in a row. */
const doubled = (firstMs: number, failures: number, maxMs: number): number =>
  Math.min(firstMs * 2 ** (failures - 1), maxMs);
