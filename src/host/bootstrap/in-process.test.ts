/** Bootstrap, admission, RBAC and controllers together, over the real API and store in memory. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { admissionChain, storeLookup } from '../../api/admission/index.ts';
import { createRbac, type Rbac } from '../../api/authz/index.ts';
import { type ApiServer, createApiServer, storedKinds } from '../../api/index.ts';
import { accessReviews } from '../../api/reviews/index.ts';
import type { Client } from '../../client/types.ts';
import { defaultBudget } from '../../config/index.ts';
import { controllerUser, namespacedResources, startControllers, storeOwnership } from '../../controllers/index.ts';
import { isReason, silentLogger, type StatusError, systemClock } from '../../kernel/index.ts';
import { definitions } from '../../resources/index.ts';
import type {
  ClusterRole,
  ConfigMap,
  EndpointSlice,
  Pod,
  Service,
  SubjectAccessReview,
} from '../../schema/generated/index.ts';
import { referenceCodec } from '../../schema/index.ts';
import type { KubeObject } from '../../schema/object.ts';
import { memoryBackend, openStore, type Store } from '../../store/index.ts';
import { bootstrap } from './index.ts';

const core = (resource: string) => ({ group: '', version: 'v1', resource });
const rbacRef = (resource: string) => ({ group: 'rbac.authorization.k8s.io', version: 'v1', resource });
const authentication = { clientCa: 'CLIENT CA' };
const clock = systemClock;
const log = silentLogger;

let store: Store;
let rbac: Rbac;
let api: ApiServer;
let admin: Client;
let firstWrites: number;
let controllers: { stop(): Promise<void> };

before(async () => {
  const budget = { ...defaultBudget, cacheBytes: 32 << 20 };
  store = await openStore({
    backend: memoryBackend(),
    kinds: storedKinds(definitions),
    codec: referenceCodec,
    clock,
    log,
    budget,
    onFatal: (error) => {
      throw error;
    },
  });
  rbac = createRbac(store);
  const { authorizer } = rbac;
  api = createApiServer({
    store,
    codec: referenceCodec,
    definitions,
    authenticators: { authenticate: () => undefined },
    authorizer,
    admission: admissionChain({ lookup: storeLookup(store), authorizer, clock, others: [rbac.escalationCheck] }),
    reviews: accessReviews(rbac, clock),
    actions: new Map(),
    connects: new Map(),
    paths: [],
    clock,
    log,
    budget,
  });
  admin = api.client(controllerUser('apiserver'));
  firstWrites = await bootstrap({ client: admin, clock, log, authentication });
  controllers = startControllers({
    clientFor: (name) => api.client(controllerUser(name)),
    clock,
    log,
    namespace: { resources: () => namespacedResources(definitions) },
    rootCa: { bundle: () => 'ROOT CA' },
    kubernetesService: {
      serviceCidrs: ['10.43.0.0/16'],
      serviceIp: '10.43.0.1',
      servicePort: 443,
      endpoint: () => ({ ip: '192.168.1.7', port: 6443 }),
    },
    garbageCollector: { ownership: storeOwnership(store, () => definitions) },
  });
});

after(async () => {
  await controllers.stop();
  api.close();
  rbac.close();
  await store.close();
});

/** Waits for what controllers do by themselves. */
async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (const endMs = clock.monotonicMs() + 20_000; clock.monotonicMs() < endMs; ) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error('it did not come about');
}

async function present<T extends KubeObject>(...args: Parameters<Client['get']>): Promise<T | undefined> {
  try {
    return await admin.get<T>(...args);
  } catch (error) {
    if (isReason(error, 'NotFound')) return undefined;
    throw error;
  }
}

async function makeNamespace(name: string): Promise<void> {
  await admin.create(core('namespaces'), { metadata: { name } });
  await until(() => present(core('serviceaccounts'), 'default', name));
  await until(() => present(core('configmaps'), 'kube-root-ca.crt', name));
}

test('a warm start writes nothing', async () => {
  assert.ok(firstWrites > 150);
  assert.equal(await bootstrap({ client: admin, clock, log, authentication }), 0);
});

