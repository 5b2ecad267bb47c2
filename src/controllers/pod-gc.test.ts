import assert from 'node:assert/strict';
import { test } from 'node:test';
import { namespaces, pods } from '../client/index.ts';
import { silentLogger } from '../kernel/index.ts';
import type { Pod } from '../schema/generated/index.ts';
import { podGcController } from './pod-gc.ts';
import { FakeCluster } from './testing.ts';

const pod = (name: string, status: Pod['status']): Pod => ({
  metadata: { name, namespace: 'shop' },
  spec: { nodeName: '', containers: [] },
  status: status ?? {},
});

test('of pods that have ended the oldest go beyond the limit, evicted ones first', async () => {
  const cluster = new FakeCluster();
  const { clientFor, clock } = cluster;
  const admin = clientFor('admin');
  await admin.create(namespaces, { metadata: { name: 'shop' } });
  const make = async (name: string, status: Pod['status']): Promise<void> => {
    await admin.create<Pod>(pods, pod(name, status), { namespace: 'shop' });
    clock.advance(1000);
  };
  await make('old', { phase: 'Succeeded' });
  await make('running', { phase: 'Running' });
  await make('evicted', { phase: 'Failed', reason: 'Evicted' });
  const controller = podGcController({ clientFor, clock, log: silentLogger }, { endedLimit: 2 });
  await cluster.settle();
  assert.ok(cluster.peek('pods', 'old', 'shop') && cluster.peek('pods', 'evicted', 'shop'));
  await make('third', { phase: 'Failed' });
  await cluster.settle();
  assert.equal(cluster.peek('pods', 'evicted', 'shop'), undefined);
  await make('fourth', { phase: 'Succeeded' });
  await cluster.settle();
  const left = ['old', 'running', 'third', 'fourth'].filter((name) => cluster.peek('pods', name, 'shop'));
  assert.deepEqual(left, ['running', 'third', 'fourth']);
  await controller.stop();
});
