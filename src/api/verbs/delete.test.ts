import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type TestCluster, testCluster } from '../testing/cluster.ts';
import { at } from '../testing/exchange.ts';

const maps = '/api/v1/namespaces/default/configmaps';
const pods = '/api/v1/namespaces/default/pods';

async function makeMap(cluster: TestCluster, name = 'a', more: object = {}): Promise<string> {
  const answer = await cluster.ask('POST', maps, { body: { metadata: { name, ...more } } });
  return String(at(answer.json, 'metadata.uid'));
}

const makePod = (cluster: TestCluster, nodeName?: string): Promise<unknown> =>
  cluster.ask('POST', pods, {
    body: { metadata: { name: 'p' }, spec: { containers: [{ name: 'c', image: 'i' }], ...(nodeName && { nodeName }) } },
  });

test('a deletion answers with a Status that names what went', async () => {
  const cluster = await testCluster();
  const uid = await makeMap(cluster);
  const answer = await cluster.ask('DELETE', `${maps}/a`);
  assert.equal(answer.status, 200);
  assert.equal(
    answer.text,
    `{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Success","details":{"name":"a","kind":"configmaps","uid":"${uid}"}}\n`,
  );
  assert.equal((await cluster.ask('DELETE', `${maps}/a`)).status, 404);
  await cluster.close();
});

test('preconditions must hold', async () => {
  const cluster = await testCluster();
  const uid = await makeMap(cluster);
  const other = await cluster.ask('DELETE', `${maps}/a`, { body: { preconditions: { uid: 'x' } } });
  assert.equal(other.status, 409);
  assert.equal(
    at(other.json, 'message'),
    `Operation cannot be fulfilled on ConfigMap "a": the UID in the precondition (x) does not match the UID in record (${uid}). The object might have been deleted and then recreated`,
  );
  const stale = await cluster.ask('DELETE', `${maps}/a`, { body: { preconditions: { resourceVersion: '99' } } });
  assert.equal(stale.status, 409);
  const right = await cluster.ask('DELETE', `${maps}/a`, { body: { preconditions: { uid, resourceVersion: '1' } } });
  assert.equal(right.status, 200);
  await cluster.close();
});

test("propagation sets the collector's finalizers", async () => {
  const cluster = await testCluster();
  for (const [policy, finalizer] of [
    ['Foreground', 'foregroundDeletion'],
    ['Orphan', 'orphan'],
  ] as const) {
    await makeMap(cluster, policy.toLowerCase());
    const answer = await cluster.ask('DELETE', `${maps}/${policy.toLowerCase()}?propagationPolicy=${policy}`);
    assert.deepEqual(at(answer.json, 'metadata.finalizers'), [finalizer]);
    assert.equal(at(answer.json, 'metadata.deletionTimestamp'), '2026-01-01T00:00:00Z');
  }
  await makeMap(cluster, 'old');
  const legacy = await cluster.ask('DELETE', `${maps}/old?orphanDependents=true`);
  assert.deepEqual(at(legacy.json, 'metadata.finalizers'), ['orphan']);
  const both = await cluster.ask('DELETE', `${maps}/old`, {
    body: { orphanDependents: true, propagationPolicy: 'Orphan' },
  });
  assert.equal(both.status, 422);
  assert.match(
    String(at(both.json, 'message')),
    /^DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Invalid value: "Orphan": orphanDependents and deletionPropagation cannot be both set/,
  );
  await cluster.close();
});

test('orphanDependents=false answers 202 while the object waits', async () => {
  const cluster = await testCluster();
  await makeMap(cluster, 'a', { finalizers: ['x.io/y'] });
  assert.equal((await cluster.ask('DELETE', `${maps}/a?orphanDependents=false`)).status, 202);
  await cluster.close();
});

