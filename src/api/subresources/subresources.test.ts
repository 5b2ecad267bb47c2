import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type TestCluster, testCluster } from '../testing/cluster.ts';
import { at } from '../testing/exchange.ts';

const deployments = '/apis/apps/v1/namespaces/default/deployments';
const pods = '/api/v1/namespaces/default/pods';

const makeDeployment = (cluster: TestCluster): Promise<unknown> =>
  cluster.ask('POST', deployments, {
    body: {
      metadata: { name: 'd' },
      spec: {
        replicas: 2,
        selector: { matchLabels: { a: 'b' } },
        template: { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } },
      },
    },
  });

const makePod = (cluster: TestCluster): Promise<unknown> =>
  cluster.ask('POST', pods, { body: { metadata: { name: 'p' }, spec: { containers: [{ name: 'c', image: 'i' }] } } });

test('scale reads, writes and patches replicas', async () => {
  const cluster = await testCluster();
  await makeDeployment(cluster);
  const got = await cluster.ask('GET', `${deployments}/d/scale`);
  assert.equal(at(got.json, 'kind'), 'Scale');
  assert.equal(at(got.json, 'apiVersion'), 'autoscaling/v1');
  assert.equal(at(got.json, 'spec.replicas'), 2);
  assert.equal(at(got.json, 'status.selector'), 'app=web');
  const put = await cluster.ask('PUT', `${deployments}/d/scale`, {
    body: { ...(got.json as object), spec: { replicas: 3 } },
  });
  assert.equal(at(put.json, 'spec.replicas'), 3);
  const patched = await cluster.ask('PATCH', `${deployments}/d/scale`, {
    body: { spec: { replicas: 5 } },
    headers: { 'content-type': 'application/merge-patch+json' },
  });
  assert.equal(at(patched.json, 'spec.replicas'), 5);
  const main = await cluster.ask('GET', `${deployments}/d`);
  assert.equal(at(main.json, 'spec.replicas'), 5);
  assert.equal(at(main.json, 'metadata.generation'), 3);
  const stale = await cluster.ask('PUT', `${deployments}/d/scale`, { body: got.json as object });
  assert.equal(stale.status, 409);
  const negative = await cluster.ask('PUT', `${deployments}/d/scale`, {
    body: { metadata: { name: 'd' }, spec: { replicas: -1 } },
  });
  assert.equal(negative.status, 422);
  assert.match(
    String(at(negative.json, 'message')),
    /^Scale.autoscaling "d" is invalid: spec.replicas: Invalid value: -1/,
  );
  await cluster.close();
});

test('actions and reviews go to their handlers, through admission', async () => {
  const admitted: string[] = [];
  const cluster = await testCluster({
    actions: new Map([
      [
        '/v1/pods/binding',
        {
          act: (parent, body) =>
            Promise.resolve({
              kind: 'Status',
              status: 'Success',
              message: `${parent.name} ${String(at(body, 'target.name'))}`,
              metadata: {},
            }),
        },
      ],
    ]),
    reviews: new Map([
      [
        'authorization.k8s.io/v1/subjectaccessreviews',
        { review: (object) => Promise.resolve({ ...object, status: { allowed: true } } as typeof object) },
      ],
    ]),
    admission: [
      {
        name: 'spy',
        handles: () => true,
        admit: ({ definition, subresource }) => void admitted.push(`${definition.resource}/${subresource}`),
      },
    ],
  });
  await makePod(cluster);
  const bound = await cluster.ask('POST', `${pods}/p/binding`, {
    body: { metadata: { name: 'p' }, target: { name: 'n' } },
  });
  assert.equal(bound.status, 201);
  assert.equal(at(bound.json, 'message'), 'p n');
  const review = await cluster.ask('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', {
    body: { spec: { user: 'x' } },
  });
  assert.equal(review.status, 201);
  assert.equal(at(review.json, 'status.allowed'), true);
  assert.deepEqual(admitted, ['pods/', 'pods/binding', 'subjectaccessreviews/']);
  await cluster.close();
});

test('a connect subresource belongs to its port', async () => {
  const cluster = await testCluster({
    connects: new Map([
      [
        '/v1/pods/exec',
        {
          connect: ({ response, name, query, headers }) =>
            response.send(200, headers('text/plain'), `${name} ${query.get('command')}`),
        },
      ],
    ]),
  });
  await makePod(cluster);
  const answer = await cluster.ask('GET', `${pods}/p/exec?command=ls`);
  assert.equal(answer.text, 'p ls');
  assert.equal((await cluster.ask('GET', `${pods}/q/exec?command=ls`)).status, 404);
  assert.equal((await cluster.ask('DELETE', `${pods}/p/exec`)).status, 405);
  await cluster.close();
});

test('who scales owns the replicas, and nothing else', async () => {
  const cluster = await testCluster();
  const owners = async (): Promise<string[]> => {
    const main = await cluster.ask('GET', `${deployments}/d`);
    return (at(main.json, 'metadata.managedFields') as object[])
      .filter((entry) => JSON.stringify(at(entry, 'fieldsV1')).includes('f:replicas'))
      .map(
        (entry) =>
          `${at(entry, 'manager')} ${at(entry, 'operation')} ${at(entry, 'apiVersion')} ${at(entry, 'subresource')}`,
      );
  };
  await makeDeployment(cluster);
  assert.deepEqual(await owners(), ['unknown Update apps/v1 undefined']);
  await cluster.ask('PUT', `${deployments}/d/scale`, {
    body: { metadata: { name: 'd' }, spec: { replicas: 3 } },
    headers: { 'user-agent': 'hpa/1' },
  });
  assert.deepEqual(await owners(), ['hpa Update apps/v1 scale']);
  const scale = { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { name: 'd', namespace: 'default' } };
  const apply = (query: string): Promise<{ status: number }> =>
    cluster.ask('PATCH', `${deployments}/d/scale?fieldManager=me${query}`, {
      body: { ...scale, spec: { replicas: 7 } },
      headers: { 'content-type': 'application/apply-patch+yaml' },
    });
  assert.equal((await apply('')).status, 409);
  assert.equal((await apply('&force=true')).status, 200);
  assert.deepEqual(await owners(), ['me Apply apps/v1 scale']);
  await cluster.close();
});
