import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configMaps, namespaces } from '../../client/index.ts';
import { apiError, silentLogger } from '../../kernel/index.ts';
import type { ConfigMap } from '../../schema/generated/index.ts';
import { FakeCluster } from '../testing.ts';
import { perNamespaceController } from './per-namespace.ts';

const objectName = 'wanted';

async function withController(): Promise<FakeCluster> {
  const cluster = new FakeCluster();
  const env = { clientFor: cluster.clientFor, clock: cluster.clock, log: silentLogger };
  perNamespaceController<ConfigMap>(env, {
    name: 'tester',
    ref: configMaps,
    objectName,
    plan: (namespace, object) =>
      namespace && !object
        ? [
            {
              do: 'create',
              ref: configMaps,
              object: { metadata: { name: objectName, namespace: namespace.metadata.name ?? '' } },
            },
          ]
        : [],
  });
  await cluster.settle();
  return cluster;
}

test('the plan of a namespace is carried out when it comes and when its object goes', async () => {
  const cluster = await withController();
  const admin = cluster.clientFor('admin');
  await admin.create(namespaces, { metadata: { name: 'shop' } });
  await cluster.settle();
  assert.ok(cluster.peek('configmaps', objectName, 'shop'));
  await admin.delete(configMaps, objectName, { namespace: 'shop' });
  await cluster.settle();
  assert.ok(cluster.peek('configmaps', objectName, 'shop'));
});

for (const [what, error, tries] of [
  ['is gone', apiError.notFound({ group: '', resource: 'namespaces' }, 'shop'), 1],
  ['has the object already', apiError.alreadyExists({ group: '', resource: 'configmaps' }, objectName), 1],
  ['cannot be written to for now', apiError.internal('no'), 2],
] as const) {
  test(`a namespace that ${what} is looked at ${tries === 1 ? 'once' : 'again'}`, async () => {
    const cluster = await withController();
    let seen = 0;
    cluster.intercept = ({ user }) => {
      if (user !== 'tester') return;
      seen++;
      throw error;
    };
    await cluster.clientFor('admin').create(namespaces, { metadata: { name: 'shop' } });
    await cluster.settle();
    cluster.clock.advance(5);
    await cluster.settle();
    assert.equal(seen, tries);
  });
}
