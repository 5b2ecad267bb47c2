import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Deployment, Pod, ReplicaSet } from '../../src/schema/generated/index.ts';
import { apps, core, TestCluster } from './controllers-api.ts';

let cluster: TestCluster;
before(async () => {
  cluster = await TestCluster.start();
});
after(() => cluster.stop());

const template = (image: string) => ({
  metadata: { labels: { app: 'web' } },
  spec: { containers: [{ name: 'web', image }] },
});

async function deploy(namespace: string, replicas: number, more: object = {}): Promise<void> {
  if (!(await cluster.find(core('namespaces'), namespace))) await cluster.namespace(namespace);
  const selector = { matchLabels: { app: 'web' } };
  const spec = { replicas, selector, template: template('web:1'), ...more };
  const object: Deployment = { metadata: { name: 'web', namespace, annotations: { note: 'x' } }, spec };
  await cluster.admin.create(apps('deployments'), object, { namespace });
  await cluster.settle();
}

async function patch(namespace: string, spec: object): Promise<void> {
  const type = 'application/merge-patch+json';
  await cluster.admin.patch(apps('deployments'), 'web', type, { spec }, { namespace });
  await cluster.settle();
}

const update = (namespace: string, image: string) => patch(namespace, { template: template(image) });

const read = (namespace: string) => cluster.admin.get<Deployment>(apps('deployments'), 'web', namespace);

async function replicaSets(namespace: string): Promise<ReplicaSet[]> {
  const { items } = await cluster.admin.list<ReplicaSet>(apps('replicasets'), { namespace });
  const revision = ({ metadata }: ReplicaSet) => Number(metadata.annotations?.['deployment.kubernetes.io/revision']);
  return [...items].sort((a, b) => revision(a) - revision(b));
}

const sizes = async (namespace: string) => (await replicaSets(namespace)).map(({ spec }) => spec.replicas);

const isUp = ({ metadata, status }: Pod): boolean =>
  !metadata.deletionTimestamp &&
  Boolean(status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True'));

/** One round of what nodes do: pods that were made run, pods that are to go are gone. */
async function round(namespace: string): Promise<void> {
  await cluster.run((await cluster.pods(namespace)).filter((pod) => !isUp(pod) && !pod.metadata.deletionTimestamp));
  await cluster.reap(namespace);
}

async function finish(namespace: string): Promise<void> {
  for (let i = 0; i < 12; i++) await round(namespace);
}

const condition = ({ status }: Deployment, type: string) => {
  const found = status?.conditions?.find((each) => each.type === type);
  return found && `${found.status} ${found.reason}: ${found.message}`;
};

test('a Deployment makes a ReplicaSet, and is complete when its pods are', async () => {
  await deploy('first', 2);
  const [made] = await replicaSets('first');
  const name = made?.metadata.name ?? '';
  const hash = made?.metadata.labels?.['pod-template-hash'];
  assert.equal(name, `web-${hash}`);
  assert.deepEqual(made?.spec.selector.matchLabels, { app: 'web', 'pod-template-hash': hash });
  assert.deepEqual(made?.metadata.annotations, {
    note: 'x',
    'deployment.kubernetes.io/desired-replicas': '2',
    'deployment.kubernetes.io/max-replicas': '3',
    'deployment.kubernetes.io/revision': '1',
  });
  const begun = await read('first');
  assert.equal(begun.metadata.annotations?.['deployment.kubernetes.io/revision'], '1');
  assert.equal(
    condition(begun, 'Available'),
    'False MinimumReplicasUnavailable: Deployment does not have minimum availability.',
  );
  assert.equal(condition(begun, 'Progressing'), `True ReplicaSetUpdated: ReplicaSet "${name}" is progressing.`);
  await finish('first');
  const { status, ...complete } = await read('first');
  const { conditions, ...counts } = status ?? {};
  assert.deepEqual(counts, {
    observedGeneration: 1,
    replicas: 2,
    updatedReplicas: 2,
    readyReplicas: 2,
    availableReplicas: 2,
    terminatingReplicas: 0,
  });
  assert.equal(
    condition({ ...complete, status: { conditions: conditions ?? [] } }, 'Available'),
    'True MinimumReplicasAvailable: Deployment has minimum availability.',
  );
  assert.equal(
    condition({ ...complete, status: { conditions: conditions ?? [] } }, 'Progressing'),
    `True NewReplicaSetAvailable: ReplicaSet "${name}" has successfully progressed.`,
  );
  assert.deepEqual(await cluster.told('first', 'web'), [
    `ScalingReplicaSet: Scaled up replica set ${name} from 0 to 2`,
  ]);
});

test('a rolling update goes step by step and keeps enough pods', async () => {
  await deploy('roll', 4, { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 1 } } });
  await finish('roll');
  await update('roll', 'web:2');
  assert.deepEqual(await sizes('roll'), [3, 2]);
  await round('roll');
  assert.ok((await cluster.pods('roll')).filter(isUp).length >= 3);
  await finish('roll');
  assert.deepEqual(await sizes('roll'), [0, 4]);
  const { status, metadata } = await read('roll');
  assert.equal(status?.updatedReplicas, 4);
  assert.equal(metadata.annotations?.['deployment.kubernetes.io/revision'], '2');
});

