import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ResourceRef } from '../client/types.ts';
import { apiError, silentLogger } from '../kernel/index.ts';
import type {
  ClusterRole,
  ConfigMap,
  EndpointSlice,
  Endpoints,
  Namespace,
  Pod,
  PolicyRule,
  Service,
  ServiceCIDR,
} from '../schema/generated/index.ts';
import type { KubeObject } from '../schema/object.ts';
import { type ControllersOptions, controllerUser, type Ownership, startControllers } from './index.ts';
import { FakeCluster } from './testing.ts';

const core = (resource: string) => ({ group: '', version: 'v1', resource });
const verbs = ['delete', 'deletecollection', 'get', 'list'];
const clusterRoles = { group: 'rbac.authorization.k8s.io', version: 'v1', resource: 'clusterroles' };

interface Running {
  cluster: FakeCluster;
  admin: ReturnType<FakeCluster['clientFor']>;
  endpoint: { ip: string; port: number };
  ca: { bundle: string };
  start(): { stop(): Promise<void> };
}

function fixture(): Running {
  const cluster = new FakeCluster();
  const endpoint = { ip: '192.168.1.7', port: 6443 };
  const ca = { bundle: 'PEM 1' };
  const options: ControllersOptions = {
    clientFor: cluster.clientFor,
    clock: cluster.clock,
    log: silentLogger,
    namespace: {
      resources: () => [
        { ...core('configmaps'), verbs },
        { ...core('pods'), verbs },
        { ...core('serviceaccounts'), verbs },
        { ...core('services'), verbs: ['delete', 'get', 'list'] },
      ],
    },
    rootCa: { bundle: () => ca.bundle },
    kubernetesService: {
      serviceCidrs: ['10.43.0.0/16'],
      serviceIp: '10.43.0.1',
      servicePort: 443,
      endpoint: () => endpoint,
    },
    garbageCollector: { ownership: nobodyOwns },
  };
  return { cluster, admin: cluster.clientFor('admin'), endpoint, ca, start: () => startControllers(options) };
}

/** What owners there are is tested with the real store. */
const nobodyOwns: Ownership = {
  dependentsOf: () => [],
  kindOf: () => undefined,
  peek: () => undefined,
  follow: () => ({ stop() {}, relist() {} }),
};

const named = (name: string, more: object = {}): KubeObject => ({ metadata: { name, ...more } });

const podNamed = (name: string, more: object): Pod => ({ ...named(name, more), spec: { containers: [] } });

async function withNamespace(name: string): Promise<Running> {
  const running = fixture();
  await running.admin.create(core('namespaces'), named('default'));
  await running.admin.create(core('namespaces'), named(name));
  running.start();
  await running.cluster.settle();
  return running;
}

test('a namespace gets its default account and the root CA, whether it was there before or comes later', async () => {
  const { cluster, admin } = await withNamespace('early');
  await admin.create(core('namespaces'), named('late'));
  await cluster.settle();
  for (const namespace of ['early', 'late']) {
    assert.ok(cluster.peek('serviceaccounts', 'default', namespace), namespace);
    assert.deepEqual(cluster.peek<ConfigMap>('configmaps', 'kube-root-ca.crt', namespace)?.data, { 'ca.crt': 'PEM 1' });
  }
});

test('each controller writes as itself', async () => {
  const { cluster } = await withNamespace('shop');
  const writer = (resource: string) =>
    cluster.writes.find((write) => write.resource === resource && write.namespace === 'shop')?.user;
  assert.equal(writer('serviceaccounts'), 'service-account-controller');
  assert.equal(writer('configmaps'), 'root-ca-cert-publisher');
  assert.equal(controllerUser('namespace-controller').name, 'system:serviceaccount:kube-system:namespace-controller');
});

test('the account and the root CA come back when they are deleted or changed', async () => {
  const { cluster, admin } = await withNamespace('shop');
  await admin.delete(core('serviceaccounts'), 'default', { namespace: 'shop' });
  await admin.delete(core('configmaps'), 'kube-root-ca.crt', { namespace: 'shop' });
  await cluster.settle();
  assert.ok(cluster.peek('serviceaccounts', 'default', 'shop'));
  const published = cluster.peek<ConfigMap>('configmaps', 'kube-root-ca.crt', 'shop');
  assert.ok(published);
  await admin.update(core('configmaps'), { ...published, data: { 'ca.crt': 'forged', more: 'x' } });
  await cluster.settle();
  assert.deepEqual(cluster.peek<ConfigMap>('configmaps', 'kube-root-ca.crt', 'shop')?.data, { 'ca.crt': 'PEM 1' });
});

