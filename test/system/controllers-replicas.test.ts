import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Pod, ReplicaSet, ReplicationController } from '../../src/schema/generated/index.ts';
import { apps, core, TestCluster } from './controllers-api.ts';

let cluster: TestCluster;
before(async () => {
  cluster = await TestCluster.start();
});
after(() => cluster.stop());

const template = (labels: Record<string, string>) => ({
  metadata: { labels },
  spec: { containers: [{ name: 'web', image: 'web:1' }] },
});

const replicaSet = (namespace: string, name: string, replicas: number, more: object = {}): ReplicaSet => {
  const labels = { app: name };
  const spec = { replicas, selector: { matchLabels: labels }, template: template(labels), ...more };
  return { metadata: { name, namespace }, spec };
};

async function make(object: ReplicaSet): Promise<ReplicaSet> {
  const { namespace = '' } = object.metadata;
  const made = await cluster.admin.create<ReplicaSet>(apps('replicasets'), object, { namespace });
  await cluster.settle();
  return made;
}

const read = (namespace: string, name: string) => cluster.admin.get<ReplicaSet>(apps('replicasets'), name, namespace);

test('a ReplicaSet gets its pods and counts them', async () => {
  await cluster.namespace('count');
  const { metadata } = await make(replicaSet('count', 'web', 3));
  const pods = await cluster.pods('count');
  assert.equal(pods.length, 3);
  for (const pod of pods) {
    assert.match(pod.metadata.name ?? '', /^web-[a-z0-9]{5}$/);
    assert.deepEqual(pod.metadata.ownerReferences, [
      {
        apiVersion: 'apps/v1',
        kind: 'ReplicaSet',
        name: 'web',
        uid: metadata.uid,
        controller: true,
        blockOwnerDeletion: true,
      },
    ]);
  }
  await cluster.run(pods.slice(0, 2));
  const { status } = await read('count', 'web');
  assert.deepEqual(status, {
    replicas: 3,
    fullyLabeledReplicas: 3,
    readyReplicas: 2,
    availableReplicas: 2,
    terminatingReplicas: 0,
    observedGeneration: 1,
  });
  const told = await cluster.told('count', 'web');
  assert.deepEqual(told.sort(), pods.map(({ metadata: { name } }) => `SuccessfulCreate: Created pod: ${name}`).sort());
});
test('scaling down deletes what is not ready first; what is being deleted is counted apart', async () => {
  await cluster.namespace('down');
  await make(replicaSet('down', 'web', 3));
  const [, ...ready] = await cluster.pods('down');
  for (const { metadata } of await cluster.pods('down')) {
    const target = { metadata: { name: metadata.name }, target: { name: 'node-1' } };
    const options = { namespace: 'down', name: metadata.name ?? '', subresource: 'binding' };
    await cluster.admin.create(core('pods'), target as never, options);
  }
  await cluster.run(ready);
  const body = { spec: { replicas: 2 } };
  await cluster.admin.patch(apps('replicasets'), 'web', 'application/merge-patch+json', body, { namespace: 'down' });
  await cluster.settle();
  const doomed = (await cluster.pods('down')).filter(({ metadata }) => metadata.deletionTimestamp);
  assert.deepEqual(
    doomed.map(({ metadata }) => ready.some((pod) => pod.metadata.name === metadata.name)),
    [false],
  );
  const { status } = await read('down', 'web');
  assert.deepEqual([status?.replicas, status?.terminatingReplicas, status?.observedGeneration], [2, 1, 2]);
  await cluster.reap('down');
  assert.equal((await read('down', 'web')).status?.terminatingReplicas, 0);
});

test('availability waits for minReadySeconds', async () => {
  await cluster.namespace('soon');
  await make(replicaSet('soon', 'web', 1, { minReadySeconds: 30 }));
  await cluster.run(await cluster.pods('soon'));
  assert.equal((await read('soon', 'web')).status?.availableReplicas ?? 0, 0);
  await cluster.advance(29_000);
  assert.equal((await read('soon', 'web')).status?.availableReplicas ?? 0, 0);
  await cluster.advance(1_000);
  assert.equal((await read('soon', 'web')).status?.availableReplicas, 1);
});

