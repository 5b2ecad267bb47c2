import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '../kernel/index.ts';
import type { KubeObject } from '../schema/object.ts';
import { planProtection, storageProtectionControllers } from './storage-protection.ts';
import { FakeCluster } from './testing.ts';

const core = (resource: string) => ({ group: '', version: 'v1', resource });
const finalizer = 'kubernetes.io/pvc-protection';

test('the finalizer is on while an object lives, and off when it is to go and is not used', () => {
  const plan = (metadata: KubeObject['metadata'], isUsed: boolean): string[] | undefined =>
    planProtection({ metadata }, core('x'), finalizer, isUsed).map(
      (action) => action.object.metadata.finalizers ?? [],
    )[0];
  assert.deepEqual(plan({ name: 'a', finalizers: ['other'] }, false), ['other', finalizer]);
  assert.equal(plan({ name: 'a', finalizers: [finalizer] }, false), undefined);
  const deletionTimestamp = '2026-01-01T00:00:00Z';
  assert.equal(plan({ name: 'a', finalizers: [finalizer], deletionTimestamp }, true), undefined);
  assert.deepEqual(plan({ name: 'a', finalizers: ['other', finalizer], deletionTimestamp }, false), ['other']);
  assert.equal(plan({ name: 'a', finalizers: ['other'], deletionTimestamp }, false), undefined);
});

test('a claim waits for the Pod on a node that mounts it, and goes with it', async () => {
  const cluster = new FakeCluster();
  const admin = cluster.clientFor('admin');
  const controllers = storageProtectionControllers(() => ({
    clientFor: cluster.clientFor,
    clock: cluster.clock,
    log: silentLogger,
  }));
  await admin.create(core('namespaces'), { metadata: { name: 'ns' } });
  const claim = (name: string): KubeObject => ({ metadata: { name, namespace: 'ns' } });
  await admin.create(core('persistentvolumeclaims'), claim('used'), { namespace: 'ns' });
  await admin.create(core('persistentvolumeclaims'), claim('waiting'), { namespace: 'ns' });
  const pod = (name: string, nodeName: string, claimName: string): KubeObject =>
    ({
      metadata: { name, namespace: 'ns' },
      spec: { nodeName, volumes: [{ name: 'v', persistentVolumeClaim: { claimName } }] },
    }) as KubeObject;
  await admin.create(core('pods'), pod('on-a-node', 'n1', 'used'), { namespace: 'ns' });
  await admin.create(core('pods'), pod('pending', '', 'waiting'), { namespace: 'ns' });
  await cluster.settle();
  for (const name of ['used', 'waiting']) {
    assert.deepEqual(cluster.peek('persistentvolumeclaims', name, 'ns')?.metadata.finalizers, [finalizer]);
    await admin.delete(core('persistentvolumeclaims'), name, { namespace: 'ns' });
  }
  await cluster.settle();
  assert.ok(cluster.peek('persistentvolumeclaims', 'used', 'ns'), 'a used claim stays');
  assert.equal(cluster.peek('persistentvolumeclaims', 'waiting', 'ns'), undefined);
  await admin.delete(core('pods'), 'on-a-node', { namespace: 'ns' });
  await cluster.settle();
  assert.equal(cluster.peek('persistentvolumeclaims', 'used', 'ns'), undefined);
  await Promise.all(controllers.map((controller) => controller.stop()));
});
