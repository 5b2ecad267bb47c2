/** What holds for pods whatever happens: crashes, lost answers, restarts of the agent, a runtime that is away. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Pod } from '../../src/schema/generated/index.ts';
import { SimulatedNode } from './node.ts';
import { play, story } from './script.ts';

const app = { image: 'example.com/app:1' };

async function started(): Promise<SimulatedNode> {
  const node = new SimulatedNode();
  node.start();
  await node.settle();
  return node;
}

const noneLeft = (node: SimulatedNode): void => {
  assert.equal(node.runtime.sandboxes.size + node.runtime.instances.size, 0);
  assert.equal(node.volumes.size + node.cgroups.size, 0);
};

const messages = (node: SimulatedNode, reason: string): string[] =>
  node.events.filter((event) => event.reason === reason).map(({ message }) => message);

test('whatever happens: one instance at a time, restarts only grow, phases do not go back, the deleted end', () =>
  fc.assert(fc.asyncProperty(story, play), { numRuns: Number(process.env['SIMULATION_RUNS'] ?? 1_000) }));

test('a pod runs, is deleted gracefully, and leaves nothing behind', async () => {
  const node = await started();
  await node.add('web');
  await node.advance(100);
  assert.equal(node.pod('web')?.status?.phase, 'Running');
  assert.equal(node.container('web')?.ready, true);
  node.api.delete('web', 30);
  await node.advance(100);
  assert.equal(node.pod('web'), undefined);
  noneLeft(node);
});

test('crash-loop back-off doubles from 10 s to 5 min and is forgotten after 10 min of running', async () => {
  const node = await started();
  const pod = await node.add('web');
  await node.settle();
  node.crash('web');
  await node.settle();
  assert.equal(node.container('web')?.restartCount, 1, 'the first restart is immediate');
  for (const seconds of [10, 20, 40, 80, 160, 300, 300]) {
    node.crash('web');
    await node.advance(seconds * 1000 - 1);
    const text = seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
    assert.deepEqual(node.container('web')?.state, {
      waiting: {
        reason: 'CrashLoopBackOff',
        message: `back-off ${text} restarting failed container=main pod=web_default(${pod.metadata.uid})`,
      },
    });
    assert.equal(node.container('web')?.lastState?.terminated?.exitCode, 1);
    assert.equal(node.pod('web')?.status?.phase, 'Running');
    await node.advance(1);
    assert.ok(node.container('web')?.state?.running, `runs again after ${seconds} s`);
  }
  assert.equal(node.container('web')?.restartCount, 8);
  assert.equal(messages(node, 'BackOff').length, 7);
  await node.advance(600_001);
  node.crash('web');
  await node.settle();
  assert.equal(node.container('web')?.restartCount, 9, 'forgotten');
  node.crash('web');
  await node.advance(9_999);
  assert.equal(node.container('web')?.restartCount, 9);
  await node.advance(1);
  assert.equal(node.container('web')?.restartCount, 10);
});

test('a changed image restarts the container at once, without back-off and without killing the pod', async () => {
  const node = await started();
  await node.add('web', {
    containers: [
      { name: 'main', ...app },
      { name: 'other', ...app },
    ],
  });
  await node.settle();
  const [other] = node.running('web', 'other');
  const [sandbox] = node.runtime.sandboxes.keys();
  node.api.change('web', (pod) => {
    pod.spec.containers[0]!.image = 'example.com/app:2';
    return pod;
  });
  await node.advance(100);
  assert.equal(node.container('web')?.restartCount, 1);
  assert.deepEqual(node.running('web', 'other'), [other]);
  assert.deepEqual([...node.runtime.sandboxes.keys()], [sandbox]);
  assert.deepEqual(messages(node, 'Killing'), ['Container main definition changed, will be restarted']);
});

test('restart policy Never: the pod ends as its containers do', async () => {
  const node = await started();
  await node.add('good', { restartPolicy: 'Never' });
  await node.add('bad', { restartPolicy: 'Never' });
  await node.settle();
  node.crash('good', 0);
  node.crash('bad', 3);
  await node.advance(1_000);
  assert.equal(node.pod('good')?.status?.phase, 'Succeeded');
  assert.equal(node.pod('bad')?.status?.phase, 'Failed');
  assert.equal(node.container('bad')?.state?.terminated?.exitCode, 3);
  assert.deepEqual(
    [...node.runtime.sandboxes.values()].map(({ ready }) => ready),
    [false, false],
  );
  assert.equal(node.volumes.size + node.cgroups.size, 0);
  assert.equal(node.runtime.instances.size, 2, 'kept for their logs');
});

test('a job with a sidecar ends when its main container does', async () => {
  const node = await started();
  const sidecar = { name: 'sidecar', ...app, restartPolicy: 'Always' };
  await node.add('job', { restartPolicy: 'Never', initContainers: [sidecar] });
  await node.settle();
  assert.equal(node.running('job', 'sidecar').length, 1);
  node.crash('job', 0);
  await node.advance(1_000);
  assert.equal(node.pod('job')?.status?.phase, 'Succeeded');
  assert.equal(node.runtime.running().length, 0);
});

test('init containers run one after the other, and again when they fail', async () => {
  const node = await started();
  await node.add('web', {
    initContainers: [
      { name: 'one', ...app },
      { name: 'two', ...app },
    ],
  });
  await node.settle();
  const names = (): string[] => node.runtime.running().map(({ container }) => container);
  assert.deepEqual(names(), ['one']);
  assert.equal(node.container('web')?.state?.waiting?.reason, 'PodInitializing');
  assert.equal(node.pod('web')?.status?.phase, 'Pending');
  node.crash('web', 1, 'one');
  await node.settle();
  assert.deepEqual(names(), ['one']);
  node.crash('web', 0, 'one');
  await node.settle();
  assert.deepEqual(names(), ['two']);
  node.crash('web', 0, 'two');
  await node.settle();
  assert.deepEqual(names(), ['main']);
  assert.equal(node.container('web', 'one')?.restartCount, 1);
  const initialized = node.pod('web')?.status?.conditions?.find(({ type }) => type === 'Initialized');
  assert.equal(initialized?.status, 'True');
});

test('sidecars stop in reverse order, after the main containers, within the grace period', async () => {
  const node = await started();
  const sidecar = (name: string) => ({ name, ...app, restartPolicy: 'Always' });
  await node.add('web', { initContainers: [sidecar('s1'), sidecar('s2')] });
  await node.settle();
  node.stubborn.add('main');
  node.api.delete('web', 10);
  await node.advance(9_000);
  assert.deepEqual(
    node.runtime
      .running()
      .map(({ container }) => container)
      .sort(),
    ['main', 's1', 's2'],
  );
  await node.advance(3_000);
  const ends = [...node.runtime.instances.values()];
  assert.deepEqual(ends, [], 'all gone');
  assert.equal(node.pod('web'), undefined);
});

test('a grace period that is shortened later is shortened', async () => {
  const node = await started();
  await node.add('web');
  await node.settle();
  node.stubborn.add('main');
  node.api.delete('web', 300);
  await node.advance(5_000);
  assert.equal(node.running('web').length, 1);
  node.api.delete('web', 1);
  await node.advance(2_500);
  assert.equal(node.pod('web'), undefined);
  noneLeft(node);
});

test('a pod that is deleted by force ends although it is gone from the API', async () => {
  const node = await started();
  await node.add('web');
  await node.settle();
  node.api.delete('web', 0);
  await node.advance(3_000);
  noneLeft(node);
});

test('a pod ends at its deadline', async () => {
  const node = await started();
  await node.add('web', { activeDeadlineSeconds: 40 });
  await node.advance(39_000);
  assert.equal(node.pod('web')?.status?.phase, 'Running');
  await node.advance(2_000);
  const { phase, reason, message } = node.pod('web')?.status ?? {};
  assert.deepEqual(
    { phase, reason, message },
    {
      phase: 'Failed',
      reason: 'DeadlineExceeded',
      message: 'Pod was active on the node longer than the specified deadline',
    },
  );
  assert.equal(messages(node, 'DeadlineExceeded').length, 1);
  assert.equal(node.runtime.running().length, 0);
});

test('a failed liveness probe restarts the container, with the grace of the probe', async () => {
  const node = await started();
  const livenessProbe = { exec: { command: ['x'] }, terminationGracePeriodSeconds: 4 };
  await node.add('web', { containers: [{ name: 'main', ...app, livenessProbe }] });
  await node.settle();
  node.stubborn.add('main');
  const [id = ''] = node.running('web');
  node.unhealthy.add(id);
  node.probed(node.pod('web')?.metadata.uid ?? '');
  await node.advance(3_900);
  assert.deepEqual(node.running('web'), [id]);
  await node.advance(200);
  assert.equal(node.container('web')?.restartCount, 1);
  assert.deepEqual(messages(node, 'Killing'), ['Container main failed liveness probe, will be restarted']);
});

test('an image that cannot be had is told of, and tried again', async () => {
  const node = await started();
  node.brokenImages.add(app.image);
  await node.add('web');
  await node.settle();
  assert.deepEqual(node.container('web')?.state?.waiting, {
    reason: 'ErrImagePull',
    message: `no such image: ${app.image}`,
  });
  assert.deepEqual(messages(node, 'Failed'), ['Error: ErrImagePull']);
  node.brokenImages.clear();
  await node.advance(10_000);
  assert.equal(node.running('web').length, 1);
  assert.equal(node.container('web')?.restartCount, 0);
});

test('a lost sandbox is made again, and its containers are started again', async () => {
  const node = await started();
  await node.add('web');
  await node.settle();
  const [sandbox = ''] = node.runtime.sandboxes.keys();
  node.runtime.loseSandbox(sandbox);
  await node.advance(100);
  assert.equal(node.running('web').length, 1);
  assert.equal(node.container('web')?.restartCount, 1);
  assert.deepEqual(messages(node, 'SandboxChanged'), ['Pod sandbox changed, it will be killed and re-created.']);
});

test('a restart of the agent keeps what runs, and goes on with what was begun', async () => {
  const node = await started();
  await node.add('kept');
  await node.add('gone');
  await node.add('ending');
  await node.settle();
  const kept = node.running('kept');
  node.stubborn.add('main');
  node.api.delete('ending', 20);
  await node.advance(1_000);
  node.kill();
  node.api.delete('gone', 0);
  await node.advance(60_000);
  node.prepared.length = 0;
  node.start();
  await node.advance(30_000);
  assert.deepEqual(node.running('kept'), kept);
  assert.equal(node.container('kept')?.restartCount, 0);
  assert.equal(node.pod('ending'), undefined);
  assert.deepEqual(
    node.runtime.running().map(({ id }) => id),
    kept,
  );
  assert.equal(node.volumes.size, 1);
  assert.deepEqual(node.prepared, ['kept'], 'its volumes are followed again');
});

test('while the runtime is away nothing is told that is not known, and nothing is started twice', async () => {
  const node = await started();
  await node.add('web');
  await node.settle();
  const running = node.running('web');
  node.runtime.setAway(true);
  const writes = node.pod('web')?.metadata.resourceVersion;
  await node.advance(300_000);
  assert.equal(node.pod('web')?.metadata.resourceVersion, writes);
  await node.add('later');
  node.runtime.setAway(false);
  await node.advance(2_000);
  assert.deepEqual(node.running('web'), running);
  assert.equal(node.running('later').length, 1);
  assert.deepEqual(node.violations(), []);
});

test('a node at rest writes nothing and asks the runtime once a minute', async () => {
  const node = await started();
  await node.add('web');
  await node.advance(120_000);
  const version = node.pod('web')?.metadata.resourceVersion;
  const before = node.runtime.calls;
  await node.advance(600_000);
  assert.equal(node.pod('web')?.metadata.resourceVersion, version);
  assert.ok(node.runtime.calls - before <= 20, `${node.runtime.calls - before} calls in 10 min`);
});

test('of each container two instances are kept', async () => {
  const node = await started();
  await node.add('web');
  for (let round = 0; round < 5; round++) {
    await node.advance(400_000);
    node.crash('web');
  }
  await node.advance(400_000);
  const attempts = [...node.runtime.instances.values()].map(({ attempt }) => attempt);
  assert.deepEqual(attempts, [4, 5]);
});

test('a pod that does not fit the node is refused, with the reason, and stays so', async () => {
  const node = await started();
  await node.add('big', { containers: [{ name: 'main', ...app, resources: { requests: { cpu: '3' } } }] });
  await node.add('elsewhere', { nodeSelector: { zone: 'there' } });
  await node.settle();
  const shown = (name: string) => {
    const { phase, reason, message } = node.pod(name)?.status ?? {};
    return { phase, reason, message };
  };
  assert.deepEqual(shown('big'), {
    phase: 'Failed',
    reason: 'OutOfcpu',
    message: "Pod was rejected: Node didn't have enough resource: cpu, requested: 3000, used: 0, capacity: 2000",
  });
  assert.deepEqual(shown('elsewhere'), {
    phase: 'Failed',
    reason: 'NodeAffinity',
    message: "Pod was rejected: Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
  });
  assert.deepEqual(messages(node, 'OutOfcpu'), [
    "Node didn't have enough resource: cpu, requested: 3000, used: 0, capacity: 2000",
  ]);
  assert.equal(node.runtime.sandboxes.size, 0);
  const before = node.pod('big')?.status;
  node.kill();
  node.start();
  await node.advance(60_000);
  assert.deepEqual(node.pod('big')?.status, before);
  node.api.delete('big', 30);
  await node.advance(100);
  assert.equal(node.pod('big'), undefined);
});

const staticPod = (uid: string): Pod => ({
  metadata: {
    name: 'dns-node',
    namespace: 'default',
    uid,
    annotations: { 'kubernetes.io/config.hash': uid, 'kubernetes.io/config.source': 'file' },
  },
  spec: { nodeName: 'node', restartPolicy: 'Always', containers: [{ name: 'main', ...app }] },
});

test('a pod from a file runs, is shown by a mirror, and ends when the file is gone', async () => {
  const node = new SimulatedNode();
  node.staticPods.set('one', staticPod('one'));
  node.start();
  await node.advance(100);
  assert.equal(node.running('dns-node').length, 1);
  const mirror = node.pod('dns-node');
  assert.equal(mirror?.metadata.annotations?.['kubernetes.io/config.mirror'], 'one');
  assert.deepEqual(mirror?.metadata.ownerReferences, [
    { apiVersion: 'v1', kind: 'Node', name: 'node', uid: 'uid-node', controller: true },
  ]);
  assert.equal(mirror?.status?.phase, 'Running');
  node.api.delete('dns-node', 0);
  await node.advance(100);
  assert.notEqual(node.pod('dns-node')?.metadata.uid, mirror?.metadata.uid, 'made again');
  assert.equal(node.pod('dns-node')?.status?.phase, 'Running');
  assert.equal(node.running('dns-node').length, 1);
  node.staticPods.clear();
  node.staticPodsChanged();
  await node.advance(5_000);
  assert.equal(node.pod('dns-node'), undefined);
  noneLeft(node);
});

test('a file that changes ends the old pod before the new one starts', async () => {
  const node = new SimulatedNode();
  node.staticPods.set('one', staticPod('one'));
  node.start();
  await node.advance(100);
  node.stubborn.add('main');
  node.staticPods.clear();
  node.staticPods.set('two', staticPod('two'));
  node.staticPodsChanged();
  await node.advance(1_000);
  assert.equal(node.running('dns-node').length, 1);
  await node.advance(60_000);
  assert.equal(node.running('dns-node').length, 1);
  assert.equal(node.pod('dns-node')?.metadata.annotations?.['kubernetes.io/config.mirror'], 'two');
  assert.equal(node.pod('dns-node')?.status?.phase, 'Running');
});
