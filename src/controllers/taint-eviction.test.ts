import assert from 'node:assert/strict';
import { test } from 'node:test';
import { events, namespaces, nodes, pods } from '../client/index.ts';
import { silentLogger } from '../kernel/index.ts';
import type { Event, Node, Pod } from '../schema/generated/index.ts';
import { taintEvictionController } from './taint-eviction.ts';
import { FakeCluster } from './testing.ts';

test('a pod that takes the name of another has a stay of its own', async () => {
  const cluster = new FakeCluster();
  const { clientFor, clock } = cluster;
  const admin = clientFor('admin');
  const namespace = 'shop';
  const pod: Pod = {
    metadata: { name: 'web-0', namespace },
    spec: { nodeName: 'n1', containers: [], tolerations: [{ operator: 'Exists', tolerationSeconds: 30 }] },
  };
  const told = (): (string | undefined)[] =>
    cluster.list(events, {}).items.map((event) => (event as unknown as Event).message);
  await admin.create(namespaces, { metadata: { name: namespace } });
  await admin.create<Node>(nodes, { metadata: { name: 'n1' }, spec: { taints: [{ key: 'a', effect: 'NoExecute' }] } });
  const controller = taintEvictionController({ clientFor, clock, log: silentLogger });
  await cluster.settle();
  await admin.create(pods, pod, { namespace });
  await cluster.settle();
  clock.advance(20_000);
  await Promise.all([admin.delete(pods, 'web-0', { namespace }), admin.create(pods, pod, { namespace })]);
  await cluster.settle();
  clock.advance(29_000);
  await cluster.settle();
  assert.deepEqual(told(), ['Cancelling deletion of Pod shop/web-0']);
  clock.advance(1000);
  await cluster.settle();
  assert.deepEqual(told()[1], 'Marking for deletion Pod shop/web-0');
  await controller.stop();
});