test('what was deleted while no watch was up is found after listing again', async () => {
  const { cluster, admin } = await withNamespace('shop');
  cluster.closeWatches(apiError.expired('too old resource version'));
  await admin.delete(core('configmaps'), 'kube-root-ca.crt', { namespace: 'shop' });
  await admin.delete(core('serviceaccounts'), 'default', { namespace: 'shop' });
  cluster.clock.advance(50);
  await cluster.settle();
  assert.ok(cluster.peek('configmaps', 'kube-root-ca.crt', 'shop'));
  assert.ok(cluster.peek('serviceaccounts', 'default', 'shop'));
});

test('a write that fails is tried again', async () => {
  const { cluster, admin } = await withNamespace('shop');
  let refusals = 2;
  cluster.intercept = ({ user }) => {
    if (user === 'service-account-controller' && refusals-- > 0) throw apiError.internal('no');
  };
  await admin.create(core('namespaces'), named('later'));
  for (let i = 0; i < 3; i++) {
    await cluster.settle();
    cluster.clock.advance(20);
  }
  await cluster.settle();
  assert.ok(cluster.peek('serviceaccounts', 'default', 'later'));
});

test('a deleted namespace is emptied and goes, and nothing is made in it again', async () => {
  const { cluster, admin } = await withNamespace('shop');
  await admin.create(core('pods'), podNamed('web', { namespace: 'shop' }), { namespace: 'shop' });
  await admin.create(core('services'), named('web', { namespace: 'shop' }), { namespace: 'shop' });
  await admin.delete(core('namespaces'), 'shop');
  await cluster.settle();
  for (const [resource, name] of [
    ['pods', 'web'],
    ['services', 'web'],
    ['configmaps', 'kube-root-ca.crt'],
    ['serviceaccounts', 'default'],
  ] as const) {
    assert.equal(cluster.peek(resource, name, 'shop'), undefined, resource);
  }
  assert.equal(cluster.peek('namespaces', 'shop'), undefined);
});

test('nothing but pods is deleted while a pod is left, and the conditions say why', async () => {
  const { cluster, admin } = await withNamespace('shop');
  const pod = podNamed('stuck', { namespace: 'shop', finalizers: ['example.com/hold'] });
  await admin.create(core('pods'), pod, { namespace: 'shop' });
  await admin.delete(core('namespaces'), 'shop');
  await cluster.settle();
  assert.ok(cluster.peek('configmaps', 'kube-root-ca.crt', 'shop'));
  const conditions = cluster.peek<Namespace>('namespaces', 'shop')?.status?.conditions ?? [];
  assert.deepEqual(
    conditions.map(({ type, status, message }) => [type, status, message]),
    [
      ['NamespaceDeletionDiscoveryFailure', 'False', 'All resources successfully discovered'],
      ['NamespaceDeletionGroupVersionParsingFailure', 'False', 'All legacy kube types successfully parsed'],
      ['NamespaceDeletionContentFailure', 'False', 'All content successfully deleted, may be waiting on finalization'],
      ['NamespaceContentRemaining', 'True', 'Some resources are remaining: pods. has 1 resource instances'],
      [
        'NamespaceFinalizersRemaining',
        'True',
        'Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances',
      ],
    ],
  );
  const held = cluster.peek('pods', 'stuck', 'shop');
  assert.ok(held?.metadata.deletionTimestamp);
  await admin.update(core('pods'), { ...held, metadata: { ...held.metadata, finalizers: [] } });
  cluster.clock.advance(10_000);
  await cluster.settle();
  assert.equal(cluster.peek('namespaces', 'shop'), undefined);
});

