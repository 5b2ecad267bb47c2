/** For tests: an API server over the memory backend with a handful of resources. */
import { defaultBudget, type Budget } from '../../config/budget.ts';
import { ManualClock } from '../../kernel/clock.ts';
import { silentLogger } from '../../kernel/log.ts';
import { fieldError } from '../../kernel/status.ts';
import { allVerbs, defineResource, type ResourceDefinition } from '../../resources/define.ts';
import type { ConfigMap, Deployment, Namespace, Pod } from '../../schema/generated/index.ts';
import { type KubeObject, referenceCodec } from '../../schema/index.ts';
import { memoryBackend, openStore, type Store } from '../../store/index.ts';
import { type ApiServer, type ApiServerOptions, createApiServer } from '../server.ts';
import { storedKinds } from '../routing/index.ts';
import type { UserInfo } from '../types.ts';
import { ask, type FakeAnswer, type FakeRequestOptions, type FakeResponse, open } from './exchange.ts';

const nameColumns = [
  { name: 'Name', type: 'string', format: 'name', value: (object: KubeObject) => object.metadata.name },
] as const;

export const testDefinitions: readonly ResourceDefinition[] = [
  defineResource<ConfigMap>({
    group: '',
    version: 'v1',
    resource: 'configmaps',
    kind: 'ConfigMap',
    scope: 'Namespaced',
    message: 'core/v1.ConfigMap',
    verbs: allVerbs,
    storagePath: 'configmaps',
    columns: [...nameColumns, { name: 'Data', type: 'integer', value: (o) => Object.keys(o.data ?? {}).length }],
    *validateUpdate(next, previous) {
      if (previous.immutable && !next.immutable) {
        yield fieldError.forbidden(['immutable'], 'field is immutable when `immutable` is set');
      }
    },
  }),
  defineResource<Pod>({
    group: '',
    version: 'v1',
    resource: 'pods',
    kind: 'Pod',
    scope: 'Namespaced',
    message: 'core/v1.Pod',
    verbs: allVerbs,
    storagePath: 'pods',
    columns: nameColumns,
    generation: true,
    returnsDeletedObject: true,
    indexes: ['spec.nodeName'],
    selectableFields: {
      'spec.nodeName': (pod) => pod.spec?.nodeName ?? '',
      'status.phase': (pod) => pod.status?.phase ?? '',
    },
    prepareForCreate: (pod) => {
      pod.status = { phase: 'Pending' };
    },
    gracePeriodSeconds: (pod, requested) => (pod.spec?.nodeName ? (requested ?? 30) : 0),
    subresources: {
      status: {
        type: 'object',
        verbs: ['get', 'patch', 'update'],
        merge: (next, previous) => ({ ...previous, metadata: next.metadata, status: next.status! }),
      },
      exec: { type: 'connect', verbs: ['get', 'create'], kind: 'PodExecOptions' },
      binding: {
        type: 'action',
        verbs: ['create'],
        gvk: { apiVersion: 'v1', kind: 'Binding' },
        message: 'core/v1.Binding',
      },
    },
  }),
  defineResource<Deployment>({
    group: 'apps',
    version: 'v1',
    resource: 'deployments',
    kind: 'Deployment',
    scope: 'Namespaced',
    message: 'apps/v1.Deployment',
    verbs: allVerbs,
    storagePath: 'deployments',
    columns: nameColumns,
    generation: true,
    subresources: {
      status: {
        type: 'object',
        verbs: ['get', 'patch', 'update'],
        merge: (next, previous) => ({ ...previous, metadata: next.metadata, status: next.status! }),
      },
      scale: {
        type: 'scale',
        verbs: ['get', 'patch', 'update'],
        replicas: (object) => object.spec?.replicas ?? 0,
        setReplicas: (object, replicas) => ({ ...object, spec: { ...object.spec!, replicas } }),
        statusReplicas: (object) => object.status?.replicas ?? 0,
        selector: () => 'app=web',
      },
    },
  }),
  defineResource<Namespace>({
    group: '',
    version: 'v1',
    resource: 'namespaces',
    kind: 'Namespace',
    scope: 'Cluster',
    message: 'core/v1.Namespace',
    verbs: allVerbs,
    storagePath: 'namespaces',
    columns: nameColumns,
    prepareForCreate: (namespace) => {
      namespace.spec = { finalizers: ['kubernetes'] };
      namespace.status = { phase: 'Active' };
    },
    markDeleting: (namespace) => {
      namespace.status = { phase: 'Terminating' };
    },
    subresources: {
      finalize: {
        type: 'object',
        verbs: ['update'],
        merge: (next, previous) => ({ ...previous, metadata: next.metadata, spec: next.spec! }),
      },
      status: {
        type: 'object',
        verbs: ['get', 'patch', 'update'],
        merge: (next, previous) => ({ ...previous, metadata: next.metadata, status: next.status! }),
      },
    },
  }),
  defineResource<KubeObject>({
    group: 'coordination.k8s.io',
    version: 'v1',
    resource: 'leases',
    kind: 'Lease',
    scope: 'Namespaced',
    message: 'coordination/v1.Lease',
    verbs: allVerbs,
    storagePath: 'leases',
    columns: nameColumns,
    allowCreateOnUpdate: true,
    requiresResourceVersion: false,
  }),
  defineResource<KubeObject>({
    group: 'authorization.k8s.io',
    version: 'v1',
    resource: 'subjectaccessreviews',
    kind: 'SubjectAccessReview',
    scope: 'Cluster',
    message: 'authorization/v1.SubjectAccessReview',
    verbs: ['create'],
    review: true,
    columns: [],
  }),
];

export interface TestCluster {
  clock: ManualClock;
  store: Store;
  api: ApiServer;
  /** JSON by default. `body` objects are sent as JSON. */
  ask(method: string, target: string, options?: FakeRequestOptions): Promise<FakeAnswer>;
  open(method: string, target: string, options?: FakeRequestOptions): FakeResponse;
  close(): Promise<void>;
}

const admin: UserInfo = { name: 'admin', groups: ['system:masters', 'system:authenticated'] };

/** Opens a server. Users come from the `user` header: `admin` when absent, nobody when ''. */
export async function testCluster(
  options: Partial<Omit<ApiServerOptions, 'budget'>> & { budget?: Partial<Budget> } = {},
): Promise<TestCluster> {
  const clock = new ManualClock();
  const budget: Budget = { ...defaultBudget, cacheBytes: 16 << 20, ...options.budget };
  const definitions = options.definitions ?? testDefinitions;
  const store = await openStore({
    backend: memoryBackend(),
    kinds: storedKinds(definitions),
    codec: referenceCodec,
    clock,
    log: silentLogger,
    budget,
    onFatal: (error) => {
      throw error;
    },
  });
  const api = createApiServer({
    store,
    codec: referenceCodec,
    definitions,
    authenticators: {
      authenticate: (source) => {
        const name = source.header('user');
        if (name === undefined) return admin;
        return name === '' ? undefined : { name, groups: ['system:authenticated'] };
      },
    },
    authorizer: { authorize: ({ user }) => ({ allowed: user.name !== 'nobody', reason: '' }) },
    admission: [],
    reviews: new Map(),
    actions: new Map(),
    connects: new Map(),
    paths: [],
    clock,
    log: silentLogger,
    ...options,
    budget,
  });
  return {
    clock,
    store,
    api,
    ask: (method, target, request) => ask(api.handle, method, target, request),
    open: (method, target, request) => open(api.handle, method, target, request),
    async close() {
      api.close();
      await store.close();
    },
  };
}
