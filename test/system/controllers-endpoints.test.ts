import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { EndpointSlice, Endpoints, Pod, Service } from '../../src/schema/generated/index.ts';
import { core, TestCluster } from './controllers-api.ts';

const slicesRef = { group: 'discovery.k8s.io', version: 'v1', resource: 'endpointslices' };
let cluster: TestCluster;

before(async () => {
  cluster = await TestCluster.start();
  const labels = { 'topology.kubernetes.io/zone': 'zone-a' };
  await cluster.admin.create(core('nodes'), { metadata: { name: 'node-1', labels } });
});
after(() => cluster.stop());

async function makeService(namespace: string, name: string, spec: object): Promise<void> {
  if (!(await cluster.find(core('namespaces'), namespace))) await cluster.namespace(namespace);
  const full: Service['spec'] = { ports: [{ port: 80, targetPort: 8080 }], ...spec };
  await cluster.admin.create<Service>(core('services'), { metadata: { name, namespace }, spec: full }, { namespace });
  await cluster.settle();
}

async function makePod(namespace: string, name: string, app: string, ip: string, ready = true): Promise<Pod> {
  const object: Pod = {
    metadata: { name, namespace, labels: { app } },
    spec: { nodeName: 'node-1', containers: [{ name: 'web', image: 'web:1' }] },
  };
  const made = await cluster.admin.create<Pod>(core('pods'), object, { namespace });
  const type = 'application/strategic-merge-patch+json';
  const options = { namespace, subresource: 'status' };
  const body = { status: { podIP: ip, podIPs: [{ ip }] } };
  await cluster.admin.patch(core('pods'), name, type, body, options);
  await cluster.run([made], ready);
  return made;
}

async function slicesOf(namespace: string, service: string): Promise<readonly EndpointSlice[]> {
  const labelSelector = `kubernetes.io/service-name=${service}`;
  return (await cluster.admin.list<EndpointSlice>(slicesRef, { namespace, labelSelector })).items;
}

const inSlices = async (namespace: string, service: string): Promise<string[]> =>
  (await slicesOf(namespace, service)).flatMap(({ endpoints }) => (endpoints ?? []).flatMap((e) => e.addresses)).sort();

const inEndpoints = async (namespace: string, service: string): Promise<string[]> => {
  const found = await cluster.find<Endpoints>(core('endpoints'), service, namespace);
  return (found?.subsets ?? []).flatMap(({ addresses = [] }) => addresses.map(({ ip }) => ip)).sort();
};

test('a Service follows its pods', async () => {
  await makeService('follow', 'web', { selector: { app: 'web' } });
  const [empty] = await slicesOf('follow', 'web');
  assert.deepEqual(empty?.endpoints ?? [], []);
  await makePod('follow', 'a', 'web', '10.42.0.1');
  await makePod('follow', 'b', 'web', '10.42.0.2', false);
  await makePod('follow', 'c', 'other', '10.42.0.3');
  assert.deepEqual(await inSlices('follow', 'web'), ['10.42.0.1', '10.42.0.2']);
  assert.deepEqual(await inEndpoints('follow', 'web'), ['10.42.0.1']);
  const [slice] = await slicesOf('follow', 'web');
  assert.equal(slice?.metadata.name, empty?.metadata.name);
  assert.deepEqual(
    slice?.endpoints?.map(({ conditions, zone }) => [conditions?.ready, zone]),
    [
      [true, 'zone-a'],
      [false, 'zone-a'],
    ],
  );

  await cluster.run(await cluster.pods('follow', 'app=web'));
  assert.deepEqual(await inEndpoints('follow', 'web'), ['10.42.0.1', '10.42.0.2']);
  const body = { metadata: { labels: { app: 'other' } } };
  await cluster.admin.patch(core('pods'), 'a', 'application/merge-patch+json', body, { namespace: 'follow' });
  await cluster.settle();
  assert.deepEqual(await inSlices('follow', 'web'), ['10.42.0.2']);
  await cluster.admin.delete(core('pods'), 'b', { namespace: 'follow', gracePeriodSeconds: 0 });
  await cluster.settle();
  assert.deepEqual(await inSlices('follow', 'web'), []);
  assert.deepEqual(await inEndpoints('follow', 'web'), []);
});

test('a pod that was there before the Service is heard of when it goes', async () => {
  await cluster.namespace('late');
  await makePod('late', 'a', 'web', '10.42.1.1');
  await makePod('late', 'b', 'web', '10.42.1.2');
  await makeService('late', 'web', { selector: { app: 'web' } });
  assert.deepEqual(await inSlices('late', 'web'), ['10.42.1.1', '10.42.1.2']);
  const body = { metadata: { labels: { app: 'other' } } };
  await cluster.admin.patch(core('pods'), 'a', 'application/merge-patch+json', body, { namespace: 'late' });
  await cluster.settle();
  assert.deepEqual(await inSlices('late', 'web'), ['10.42.1.2']);
  await cluster.admin.delete(core('pods'), 'b', { namespace: 'late', gracePeriodSeconds: 0 });
  await cluster.settle();
  assert.deepEqual(await inEndpoints('late', 'web'), []);
});

