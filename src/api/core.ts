/** What every verb stands on. One per API server. */
import type { Client } from '../client/types.ts';
import type { Budget } from '../config/budget.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Logger } from '../kernel/log.ts';
import type { Codec } from '../schema/codec.ts';
import type { Store } from '../store/types.ts';
import type { AuditSink } from './audit/types.ts';
import type { Registry, Resource } from './routing/index.ts';
import type { ActionHandler, AdmissionPlugin, Authorizer, ReviewHandler, UserInfo } from './types.ts';
import type { ConnectHandler } from './subresources/index.ts';
import type { SharedLists } from './verbs/http/shared-lists.ts';
import type { WatchHub } from './watch/index.ts';

export interface Core {
  store: Store;
  codec: Codec;
  registry: Registry;
  authorizer: Authorizer;
  admission: readonly AdmissionPlugin[];
  reviews: ReadonlyMap<string, ReviewHandler>;
  actions: ReadonlyMap<string, ActionHandler>;
  connects: ReadonlyMap<string, ConnectHandler>;
  clock: Clock;
  log: Logger;
  budget: Budget;
  hub: WatchHub;
  lists: SharedLists;
  nodePorts: { first: number; last: number } | undefined;
  /** Told of every request that it wants to be told of. */
  audit?: AuditSink;
  /** Full rights, for hooks. */
  systemClient: Client;
}

/** Who asks for what: one request to one resource, from HTTP or from the in-process Client. */
export interface Call {
  user: UserInfo;
  resource: Resource;
  subresource: string;
  /** '' for cluster-scoped resources and for lists over all namespaces. */
  namespace: string;
  name: string;
  /** Names the field manager when the request does not. */
  userAgent: string;
  /** Adds a Warning header to the answer. */
  warn(text: string): void;
}
