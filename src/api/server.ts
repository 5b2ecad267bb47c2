/** Puts the API server together. */
import type { Client } from '../client/types.ts';
import type { Budget } from '../config/budget.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Logger } from '../kernel/log.ts';
import type { ResourceDefinition } from '../resources/define.ts';
import type { Codec } from '../schema/codec.ts';
import type { Store } from '../store/types.ts';
import { AuditedClient, type AuditSink } from './audit/index.ts';
import { InProcessClient } from './client/index.ts';
import type { Core } from './core.ts';
import type { HttpHandler } from './http/types.ts';
import { createPipeline, type Impersonation } from './pipeline.ts';
import { PathRouter, Registry } from './routing/index.ts';
import { type ConnectHandler, legacyBinding, podBinding, podEviction } from './subresources/index.ts';
import type {
  ActionHandler,
  AdmissionPlugin,
  Authenticator,
  Authorizer,
  PathHandler,
  ReviewHandler,
  UserInfo,
} from './types.ts';
import { SharedLists } from './verbs/http/shared-lists.ts';
import { WatchHub } from './watch/index.ts';

export interface ApiServerOptions {
  store: Store;
  codec: Codec;
  definitions: readonly ResourceDefinition[];
  /** All authenticators as one; anonymous requests are its business too. */
  authenticators: Authenticator;
  /** Who a request acts as. Default: who it is; Impersonate-* headers are then ignored. */
  impersonate?: Impersonation;
  authorizer: Authorizer;
  admission: readonly AdmissionPlugin[];
  /** By `group/version/resource`. */
  reviews: ReadonlyMap<string, ReviewHandler>;
  /** By `group/version/resource/subresource`; pods/binding and pods/eviction are there already. */
  actions: ReadonlyMap<string, ActionHandler>;
  /** By `group/version/resource/subresource`. */
  connects: ReadonlyMap<string, ConnectHandler>;
  paths: readonly PathHandler[];
  /** Ports that Services may get on nodes; 30000–32767 when absent. */
  nodePorts?: { first: number; last: number };
  /** Told of every request, over HTTP and in process, that its policy does not leave out. */
  audit?: AuditSink;
  clock: Clock;
  log: Logger;
  budget: Budget;
}

export interface ApiServer {
  /** Serves one HTTP exchange. */
  readonly handle: HttpHandler;
  /** Speaks to this server in process as `user`. */
  client(user: UserInfo): Client;
  /** Ends every watch. The store stays open. */
  close(): void;
}

/** Hooks of kinds act as the API server itself. */
const systemUser: UserInfo = { name: 'system:apiserver', groups: ['system:masters', 'system:authenticated'] };

/** The API over a store. Nothing listens yet: give `handle` to an HTTP server. */
export function createApiServer(options: ApiServerOptions): ApiServer {
  const { definitions, authenticators, impersonate, paths, nodePorts, ...shared } = options;
  const registry = new Registry(definitions, options.store.kinds);
  const core = { ...shared, registry, nodePorts, lists: new SharedLists(options.clock) } as Core;
  core.hub = new WatchHub(core);
  core.actions = new Map([
    ['/v1/pods/binding', podBinding(core)],
    ['/v1/pods/eviction', podEviction(core)],
    ...options.actions,
  ]);
  core.reviews = new Map([['/v1/bindings', legacyBinding(core)], ...options.reviews]);
  const systemCore: Core = { ...core, authorizer: everythingAllowed };
  core.systemClient = new InProcessClient(systemCore, systemUser);
  systemCore.systemClient = core.systemClient;
  const handle = createPipeline({
    core,
    authenticator: authenticators,
    impersonate: impersonate ?? ((user) => user),
    paths: new PathRouter(paths),
  });
  return {
    handle,
    client: (user) => clientOf(core, user),
    close: () => core.hub.close(),
  };
}

function clientOf(core: Core, user: UserInfo): Client {
  const { audit: sink, authorizer, clock } = core;
  const client = new InProcessClient(core, user);
  return sink ? new AuditedClient({ client, user, sink, authorizer, clock }) : client;
}

const everythingAllowed: Authorizer = { authorize: () => ({ allowed: true, reason: '' }) };
