import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deployments, namespaces, replicaSets } from '../../client/index.ts';
import { apiError, silentLogger } from '../../kernel/index.ts';
import { controllerRefTo } from '../runtime/index.ts';
import type { Deployment, PodTemplateSpec, ReplicaSet } from '../../schema/generated/index.ts';
import { FakeCluster } from '../testing.ts';
import { deploymentKind } from './draft.ts';
import { deploymentController } from './index.ts';

const namespace = 'shop';
const labels = { app: 'web' };
const template = (image: string): PodTemplateSpec => ({
  metadata: { labels },
  spec: { containers: [{ name: 'web', image }] },
});

test('while the new ReplicaSet cannot be made, the old one keeps its pods', async () => {
  const cluster = new FakeCluster();
  const { clientFor, clock } = cluster;
  const admin = clientFor('admin');
  const selector = { matchLabels: labels };
  await admin.create(namespaces, { metadata: { name: namespace } });
  const { metadata } = await admin.create<Deployment>(
    deployments,
    {
      ...deploymentKind,
      metadata: { name: 'web', generation: 1 },
      spec: {
        replicas: 4,
        selector,
        template: template('web:2'),
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
      },
    },
    { namespace },
  );
  await admin.create<ReplicaSet>(
    replicaSets,
    {
      metadata: { name: 'old', generation: 1, labels, ownerReferences: [controllerRefTo(deploymentKind, metadata)] },
      spec: { replicas: 4, selector, template: template('web:1') },
      status: { replicas: 4, availableReplicas: 4, readyReplicas: 4, observedGeneration: 1 },
    },
    { namespace },
  );
  cluster.intercept = ({ verb, resource, name }) => {
    if (verb === 'create' && resource === 'replicasets') throw apiError.forbidden(replicaSets, name, 'no');
  };
  const controller = deploymentController({ clientFor, clock, log: silentLogger });
  await cluster.settle();
  const sizeOfOld = () => cluster.peek<ReplicaSet>('replicasets', 'old', namespace)?.spec.replicas;
  assert.equal(sizeOfOld(), 4);
  cluster.intercept = () => {};
  clock.advance(60_000);
  await cluster.settle();
  assert.equal(sizeOfOld(), 3);
  await controller.stop();
});