test('going back to an earlier template takes its ReplicaSet again, with a new revision', async () => {
  await deploy('back', 1);
  await finish('back');
  await update('back', 'web:2');
  await finish('back');
  await update('back', 'web:1');
  await finish('back');
  const sets = await replicaSets('back');
  assert.deepEqual(
    sets.map(({ metadata }) => metadata.annotations?.['deployment.kubernetes.io/revision']),
    ['2', '3'],
  );
  assert.equal(sets[1]?.metadata.annotations?.['deployment.kubernetes.io/revision-history'], '1');
  assert.deepEqual(await sizes('back'), [0, 1]);
});

test('a new template in the middle of a rollout takes over', async () => {
  await deploy('over', 2);
  await finish('over');
  await update('over', 'broken:1');
  await update('over', 'web:3');
  await finish('over');
  assert.deepEqual(await sizes('over'), [0, 0, 2]);
});

test('recreate: no new pod before the last old one is gone', async () => {
  await deploy('anew', 2, { strategy: { type: 'Recreate' } });
  await finish('anew');
  for (const { metadata } of await cluster.pods('anew')) {
    const target = { metadata: { name: metadata.name }, target: { name: 'node-1' } };
    const options = { namespace: 'anew', name: metadata.name ?? '', subresource: 'binding' };
    await cluster.admin.create(core('pods'), target as never, options);
  }
  await cluster.settle();
  await update('anew', 'web:2');
  assert.deepEqual(await sizes('anew'), [0]);
  assert.equal((await cluster.pods('anew')).filter(({ metadata }) => metadata.deletionTimestamp).length, 2);
  await cluster.reap('anew');
  assert.deepEqual(await sizes('anew'), [0, 2]);
  await finish('anew');
  assert.match(condition(await read('anew'), 'Progressing') ?? '', /successfully progressed/);
});

test('scaling in the middle of a rollout is shared in proportion', async () => {
  await deploy('share', 10, { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 3, maxUnavailable: 2 } } });
  await finish('share');
  await update('share', 'broken:1');
  assert.deepEqual(await sizes('share'), [8, 5]);
  await patch('share', { replicas: 30 });
  assert.deepEqual(await sizes('share'), [20, 13]);
});

test('a paused Deployment scales but does not roll out', async () => {
  await deploy('pause', 1);
  await finish('pause');
  await patch('pause', { paused: true });
  assert.match(condition(await read('pause'), 'Progressing') ?? '', /NewReplicaSetAvailable|DeploymentPaused/);
  await update('pause', 'web:2');
  await patch('pause', { replicas: 3 });
  await finish('pause');
  assert.deepEqual(await sizes('pause'), [3]);
  assert.equal(condition(await read('pause'), 'Progressing'), 'Unknown DeploymentPaused: Deployment is paused');
  await patch('pause', { paused: false });
  await finish('pause');
  assert.deepEqual(await sizes('pause'), [0, 3]);
});

test('old ReplicaSets beyond the history limit go', async () => {
  await deploy('past', 1, { revisionHistoryLimit: 1 });
  for (const image of ['web:2', 'web:3', 'web:4']) {
    await finish('past');
    await update('past', image);
  }
  await finish('past');
  assert.deepEqual(await sizes('past'), [0, 1]);
});

test('a rollout without progress is said to be stuck once the deadline has passed', async () => {
  await deploy('stuck', 1, { progressDeadlineSeconds: 60 });
  await cluster.advance(59_000);
  assert.match(condition(await read('stuck'), 'Progressing') ?? '', /^True/);
  await cluster.advance(3_000);
  assert.match(
    condition(await read('stuck'), 'Progressing') ?? '',
    /^False ProgressDeadlineExceeded: ReplicaSet ".*" has timed out progressing.$/,
  );
});

test('an orphaned ReplicaSet with the same template is adopted', async () => {
  await deploy('orphan', 1);
  await finish('orphan');
  const [before] = await replicaSets('orphan');
  await cluster.admin.delete(apps('deployments'), 'web', { namespace: 'orphan', propagationPolicy: 'Orphan' });
  await cluster.settle();
  const selector = { matchLabels: { app: 'web' } };
  const object: Deployment = {
    metadata: { name: 'other', namespace: 'orphan' },
    spec: { selector, template: template('web:1') },
  };
  await cluster.admin.create(apps('deployments'), object, { namespace: 'orphan' });
  await cluster.settle();
  const sets = await replicaSets('orphan');
  assert.deepEqual(
    sets.map(({ metadata }) => [metadata.name, metadata.ownerReferences?.[0]?.name]),
    [[before?.metadata.name, 'other']],
  );
});

test('a name that is taken is passed over', async () => {
  await deploy('clash-a', 1);
  const [first] = await replicaSets('clash-a');
  const name = first?.metadata.name ?? '';
  const labels = { app: 'other' };
  const spec = { replicas: 0, selector: { matchLabels: labels }, template: { ...template('x'), metadata: { labels } } };
  const taken: ReplicaSet = { metadata: { name, namespace: 'clash-b' }, spec };
  await cluster.namespace('clash-b');
  await cluster.admin.create(apps('replicasets'), taken, { namespace: 'clash-b' });
  await deploy('clash-b', 1);
  await cluster.advance(100);
  assert.equal((await read('clash-b')).status?.collisionCount, 1);
  const made = (await replicaSets('clash-b')).filter(({ spec }) => spec.replicas === 1);
  assert.deepEqual([made.length, made[0]?.metadata.name === name], [1, false]);
});
