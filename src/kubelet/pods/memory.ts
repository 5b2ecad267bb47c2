import type { BackOffEntry, Kill, PodMemory, StartFailure } from './types.ts';

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
