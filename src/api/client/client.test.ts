import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isReason } from '../../kernel/status.ts';
import type { KubeObject } from '../../schema/index.ts';
import { testCluster } from '../testing/cluster.ts';

const maps = { group: '', version: 'v1', resource: 'configmaps' };
const deployments = { group: 'apps', version: 'v1', resource: 'deployments' };
const controller = { name: 'system:serviceaccount:kube-system:test-controller', groups: ['system:authenticated'] };

type Map = KubeObject & { data?: Record<string, string> };

const map = (name: string, data: Record<string, string> = {}): Map => ({
  metadata: { name, namespace: 'default' },
  data,
});

test('a component writes and reads as itself', async () => {
  const cluster = await testCluster();
  const client = cluster.api.client(controller);
  const made = await client.create<Map>(maps, map('a', { k: 'v' }));
  assert.equal(made.metadata.managedFields?.[0]?.manager, 'test-controller');
  const got = await client.get<Map>(maps, 'a', 'default');
  assert.equal(got, made);
  assert.ok(Object.isFrozen(got));
  const updated = await client.update<Map>(maps, { ...got, data: { k: 'w' } });
  assert.equal(updated.data?.['k'], 'w');
  const patched = await client.patch<Map>(
    maps,
    'a',
    'application/merge-patch+json',
    { data: { m: '1' } },
    { namespace: 'default' },
  );
  assert.deepEqual({ ...patched.data }, { k: 'w', m: '1' });
  const { items, resourceVersion } = await client.list<Map>(maps, { namespace: 'default' });
  assert.deepEqual([items.length, resourceVersion], [1, '3']);
  await client.delete(maps, 'a', { namespace: 'default' });
  await assert.rejects(client.get(maps, 'a', 'default'), (error) => isReason(error, 'NotFound'));
  await cluster.close();
});

test('authorization and validation hold in process', async () => {
  const cluster = await testCluster();
  const nobody = cluster.api.client({ name: 'nobody', groups: [] });
  await assert.rejects(nobody.list(maps), (error) => isReason(error, 'Forbidden'));
  const client = cluster.api.client(controller);
  await assert.rejects(client.create(maps, map('A_')), (error) => isReason(error, 'Invalid'));
  const stale = await client.create<Map>(maps, map('a'));
  await client.update<Map>(maps, { ...stale, data: { k: '1' } });
  await assert.rejects(client.update<Map>(maps, { ...stale, data: { k: '2' } }), (error) =>
    isReason(error, 'Conflict'),
  );
  await cluster.close();
});

test('a watch tells state, then changes, then its end', async () => {
  const cluster = await testCluster();
  const client = cluster.api.client(controller);
  await client.create(maps, map('a'));
  const seen: string[] = [];
  const watch = client.watch<Map>(
    maps,
    { sendInitialEvents: true, labelSelector: '!gone' },
    {
      event: (event) =>
        seen.push(
          event.type === 'BOOKMARK'
            ? `BOOKMARK ${event.resourceVersion}`
            : `${event.type} ${event.object.metadata.name}`,
        ),
      closed: () => seen.push('closed'),
    },
  );
  assert.deepEqual(seen, ['ADDED a', 'BOOKMARK 1']);
  await client.create(maps, map('b'));
  await client.patch(
    maps,
    'a',
    'application/merge-patch+json',
    { metadata: { labels: { gone: '' } } },
    { namespace: 'default' },
  );
  assert.deepEqual(seen.slice(2), ['ADDED b', 'DELETED a']);
  watch.stop();
  await client.create(maps, map('c'));
  assert.equal(seen.length, 4);
  client.watch<Map>(maps, {}, { event: () => {}, closed: () => seen.push('closed') });
  await cluster.close();
  assert.equal(seen.at(-1), 'closed');
});

test('scale is a subresource of its own shape', async () => {
  const cluster = await testCluster();
  const client = cluster.api.client(controller);
  await client.create(deployments, {
    metadata: { name: 'd', namespace: 'default' },
    spec: {
      replicas: 1,
      selector: { matchLabels: { a: 'b' } },
      template: { metadata: { labels: { a: 'b' } }, spec: { containers: [] } },
    },
  } as KubeObject);
  const scale = { metadata: { name: 'd', namespace: 'default' }, spec: { replicas: 4 } } as KubeObject;
  const scaled = (await client.update(deployments, scale, { subresource: 'scale' })) as KubeObject & { spec: object };
  assert.equal(scaled.kind, 'Scale');
  assert.deepEqual(scaled.spec, { replicas: 4 });
  await cluster.close();
});
