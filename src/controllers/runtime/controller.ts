import { createEventRecorder } from '../../client/index.ts';
import type { Client, EventRecorder } from '../../client/types.ts';
import { defaultBudget } from '../../config/budget.ts';
import type { Clock, Logger } from '../../kernel/index.ts';
import type { FollowOptions, Following } from './follow.ts';
import { WorkQueue, type WorkQueueOptions } from './work-queue.ts';

/** What every controller is given. */
export interface ControllerEnv {
  /** A client that acts as the named controller (`namespace-controller`) or component (`kube-controller-manager`). */
  clientFor(name: string): Client;
  clock: Clock;
  log: Logger;
  /** Events that may wait to be written, a controller; above: the oldest are dropped. */
  pendingEvents?: number;
}

export interface Controller {
  readonly name: string;
  stop(): Promise<void>;
}

/** Watches go by the controller manager's rights: the controllers' own roles let them write only. */
export const readerName = 'kube-controller-manager';

/** Follows as the reader does. */
export const readingBy = ({ clientFor, clock, log }: ControllerEnv): FollowOptions => ({
  client: clientFor(readerName),
  clock,
  log,
});

/** Keys that may wait in one controller's queue. */
const queueLimit = 10_000;

export const queueOf = (
  { clock, log }: ControllerEnv,
  options: Omit<WorkQueueOptions, 'clock' | 'log' | 'limit'>,
): WorkQueue => new WorkQueue({ ...options, clock, log, limit: queueLimit });

/** `alsoStop`: what else the controller holds, stopped last. */
export const controllerOf = (
  name: string,
  queue: WorkQueue,
  followings: readonly Following[],
  ...alsoStop: readonly { stop(): Promise<void> | void }[]
): Controller => ({
  name,
  async stop() {
    for (const following of followings) following.stop();
    await queue.stop();
    for (const each of alsoStop) await each.stop();
  },
});

/** Events from the controller of this account; `component` is whom users see them from. */
export function recorderFor(
  { clientFor, clock, log, pendingEvents = defaultBudget.pendingEvents }: ControllerEnv,
  account: string,
  component = account,
): EventRecorder & { stop(): Promise<void> } {
  return createEventRecorder({ client: clientFor(account), clock, log, component, limit: pendingEvents });
}
