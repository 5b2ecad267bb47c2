/** What only races, odd keys and lost writes show. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defineResource } from '../../resources/define.ts';
import type { ConfigMap } from '../../schema/generated/index.ts';
import type { AdmissionPlugin } from '../types.ts';
import { type TestCluster, testCluster, testDefinitions } from '../testing/cluster.ts';
import { at, type FakeAnswer, settle } from '../testing/exchange.ts';

const maps = '/api/v1/namespaces/default/configmaps';
const pods = '/api/v1/namespaces/default/pods';
const own = (answer: FakeAnswer, path: string): unknown => at(answer.json, path);

/** Old versions are soon forgotten. */
const budget = { watchWindowMs: 1000 };

/** Data as JSON.parse makes it: `__proto__` is a member like any other. */
const oddData = '{"__proto__":"a","constructor":"b","toString":"c"}';
const oddMap = `{"metadata":{"name":"odd","labels":{"constructor":"x"}},"data":${oddData}}`;

test('names that JavaScript gives a meaning to are kept by every way of writing', async () => {
  const cluster = await testCluster();
  const data = async (): Promise<string> => JSON.stringify(own(await cluster.ask('GET', `${maps}/odd`), 'data'));
  await cluster.ask('POST', maps, { body: oddMap });
  assert.equal(await data(), oddData);
  await cluster.ask('PUT', `${maps}/odd`, { body: oddMap });
  assert.equal(await data(), oddData);
  for (const type of ['merge-patch', 'strategic-merge-patch']) {
    const patched = await cluster.ask('PATCH', `${maps}/odd`, {
      headers: { 'content-type': `application/${type}+json` },
      body: '{"data":{"__proto__":"p","valueOf":null}}',
    });
    assert.equal(patched.status, 200, patched.text);
    assert.equal(await data(), oddData.replace('"a"', '"p"'), type);
    await cluster.ask('PUT', `${maps}/odd`, { body: oddMap });
  }
  await cluster.ask('PATCH', `${maps}/odd`, {
    headers: { 'content-type': 'application/json-patch+json' },
    body: '[{"op":"replace","path":"/data/__proto__","value":"j"}]',
  });
  assert.equal(await data(), oddData.replace('"a"', '"j"'));
  await cluster.ask('PATCH', `${maps}/odd?fieldManager=m&force=true`, {
    headers: { 'content-type': 'application/apply-patch+yaml' },
    body: '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"odd"},"data":{"__proto__":"s"}}',
  });
  assert.equal(await data(), oddData.replace('"a"', '"s"'));
  await cluster.ask('PATCH', `${maps}/odd?fieldManager=m&force=true`, {
    headers: { 'content-type': 'application/apply-patch+yaml' },
    body: 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: odd}\ndata:\n  __proto__: yaml\n',
  });
  assert.equal(await data(), oddData.replace('"a"', '"yaml"'));
  await cluster.close();
});

test('fields that no kind has are refused as selectors, whatever JavaScript calls them', async () => {
  const cluster = await testCluster();
  for (const collection of [maps, pods]) {
    for (const field of ['constructor', '__proto__', 'toString']) {
      const answer = await cluster.ask('GET', `${collection}?fieldSelector=${field}%3Dx`);
      assert.equal(answer.status, 400, field);
    }
  }
  await cluster.close();
});

/** Lets a test act while a request to `name` is in admission. */
function pausing(name: string, meanwhile: (cluster: TestCluster) => Promise<void>) {
  let cluster: TestCluster | undefined;
  let isDone = false;
  const plugin: AdmissionPlugin = {
    name: 'Pausing',
    handles: () => true,
    async validate(request) {
      if (request.name !== name || isDone || !cluster) return;
      isDone = true;
      await meanwhile(cluster);
    },
  };
  const watch = (it: TestCluster): void => {
    cluster = it;
  };
  return { plugin, watch };
}

/** Replaces every version of the object until its old ones have been forgotten. */
async function outdate(cluster: TestCluster, data: object): Promise<void> {
  await cluster.ask('PATCH', `${maps}/a`, {
    headers: { 'content-type': 'application/merge-patch+json' },
    body: { data },
  });
  await settle();
  cluster.clock.advance(2000);
  await settle();
}

