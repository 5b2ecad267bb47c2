/** The runtime of all controllers: a queue of keys, watches that feed it, and plans carried out. */
export { type Action, carryOut, find, namespaceIsTerminating } from './actions.ts';
export { type Controller, type ControllerEnv, controllerOf, queueLimit, readerName } from './controller.ts';
export { type Follower, type FollowOptions, type Following, follow } from './follow.ts';
export { type PerNamespace, perNamespaceController } from './per-namespace.ts';
export { done, type SyncResult, WorkQueue, type WorkQueueOptions } from './work-queue.ts';