test('a waiting namespace is not written to while nothing changes', async () => {
  const { cluster, admin } = await withNamespace('shop');
  const pod = podNamed('stuck', { namespace: 'shop', finalizers: ['example.com/hold'] });
  await admin.create(core('pods'), pod, { namespace: 'shop' });
  await admin.delete(core('namespaces'), 'shop');
  await cluster.settle();
  cluster.clock.advance(60_000);
  await cluster.settle();
  const revision = cluster.peek('namespaces', 'shop')?.metadata.resourceVersion;
  cluster.clock.advance(60_000);
  await cluster.settle();
  assert.equal(cluster.peek('namespaces', 'shop')?.metadata.resourceVersion, revision);
});

test('a namespace that others hold is emptied, loses our finalizer only, and is then left to them', async () => {
  const { cluster, admin } = await withNamespace('shop');
  const held = cluster.peek<Namespace>('namespaces', 'shop');
  assert.ok(held);
  await admin.update(core('namespaces'), {
    ...held,
    spec: { finalizers: ['kubernetes', 'example.com/hold'] },
  } as Namespace);
  await admin.delete(core('namespaces'), 'shop');
  await cluster.settle();
  assert.deepEqual(cluster.peek<Namespace>('namespaces', 'shop')?.spec?.finalizers, ['example.com/hold']);
  const before = cluster.writes.length;
  cluster.clock.advance(60_000);
  await cluster.settle();
  assert.equal(cluster.writes.length, before);
});

test('a failure to delete is a condition, and the namespace stays', async () => {
  const { cluster, admin } = await withNamespace('shop');
  cluster.intercept = ({ user, resource }) => {
    if (user === 'namespace-controller' && resource === 'configmaps') throw apiError.internal('disk on fire');
  };
  await admin.delete(core('namespaces'), 'shop');
  await cluster.settle();
  const conditions = cluster.peek<Namespace>('namespaces', 'shop')?.status?.conditions ?? [];
  const failure = conditions.find(({ type }) => type === 'NamespaceDeletionContentFailure');
  assert.equal(
    failure?.message,
    'Failed to delete all resource types, 1 remaining: Internal error occurred: disk on fire',
  );
  cluster.intercept = () => {};
  cluster.clock.advance(60_000);
  await cluster.settle();
  assert.equal(cluster.peek('namespaces', 'shop'), undefined);
});

test('the kubernetes Service has the first address, endpoints and a slice of its own, and a ready ServiceCIDR', async () => {
  const { cluster } = await withNamespace('shop');
  const service = cluster.peek<Service>('services', 'kubernetes', 'default');
  assert.deepEqual(service?.metadata.labels, { component: 'apiserver', provider: 'kubernetes' });
  assert.equal(service?.spec?.clusterIP, '10.43.0.1');
  assert.deepEqual(service?.spec?.ports, [{ name: 'https', protocol: 'TCP', port: 443, targetPort: 6443 }]);
  const endpoints = cluster.peek<Endpoints>('endpoints', 'kubernetes', 'default');
  assert.deepEqual(endpoints?.metadata.labels, { 'endpointslice.kubernetes.io/skip-mirror': 'true' });
  assert.deepEqual(endpoints?.subsets, [
    { addresses: [{ ip: '192.168.1.7' }], ports: [{ name: 'https', port: 6443, protocol: 'TCP' }] },
  ]);
  const slice = cluster.peek<EndpointSlice>('endpointslices', 'kubernetes', 'default');
  assert.deepEqual(slice?.metadata.labels, { 'kubernetes.io/service-name': 'kubernetes' });
  assert.equal(slice?.addressType, 'IPv4');
  assert.deepEqual(slice?.endpoints, [{ addresses: ['192.168.1.7'], conditions: { ready: true } }]);
  const cidr = cluster.peek<ServiceCIDR>('servicecidrs', 'kubernetes');
  assert.deepEqual(cidr?.spec?.cidrs, ['10.43.0.0/16']);
  assert.equal(cidr?.status?.conditions?.[0]?.status, 'True');
});

