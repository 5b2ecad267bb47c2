import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import type { Lease, Node, Pod, Secret, ServiceAccount, Toleration } from '../../src/schema/generated/index.ts';
import { core, TestCluster } from './controllers-api.ts';

const leasesRef = { group: 'coordination.k8s.io', version: 'v1', resource: 'leases' };
const merge = 'application/merge-patch+json';
const strategic = 'application/strategic-merge-patch+json';
let cluster: TestCluster;

beforeEach(async () => {
  const sign = async (account: { metadata: { name?: string } }, secret: string) => `${account.metadata.name}/${secret}`;
  cluster = await TestCluster.start({ tokens: { sign, bundle: () => 'CA' } });
});
afterEach(() => cluster.stop());

const now = () => `${new Date(cluster.clock.nowMs()).toISOString().slice(0, 19)}Z`;

async function makeNode(name: string): Promise<void> {
  await cluster.admin.create(core('nodes'), { metadata: { name, labels: { 'kubernetes.io/os': 'linux' } } });
  await report(name);
}

async function report(name: string, status = 'True'): Promise<void> {
  const condition = {
    type: 'Ready',
    status,
    lastHeartbeatTime: now(),
    lastTransitionTime: now(),
    reason: 'R',
    message: 'm',
  };
  const body = { status: { conditions: [condition] } };
  await cluster.admin.patch(core('nodes'), name, strategic, body, { subresource: 'status' });
  await cluster.settle();
}

async function renew(name: string): Promise<void> {
  const spec = { holderIdentity: name, renewTime: `${now().slice(0, -1)}.000000Z` };
  const at = { metadata: { name, namespace: 'kube-node-lease' }, spec } as Lease;
  const found = await cluster.find<Lease>(leasesRef, name, 'kube-node-lease');
  if (found) await cluster.admin.update(leasesRef, { ...found, spec });
  else await cluster.admin.create(leasesRef, at, { namespace: 'kube-node-lease' });
  await cluster.settle();
}

const read = (name: string) => cluster.admin.get<Node>(core('nodes'), name);
const readyOf = async (name: string) => (await read(name)).status?.conditions?.find(({ type }) => type === 'Ready');
const taintsOf = async (name: string) =>
  ((await read(name)).spec?.taints ?? []).map(({ key, effect }) => `${key}:${effect}`);

async function place(name: string, node: string, tolerations: Toleration[] = []): Promise<void> {
  const spec = { nodeName: node, containers: [{ name: 'web', image: 'web:1' }], tolerations };
  const pod = await cluster.admin.create<Pod>(
    core('pods'),
    { metadata: { name, namespace: 'default' }, spec },
    { namespace: 'default' },
  );
  await cluster.run([pod]);
}

const pod = (name: string) => cluster.find<Pod>(core('pods'), name, 'default');

/** Time passes in which these nodes renew their leases. */
async function pass(seconds: number, alive: readonly string[]): Promise<void> {
  for (let left = seconds; left > 0; left -= 10) {
    await cluster.advance(Math.min(left, 10) * 1000);
    for (const name of alive) await renew(name);
  }
}

test('a silent node becomes Unknown, is tainted, and its pods are not ready; when it is back, all that goes', async () => {
  await makeNode('alive');
  await makeNode('lost');
  await place('web', 'lost', [{ operator: 'Exists' }]);
  await pass(50, ['alive']);
  assert.equal((await readyOf('lost'))?.status, 'True');
  await pass(10, ['alive']);
  const ready = await readyOf('lost');
  assert.deepEqual(
    [ready?.status, ready?.reason, ready?.message],
    ['Unknown', 'NodeStatusUnknown', 'Kubelet stopped posting node status.'],
  );
  assert.deepEqual(await taintsOf('lost'), [
    'node.kubernetes.io/unreachable:NoSchedule',
    'node.kubernetes.io/unreachable:NoExecute',
  ]);
  assert.equal((await pod('web'))?.status?.conditions?.find(({ type }) => type === 'Ready')?.status, 'False');
  assert.deepEqual(await cluster.told('default', 'web'), ['NodeNotReady: Node is not ready']);
  assert.deepEqual(await cluster.told('default', 'lost'), [
    'RegisteredNode: Node lost event: Registered Node lost in Controller',
    'NodeNotReady: Node lost status is now: NodeNotReady',
  ]);
  assert.equal((await readyOf('alive'))?.status, 'True');
  await report('lost');
  assert.deepEqual(await taintsOf('lost'), []);
});

test('the only node does not lose its pods', async () => {
  await makeNode('only');
  await place('web', 'only');
  await pass(60, []);
  assert.equal((await readyOf('only'))?.status, 'Unknown');
  assert.deepEqual(await taintsOf('only'), ['node.kubernetes.io/unreachable:NoSchedule']);
  await pass(600, []);
  assert.equal((await pod('web'))?.metadata.deletionTimestamp, undefined);
});

test('a node that is not to be scheduled to is tainted; labels get their older names', async () => {
  await makeNode('n1');
  await cluster.admin.patch(core('nodes'), 'n1', merge, { spec: { unschedulable: true } });
  await cluster.settle();
  assert.deepEqual(await taintsOf('n1'), ['node.kubernetes.io/unschedulable:NoSchedule']);
  assert.equal((await read('n1')).metadata.labels?.['beta.kubernetes.io/os'], 'linux');
  await cluster.admin.patch(core('nodes'), 'n1', merge, { spec: { unschedulable: null } });
  await cluster.settle();
  assert.deepEqual(await taintsOf('n1'), []);
});