test('an orphan that matches is adopted, a pod whose labels leave is released and replaced', async () => {
  await cluster.namespace('claim');
  const orphan: Pod = {
    metadata: { name: 'orphan', namespace: 'claim', labels: { app: 'web' } },
    spec: template({}).spec,
  };
  await cluster.admin.create(core('pods'), orphan, { namespace: 'claim' });
  const { metadata } = await make(replicaSet('claim', 'web', 1));
  const adopted = await cluster.admin.get<Pod>(core('pods'), 'orphan', 'claim');
  assert.equal(adopted.metadata.ownerReferences?.[0]?.uid, metadata.uid);
  assert.equal((await cluster.pods('claim')).length, 1);

  const body = { metadata: { labels: { app: 'else' } } };
  await cluster.admin.patch(core('pods'), 'orphan', 'application/merge-patch+json', body, { namespace: 'claim' });
  await cluster.settle();
  const released = await cluster.admin.get<Pod>(core('pods'), 'orphan', 'claim');
  assert.equal(released.metadata.ownerReferences, undefined);
  assert.equal((await cluster.pods('claim', 'app=web')).length, 1);
});

test('a deleted pod is replaced; one that has ended too', async () => {
  await cluster.namespace('again');
  await make(replicaSet('again', 'web', 2));
  const [first, second] = await cluster.pods('again');
  await cluster.admin.delete(core('pods'), first?.metadata.name ?? '', { namespace: 'again' });
  await cluster.settle();
  const body = { status: { phase: 'Failed' } };
  const options = { namespace: 'again', subresource: 'status' };
  await cluster.admin.patch(core('pods'), second?.metadata.name ?? '', 'application/merge-patch+json', body, options);
  await cluster.settle();
  const active = (await cluster.pods('again')).filter(({ status }) => status?.phase !== 'Failed');
  assert.equal(active.length, 2);
  assert.equal((await read('again', 'web')).status?.replicas, 2);
});

test('a ReplicationController does the same', async () => {
  await cluster.namespace('old');
  const spec = { replicas: 2, selector: { app: 'rc' }, template: template({ app: 'rc' }) };
  const rc: ReplicationController = { metadata: { name: 'rc', namespace: 'old' }, spec };
  await cluster.admin.create(core('replicationcontrollers'), rc, { namespace: 'old' });
  await cluster.settle();
  const pods = await cluster.pods('old');
  assert.deepEqual(
    pods.map(({ metadata }) => metadata.ownerReferences?.[0]?.kind),
    ['ReplicationController', 'ReplicationController'],
  );
  await cluster.run(pods);
  const { status } = await cluster.admin.get<ReplicationController>(core('replicationcontrollers'), 'rc', 'old');
  assert.deepEqual(status, {
    replicas: 2,
    fullyLabeledReplicas: 2,
    readyReplicas: 2,
    availableReplicas: 2,
    observedGeneration: 1,
  });
});

test('pods that are forbidden are told of, tried slowly, and made once they may be', async () => {
  await cluster.namespace('limit');
  const spec = { limits: [{ type: 'Container', max: { cpu: '1' }, default: { cpu: '500m' } }] };
  const limits = { metadata: { name: 'limits', namespace: 'limit' }, spec };
  await cluster.admin.create(core('limitranges'), limits as never, { namespace: 'limit' });
  const greedy = template({ app: 'web' });
  const container = { name: 'web', image: 'web:1', resources: { limits: { cpu: '2' } } };
  await make(replicaSet('limit', 'web', 3, { template: { ...greedy, spec: { containers: [container] } } }));
  const { status } = await read('limit', 'web');
  const [condition] = status?.conditions ?? [];
  assert.deepEqual(
    [condition?.type, condition?.status, condition?.reason, status?.observedGeneration],
    ['ReplicaFailure', 'True', 'FailedCreate', 1],
  );
  assert.match(
    condition?.message ?? '',
    /^pods "web-.*" is forbidden: maximum cpu usage per Container is 1, but limit is 2$/,
  );
  const told = await cluster.told('limit', 'web');
  assert.ok(told.length > 0 && told.every((each) => each.startsWith('FailedCreate: Error creating: pods "web-')));
  await cluster.admin.delete(core('limitranges'), 'limits', { namespace: 'limit' });
  await cluster.advance(60_000);
  assert.equal((await cluster.pods('limit')).length, 3);
  assert.equal((await read('limit', 'web')).status?.conditions, undefined);
});