test('slices that others change or delete come back; what belongs to others is left alone', async () => {
  await makeService('mend', 'web', { selector: { app: 'web' } });
  await makePod('mend', 'a', 'web', '10.42.2.1');
  const metadata = { name: 'mine', namespace: 'mend', labels: { 'kubernetes.io/service-name': 'web' } };
  const mine: EndpointSlice = { metadata, addressType: 'IPv4', endpoints: [{ addresses: ['1.2.3.4'] }], ports: [] };
  await cluster.admin.create(slicesRef, mine, { namespace: 'mend' });
  const [slice] = (await slicesOf('mend', 'web')).filter((each) => each.metadata.name !== 'mine');
  await cluster.admin.update(slicesRef, { ...slice, endpoints: [] } as EndpointSlice);
  await cluster.settle();
  assert.deepEqual(await inSlices('mend', 'web'), ['1.2.3.4', '10.42.2.1']);
  await cluster.admin.delete(slicesRef, slice?.metadata.name ?? '', { namespace: 'mend' });
  await cluster.settle();
  assert.deepEqual(await inSlices('mend', 'web'), ['1.2.3.4', '10.42.2.1']);
  await cluster.admin.delete(core('endpoints'), 'web', { namespace: 'mend' });
  await cluster.settle();
  assert.deepEqual(await inEndpoints('mend', 'web'), ['10.42.2.1']);
});

test('Endpoints go with their Service, and may come before it', async () => {
  await cluster.namespace('order');
  const subsets = [{ addresses: [{ ip: '192.0.2.1' }], ports: [{ port: 80 }] }];
  await cluster.admin.create(
    core('endpoints'),
    { metadata: { name: 'ext', namespace: 'order' }, subsets } as Endpoints,
    { namespace: 'order' },
  );
  await cluster.settle();
  await makeService('order', 'ext', {});
  assert.deepEqual(await inEndpoints('order', 'ext'), ['192.0.2.1']);
  await cluster.admin.delete(core('services'), 'ext', { namespace: 'order' });
  await cluster.settle();
  assert.equal(await cluster.find(core('endpoints'), 'ext', 'order'), undefined);
});

test('a change of a pod that no endpoint shows writes and asks nothing', async () => {
  await makeService('quiet', 'web', { selector: { app: 'web' } });
  await makePod('quiet', 'a', 'web', '10.42.3.1');
  const revisions = async () => [
    ...(await slicesOf('quiet', 'web')).map(({ metadata }) => metadata.resourceVersion),
    (await cluster.find<Endpoints>(core('endpoints'), 'web', 'quiet'))?.metadata.resourceVersion,
  ];
  const before = await revisions();
  const body = { metadata: { annotations: { note: 'x' } } };
  await cluster.admin.patch(core('pods'), 'a', 'application/merge-patch+json', body, { namespace: 'quiet' });
  await cluster.settle();
  assert.deepEqual(await revisions(), before);
});

test('Endpoints made by hand are mirrored, changed and taken back', async () => {
  await makeService('hand', 'ext', {});
  const make = (ips: string[]): Endpoints => ({
    metadata: { name: 'ext', namespace: 'hand', labels: { team: 'a' }, annotations: { note: 'x' } },
    subsets: [{ addresses: ips.map((ip) => ({ ip })), ports: [{ port: 80 }] }],
  });
  await cluster.admin.create(core('endpoints'), make(['192.0.2.1', '2001:db8::1']), { namespace: 'hand' });
  await cluster.settle();
  const slices = await slicesOf('hand', 'ext');
  assert.deepEqual(slices.map(({ addressType }) => addressType).sort(), ['IPv4', 'IPv6']);
  const [slice] = slices.filter(({ addressType }) => addressType === 'IPv4');
  assert.deepEqual(slice?.metadata.labels, {
    team: 'a',
    'kubernetes.io/service-name': 'ext',
    'endpointslice.kubernetes.io/managed-by': 'endpointslicemirroring-controller.k8s.io',
  });
  assert.deepEqual([slice?.metadata.annotations, slice?.ports?.[0]?.port], [{ note: 'x' }, 80]);
  await cluster.admin.update(core('endpoints'), make(['192.0.2.2']));
  await cluster.settle();
  assert.deepEqual(await inSlices('hand', 'ext'), ['192.0.2.2']);
  assert.equal((await slicesOf('hand', 'ext'))[0]?.metadata.name, slice?.metadata.name);
  await cluster.admin.delete(core('endpoints'), 'ext', { namespace: 'hand' });
  await cluster.settle();
  assert.deepEqual(await inSlices('hand', 'ext'), []);
});

test('the Service of the API server is not mirrored, nor is what asks not to be', async () => {
  await makeService('skip', 'ext', {});
  const labels = { 'endpointslice.kubernetes.io/skip-mirror': 'true' };
  const subsets = [{ addresses: [{ ip: '192.0.2.1' }], ports: [{ port: 80 }] }];
  const object: Endpoints = { metadata: { name: 'ext', namespace: 'skip', labels }, subsets };
  await cluster.admin.create(core('endpoints'), object, { namespace: 'skip' });
  await cluster.settle();
  assert.deepEqual(await inSlices('skip', 'ext'), []);
  assert.equal((await slicesOf('default', 'kubernetes')).length, 1);
});