test('a pod on a node gets its grace, which can only be shortened', async () => {
  const cluster = await testCluster();
  await makePod(cluster, 'n1');
  const first = await cluster.ask('DELETE', `${pods}/p`);
  assert.equal(at(first.json, 'kind'), 'Pod');
  assert.equal(at(first.json, 'metadata.deletionTimestamp'), '2026-01-01T00:00:30Z');
  assert.equal(at(first.json, 'metadata.deletionGracePeriodSeconds'), 30);
  assert.equal(at(first.json, 'metadata.generation'), 2);
  const longer = await cluster.ask('DELETE', `${pods}/p?gracePeriodSeconds=60`);
  assert.equal(at(longer.json, 'metadata.deletionGracePeriodSeconds'), 30);
  assert.equal(at(longer.json, 'metadata.resourceVersion'), at(first.json, 'metadata.resourceVersion'));
  cluster.clock.advance(1000);
  const shorter = await cluster.ask('DELETE', `${pods}/p?gracePeriodSeconds=5`);
  assert.equal(at(shorter.json, 'metadata.deletionTimestamp'), '2026-01-01T00:00:05Z');
  const now = await cluster.ask('DELETE', `${pods}/p?gracePeriodSeconds=0`);
  assert.equal(now.status, 200);
  assert.equal(at(now.json, 'metadata.deletionGracePeriodSeconds'), 0);
  assert.equal((await cluster.ask('GET', `${pods}/p`)).status, 404);
  await cluster.close();
});

test('a pod without a node goes at once', async () => {
  const cluster = await testCluster();
  await makePod(cluster);
  const answer = await cluster.ask('DELETE', `${pods}/p`);
  assert.equal(at(answer.json, 'kind'), 'Pod');
  assert.equal((await cluster.ask('GET', `${pods}/p`)).status, 404);
  await cluster.close();
});

test('a namespace waits for its own finalizers and says so', async () => {
  const cluster = await testCluster();
  await cluster.ask('POST', '/api/v1/namespaces', { body: { metadata: { name: 'n' } } });
  const going = await cluster.ask('DELETE', '/api/v1/namespaces/n');
  assert.equal(at(going.json, 'status.phase'), 'Terminating');
  assert.equal(at(going.json, 'metadata.deletionTimestamp'), '2026-01-01T00:00:00Z');
  const again = await cluster.ask('DELETE', '/api/v1/namespaces/n');
  assert.equal(at(again.json, 'metadata.resourceVersion'), at(going.json, 'metadata.resourceVersion'));
  const done = await cluster.ask('PUT', '/api/v1/namespaces/n/finalize', {
    body: { ...(going.json as object), spec: { finalizers: [] } },
  });
  assert.equal(done.status, 200);
  assert.equal((await cluster.ask('GET', '/api/v1/namespaces/n')).status, 404);
  await cluster.close();
});

test('a dry run deletes nothing', async () => {
  const cluster = await testCluster();
  await makeMap(cluster);
  assert.equal((await cluster.ask('DELETE', `${maps}/a?dryRun=All`)).status, 200);
  assert.equal((await cluster.ask('GET', `${maps}/a`)).status, 200);
  await cluster.close();
});

test('options come as YAML too', async () => {
  const cluster = await testCluster();
  await makeMap(cluster);
  const answer = await cluster.ask('DELETE', `${maps}/a`, {
    body: 'apiVersion: v1\nkind: DeleteOptions\npropagationPolicy: Orphan\n',
    headers: { 'content-type': 'application/yaml' },
  });
  assert.deepEqual(at(answer.json, 'metadata.finalizers'), ['orphan']);
  await cluster.close();
});

test('a collection is deleted by its selection', async () => {
  const cluster = await testCluster();
  for (let index = 0; index < 50; index++) await makeMap(cluster, `m${index}`, { labels: { odd: String(index % 2) } });
  const answer = await cluster.ask('DELETE', `${maps}?labelSelector=odd%3D1`);
  assert.equal(answer.status, 200);
  assert.equal(at(answer.json, 'kind'), 'ConfigMapList');
  assert.equal((at(answer.json, 'items') as unknown[]).length, 25);
  assert.equal((at((await cluster.ask('GET', maps)).json, 'items') as unknown[]).length, 25);
  await cluster.close();
});
