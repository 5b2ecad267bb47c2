/** The runtime of all controllers: a queue of keys, watches that feed it, and plans carried out. */
export { type Action, carryOut, find, namespaceIsTerminating } from './actions.ts';
export { type ClaimKind, claim, takeClaims } from './claims.ts';
export {
  type Controller,
  type ControllerEnv,
  controllerOf,
  queueOf,
  readerName,
  readingBy,
  recorderFor,
} from './controller.ts';
export { type Follower, type FollowOptions, type Following, follow } from './follow.ts';
export { followOwned } from './follow-owned.ts';
export { byAge, controllerRefOf, controllerRefTo, keyOf, splitKey } from './keys.ts';
export { LastSeen } from './last-seen.ts';
export { type PerNamespace, perNamespaceController } from './per-namespace.ts';
export { SelectorIndex } from './selector-index.ts';
export { done, lookIn, type SyncResult, WorkQueue, type WorkQueueOptions } from './work-queue.ts';
