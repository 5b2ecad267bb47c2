import assert from 'node:assert/strict';
import { test } from 'node:test';
import { namespaces, services } from '../../client/index.ts';
import { silentLogger } from '../../kernel/index.ts';
import type { Service } from '../../schema/generated/index.ts';
import { FakeCluster } from '../testing.ts';
import { endpointsControllers } from './index.ts';

test('Endpoints go with a Service that went while no watch ran', async () => {
  const cluster = new FakeCluster();
  const { clientFor, clock } = cluster;
  const admin = clientFor('admin');
  const namespace = 'shop';
  await admin.create(namespaces, { metadata: { name: namespace } });
  const spec = { selector: { app: 'web' }, ports: [{ port: 80 }] };
  await admin.create<Service>(services, { metadata: { name: 'web' }, spec }, { namespace });
  const controllers = endpointsControllers({ clientFor, clock, log: silentLogger });
  await cluster.settle();
  assert.ok(cluster.peek('endpoints', 'web', namespace));
  cluster.closeWatches(undefined, 'services');
  await admin.delete(services, 'web', { namespace });
  clock.advance(1000);
  await cluster.settle();
  assert.equal(cluster.peek('endpoints', 'web', namespace), undefined);
  for (const controller of controllers) await controller.stop();
});