test('a new namespace gets its account and its CA, and goes when it is deleted', async () => {
  await makeNamespace('shop');
  const published = await admin.get<ConfigMap>(core('configmaps'), 'kube-root-ca.crt', 'shop');
  assert.deepEqual(published.data, { 'ca.crt': 'ROOT CA' });
  await admin.delete(core('namespaces'), 'shop');
  await until(async () => ((await present(core('namespaces'), 'shop')) ? undefined : true));
});

test('the kubernetes Service stands at the first address, with its endpoints', async () => {
  const service = await until(() => present<Service>(core('services'), 'kubernetes', 'default'));
  assert.deepEqual(service.spec.clusterIPs, ['10.43.0.1']);
  const slices = { group: 'discovery.k8s.io', version: 'v1', resource: 'endpointslices' };
  const slice = await until(() => present<EndpointSlice>(slices, 'kubernetes', 'default'));
  assert.deepEqual(slice.endpoints?.[0]?.addresses, ['192.168.1.7']);
});

test('admin, edit and view are aggregated', async () => {
  const rulesOf = async (name: string) => (await admin.get<ClusterRole>(rbacRef('clusterroles'), name)).rules ?? [];
  const full = await until(async () => ((await rulesOf('admin')).length > 20 ? rulesOf('admin') : undefined));
  assert.ok(full.some(({ resources }) => resources?.includes('rolebindings')));
  assert.ok((await rulesOf('view')).every(({ verbs }) => !verbs.includes('create')));
});

test('a pod is completed by admission', async () => {
  await makeNamespace('pods');
  const spec = { containers: [{ name: 'c', image: 'registry/app' }] };
  const pod: Pod = { metadata: { name: 'web', namespace: 'pods' }, spec };
  const made = await admin.create<Pod>(core('pods'), pod, { namespace: 'pods' });
  assert.equal(made.spec.serviceAccountName, 'default');
  assert.match(made.spec.volumes?.[0]?.name ?? '', /^kube-api-access-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
  assert.equal(made.spec.priority, 0);
  assert.equal(made.spec.tolerations?.length, 2);
});

test('a user may do what is bound to him, and passes on no more than that', async () => {
  await makeNamespace('bound');
  const jane = api.client({ name: 'jane', groups: ['system:authenticated'] });
  const configMap = { metadata: { name: 'c', namespace: 'bound' } };
  const tries = () => jane.create(core('configmaps'), configMap, { namespace: 'bound' });
  await assert.rejects(tries(), (error: StatusError) => {
    assert.equal(
      error.message,
      'configmaps is forbidden: User "jane" cannot create resource "configmaps" in API group "" in the namespace "bound"',
    );
    return error.reason === 'Forbidden';
  });
  const binding = (name: string, roleName: string, user: string) => ({
    metadata: { name, namespace: 'bound' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: roleName },
    subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: user }],
  });
  const scope = { namespace: 'bound' };
  await admin.create(rbacRef('rolebindings'), binding('jane', 'admin', 'jane'), scope);
  await tries();
  await jane.create(rbacRef('rolebindings'), binding('joe', 'edit', 'joe'), scope);
  await assert.rejects(
    jane.create(rbacRef('rolebindings'), binding('all', 'cluster-admin', 'joe'), scope),
    /rolebindings\.rbac\.authorization\.k8s\.io "all" is forbidden: user "jane" .* is attempting to grant RBAC permissions not currently held/s,
  );
});

test('an access review says what the authorizer does, and why', async () => {
  const reviews = { group: 'authorization.k8s.io', version: 'v1', resource: 'subjectaccessreviews' };
  const ask = async (user: string, verb: string) => {
    const resourceAttributes = { verb, resource: 'pods', namespace: 'default' };
    const review: SubjectAccessReview = { metadata: {}, spec: { user, resourceAttributes } };
    return (await admin.create<SubjectAccessReview>(reviews, review)).status;
  };
  assert.deepEqual(await ask('system:kube-scheduler', 'list'), {
    allowed: true,
    reason:
      'RBAC: allowed by ClusterRoleBinding "system:kube-scheduler" of ClusterRole "system:kube-scheduler" to User "system:kube-scheduler"',
  });
  assert.equal((await ask('jane', 'list'))?.allowed, false);
});