test('pods leave a tainted node when their tolerations end', async () => {
  await makeNode('n1');
  await place('plain', 'n1');
  await place('brief', 'n1', [{ key: 'evict', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 30 }]);
  await place('tolerant', 'n1', [{ key: 'evict', operator: 'Exists' }]);
  const taints = [{ key: 'evict', effect: 'NoExecute' }];
  await cluster.admin.patch(core('nodes'), 'n1', merge, { spec: { taints } });
  await cluster.settle();
  const gone = await pod('plain');
  assert.ok(gone?.metadata.deletionTimestamp);
  const condition = gone.status?.conditions?.find(({ type }) => type === 'DisruptionTarget');
  assert.deepEqual([condition?.status, condition?.reason], ['True', 'DeletionByTaintManager']);
  assert.deepEqual(await cluster.told('default', 'plain'), [
    'TaintManagerEviction: Marking for deletion Pod default/plain',
  ]);
  await pass(29, ['n1']);
  assert.equal((await pod('brief'))?.metadata.deletionTimestamp, undefined);
  await pass(1, ['n1']);
  assert.ok((await pod('brief'))?.metadata.deletionTimestamp);
  assert.equal((await pod('tolerant'))?.metadata.deletionTimestamp, undefined);
});

test('a taint that goes in time takes nothing', async () => {
  await makeNode('n1');
  await place('brief', 'n1', [{ key: 'evict', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 30 }]);
  const taints = [{ key: 'evict', effect: 'NoExecute' }];
  await cluster.admin.patch(core('nodes'), 'n1', merge, { spec: { taints } });
  await cluster.settle();
  await pass(20, ['n1']);
  await cluster.admin.patch(core('nodes'), 'n1', merge, { spec: { taints: [] } });
  await pass(60, ['n1']);
  assert.equal((await pod('brief'))?.metadata.deletionTimestamp, undefined);
  assert.deepEqual(await cluster.told('default', 'brief'), [
    'TaintManagerEviction: Cancelling deletion of Pod default/brief',
  ]);
});

test('pods of a node that is gone are ended', async () => {
  await makeNode('n1');
  await makeNode('n2');
  await place('web', 'n1');
  await cluster.admin.delete(core('nodes'), 'n1');
  await cluster.settle();
  await pass(30, ['n2']);
  assert.ok(await pod('web'));
  await pass(10, ['n2']);
  assert.equal(await pod('web'), undefined);
});

test('pods that were being deleted on a node that is out of service are ended', async () => {
  await makeNode('n1');
  await makeNode('n2');
  await place('leaving', 'n1', [{ operator: 'Exists' }]);
  await place('staying', 'n1', [{ operator: 'Exists' }]);
  await cluster.admin.delete(core('pods'), 'leaving', { namespace: 'default' });
  await pass(60, ['n2']);
  assert.ok(await pod('leaving'));
  const taints = [
    ...((await read('n1')).spec?.taints ?? []),
    { key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' },
  ];
  await cluster.admin.patch(core('nodes'), 'n1', merge, { spec: { taints } });
  await cluster.settle();
  assert.deepEqual([await pod('leaving'), Boolean(await pod('staying'))], [undefined, true]);
});

test('a secret for a token gets one, and goes with its account', async () => {
  await cluster.namespace('shop');
  await cluster.admin.create<ServiceAccount>(
    core('serviceaccounts'),
    { metadata: { name: 'robot', namespace: 'shop' } },
    { namespace: 'shop' },
  );
  const annotations = { 'kubernetes.io/service-account.name': 'robot' };
  const secret: Secret = {
    metadata: { name: 'token', namespace: 'shop', annotations },
    type: 'kubernetes.io/service-account-token',
  };
  await cluster.admin.create(core('secrets'), secret, { namespace: 'shop' });
  await cluster.settle();
  const text = ({ data }: Secret) =>
    Object.fromEntries(
      Object.entries(data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]),
    );
  const read = await cluster.admin.get<Secret>(core('secrets'), 'token', 'shop');
  assert.deepEqual(text(read), { 'ca.crt': 'CA', namespace: 'shop', token: 'robot/token' });
  assert.ok(read.metadata.annotations?.['kubernetes.io/service-account.uid']);
  await cluster.admin.delete(core('serviceaccounts'), 'robot', { namespace: 'shop' });
  await cluster.settle();
  assert.equal(await cluster.find(core('secrets'), 'token', 'shop'), undefined);
});

test('a secret for a token of nobody goes at once', async () => {
  await cluster.namespace('shop');
  const annotations = { 'kubernetes.io/service-account.name': 'nobody' };
  const secret: Secret = {
    metadata: { name: 'token', namespace: 'shop', annotations },
    type: 'kubernetes.io/service-account-token',
  };
  await cluster.admin.create(core('secrets'), secret, { namespace: 'shop' });
  await cluster.settle();
  assert.equal(await cluster.find(core('secrets'), 'token', 'shop'), undefined);
});