test('a ServiceCIDR is protected and ready, and goes when no Service has an address of it', async () => {
  const { cluster, admin } = await withNamespace('shop');
  const [cidrs, addresses] = ['servicecidrs', 'ipaddresses'].map((resource) => ({
    group: 'networking.k8s.io',
    version: 'v1',
    resource,
  })) as [ResourceRef, ResourceRef];
  const more: ServiceCIDR = { metadata: { name: 'more' }, spec: { cidrs: ['10.50.0.0/24'] } };
  await admin.create(cidrs, more);
  const labels = { 'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io' };
  await admin.create(addresses, named('10.50.0.9', { labels }));
  await cluster.settle();
  const found = () => cluster.peek<ServiceCIDR>('servicecidrs', 'more');
  assert.deepEqual(found()?.metadata.finalizers, ['networking.k8s.io/service-cidr-finalizer']);
  assert.equal(found()?.status?.conditions?.[0]?.status, 'True');
  await admin.delete(cidrs, 'more');
  await cluster.settle();
  assert.deepEqual(
    found()?.status?.conditions?.map(({ status, reason }) => [status, reason]),
    [['False', 'Terminating']],
  );
  await admin.delete(addresses, '10.50.0.9');
  await cluster.settle();
  assert.equal(found(), undefined);
});

test('a ServiceCIDR within another one goes at once', async () => {
  const { cluster, admin } = await withNamespace('shop');
  const cidrs = { group: 'networking.k8s.io', version: 'v1', resource: 'servicecidrs' };
  const inner: ServiceCIDR = { metadata: { name: 'inner' }, spec: { cidrs: ['10.43.7.0/24'] } };
  await admin.create(cidrs, inner);
  await admin.create({ ...cidrs, resource: 'ipaddresses' }, named('10.43.7.9'));
  await cluster.settle();
  await admin.delete(cidrs, 'inner');
  await cluster.settle();
  assert.equal(cluster.peek('servicecidrs', 'inner'), undefined);
});

test('endpoints follow the address of the device, also from IPv4 to IPv6', async () => {
  const { cluster, endpoint } = await withNamespace('shop');
  endpoint.ip = '192.168.1.8';
  cluster.clock.advance(30_000);
  await cluster.settle();
  const addresses = () => cluster.peek<EndpointSlice>('endpointslices', 'kubernetes', 'default')?.endpoints;
  assert.deepEqual(addresses()?.[0]?.addresses, ['192.168.1.8']);
  endpoint.ip = 'fd00::8';
  cluster.clock.advance(30_000);
  await cluster.settle();
  assert.deepEqual(addresses()?.[0]?.addresses, ['fd00::8']);
  assert.equal(cluster.peek<EndpointSlice>('endpointslices', 'kubernetes', 'default')?.addressType, 'IPv6');
});

test('a settled cluster is not written to', async () => {
  const { cluster } = await withNamespace('shop');
  const before = cluster.writes.length;
  cluster.clock.advance(120_000);
  await cluster.settle();
  assert.equal(cluster.writes.length, before);
});

test('an aggregated role has the rules of the roles that its selectors match, each once, by name', async () => {
  const { cluster, admin } = await withNamespace('shop');
  const rule = (resource: string): PolicyRule => ({ verbs: ['get'], apiGroups: [''], resources: [resource] });
  const role = (name: string, ...resources: string[]): ClusterRole => ({
    metadata: { name, labels: { 'aggregate-to-view': 'true' } },
    rules: resources.map(rule),
  });
  const view: ClusterRole = {
    metadata: { name: 'view' },
    rules: [],
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: { 'aggregate-to-view': 'true' } }] },
  };
  await admin.create(clusterRoles, role('b', 'pods', 'secrets'));
  await admin.create(clusterRoles, view);
  await admin.create(clusterRoles, role('a', 'pods', 'nodes'));
  await cluster.settle();
  const rules = () => cluster.peek<ClusterRole>('clusterroles', 'view')?.rules;
  assert.deepEqual(rules(), ['pods', 'nodes', 'secrets'].map(rule));
  await admin.delete(clusterRoles, 'a');
  await cluster.settle();
  assert.deepEqual(rules(), ['pods', 'secrets'].map(rule));
});

test('stopped controllers do nothing', async () => {
  const { cluster, admin, start } = fixture();
  const controllers = start();
  await cluster.settle();
  await controllers.stop();
  await admin.create(core('namespaces'), named('shop'));
  cluster.clock.advance(60_000);
  await cluster.settle();
  assert.equal(cluster.peek('serviceaccounts', 'default', 'shop'), undefined);
});