test('a write whose object changes and whose old version is forgotten meanwhile is evaluated again', async () => {
  const pause = pausing('a', (cluster) => outdate(cluster, { other: '1' }));
  const cluster = await testCluster({ admission: [pause.plugin], budget });
  await cluster.ask('POST', maps, { body: { metadata: { name: 'a' }, data: { k: 'v' } } });
  pause.watch(cluster);
  const answer = await cluster.ask('PATCH', `${maps}/a`, {
    headers: { 'content-type': 'application/merge-patch+json' },
    body: { data: { k: 'w' } },
  });
  assert.equal(answer.status, 200, answer.text);
  assert.deepEqual(own(answer, 'data'), { k: 'w', other: '1' });
  await cluster.close();
});

test('a deletion whose object changes and whose old version is forgotten meanwhile is evaluated again', async () => {
  const pause = pausing('a', (cluster) => outdate(cluster, { other: '1' }));
  const cluster = await testCluster({ admission: [pause.plugin], budget });
  await cluster.ask('POST', maps, { body: { metadata: { name: 'a', finalizers: ['example.com/x'] } } });
  pause.watch(cluster);
  const answer = await cluster.ask('DELETE', `${maps}/a`);
  assert.equal(answer.status, 200, answer.text);
  await cluster.close();
});

test('an apply that finds the object made meanwhile becomes an update', async () => {
  const pause = pausing('a', async (cluster) => {
    await cluster.ask('POST', maps, { body: { metadata: { name: 'a' }, data: { other: '1' } } });
  });
  const cluster = await testCluster({ admission: [pause.plugin], budget });
  pause.watch(cluster);
  const answer = await cluster.ask('PATCH', `${maps}/a?fieldManager=m`, {
    headers: { 'content-type': 'application/apply-patch+yaml' },
    body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', generateName: 'a' }, data: { k: 'v' } },
  });
  assert.equal(answer.status, 200, answer.text);
  assert.deepEqual(own(answer, 'data'), { k: 'v', other: '1' });
  await cluster.close();
});

test('what a deletion answers with outlives a long clean-up', async () => {
  let cluster: TestCluster | undefined;
  const definition = defineResource<ConfigMap>({
    ...testDefinitions.find(({ resource }) => resource === 'configmaps')!,
    returnsDeletedObject: true,
    async afterDelete() {
      await settle();
      cluster!.clock.advance(2000);
      await settle();
    },
  });
  const others = testDefinitions.filter(({ resource }) => resource !== 'configmaps');
  cluster = await testCluster({ definitions: [definition, ...others], budget });
  await cluster.ask('POST', maps, { body: { metadata: { name: 'a' }, data: { k: 'v' } } });
  const answer = await cluster.ask('DELETE', `${maps}/a`);
  assert.equal(answer.status, 200, answer.text);
  assert.deepEqual(own(answer, 'data'), { k: 'v' });
  await cluster.close();
});

test('what a write answers with outlives what has to be settled after it', async () => {
  let cluster: TestCluster | undefined;
  const definition = defineResource<ConfigMap>({
    ...testDefinitions.find(({ resource }) => resource === 'configmaps')!,
    allocate: async (_next, previous) => ({
      undo: () => Promise.resolve(),
      ...(!previous && { commit: () => outdate(cluster!, { other: '1' }) }),
    }),
  });
  const others = testDefinitions.filter(({ resource }) => resource !== 'configmaps');
  cluster = await testCluster({ definitions: [definition, ...others], budget });
  const answer = await cluster.ask('POST', maps, { body: { metadata: { name: 'a' }, data: { k: 'v' } } });
  assert.equal(answer.status, 201, answer.text);
  assert.deepEqual(own(answer, 'data'), { k: 'v' });
  await cluster.close();
});

test('a continue token that is no object is refused', async () => {
  const cluster = await testCluster();
  for (const value of ['null', '7', '[]', '"a"', '{"v":"meta.k8s.io/v1","rv":null}']) {
    const token = Buffer.from(value).toString('base64url');
    assert.equal((await cluster.ask('GET', `${maps}?continue=${token}`)).status, 400, value);
  }
  await cluster.close();
});

test('YAML whose anchor stands in its own value is refused', async () => {
  const cluster = await testCluster();
  const body = '&a {apiVersion: v1, kind: ConfigMap, metadata: {name: a, labels: *a}}';
  const applied = await cluster.ask('PATCH', `${maps}/a?fieldManager=m`, {
    headers: { 'content-type': 'application/apply-patch+yaml' },
    body,
  });
  const created = await cluster.ask('POST', maps, { headers: { 'content-type': 'application/yaml' }, body });
  assert.deepEqual([applied.status, created.status], [400, 400]);
  const shared = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: &l {x: z}, annotations: *l}\n';
  const good = await cluster.ask('POST', maps, { headers: { 'content-type': 'application/yaml' }, body: shared });
  assert.equal(good.status, 201, good.text);
  await cluster.close();
});
