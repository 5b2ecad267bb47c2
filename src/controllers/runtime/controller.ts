import type { Client } from '../../client/types.ts';
import type { Clock, Logger } from '../../kernel/index.ts';
import type { Following } from './follow.ts';
import type { WorkQueue } from './work-queue.ts';

/** What every controller is given. */
export interface ControllerEnv {
  /** A client that acts as the named controller (`namespace-controller`) or component (`kube-controller-manager`). */
  clientFor(name: string): Client;
  clock: Clock;
  log: Logger;
}

export interface Controller {
  readonly name: string;
  stop(): Promise<void>;
}

/** Watches go by the controller manager's rights: the controllers' own roles let them write only. */
export const readerName = 'kube-controller-manager';

/** Keys that may wait in one controller's queue. */
export const queueLimit = 10_000;

export const controllerOf = (name: string, queue: WorkQueue, followings: readonly Following[]): Controller => ({
  name,
  async stop() {
    for (const following of followings) following.stop();
    await queue.stop();
  },
});
