import type { BackOffEntry, Kill, PodMemory, StartFailure } from './types.ts';

/** A worker's memory, as the worker itself sees it. */
export class WorkerMemory implements PodMemory {
  readonly failures = new Map<string, StartFailure>();
  readonly backOffs = new Map<string, BackOffEntry>();
  readonly kills = new Map<string, Kill>();
  readonly stoppedSandboxes = new Set<string>();
  sandboxRetryAtMs = 0;
  sandboxAttemptFloor = 0;
  isCleaned = false;
  cleanRetryAtMs = 0;

  /** Drops what is remembered of things that are gone. */
  keepOnly(containerIds: ReadonlySet<string>, sandboxIds: ReadonlySet<string>): void {
    for (const id of this.kills.keys()) if (!containerIds.has(id)) this.kills.delete(id);
    for (const id of this.stoppedSandboxes) if (!sandboxIds.has(id)) this.stoppedSandboxes.delete(id);
  }

  /** The pod has changed: what failed may work now. */
  retryNow(): void {
    this.sandboxRetryAtMs = 0;
    for (const [name, failure] of this.failures) this.failures.set(name, { ...failure, retryAtMs: 0 });
  }
}
