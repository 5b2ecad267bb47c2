import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testCluster } from './testing/cluster.ts';
import { at, settle } from './testing/exchange.ts';

const maps = '/api/v1/namespaces/default/configmaps';

const table: readonly {
  rule: string;
  method: string;
  target: string;
  user?: string;
  status: number;
  message?: string;
  text?: string;
}[] = [
  { rule: 'no credentials', method: 'GET', target: maps, user: '', status: 401, message: 'Unauthorized' },
  {
    rule: 'no permission in a namespace',
    method: 'GET',
    target: maps,
    user: 'nobody',
    status: 403,
    message:
      'configmaps is forbidden: User "nobody" cannot list resource "configmaps" in API group "" in the namespace "default"',
  },
  {
    rule: 'no permission in the cluster',
    method: 'GET',
    target: '/apis/apps/v1/deployments?watch=true',
    user: 'nobody',
    status: 403,
    message:
      'deployments.apps is forbidden: User "nobody" cannot watch resource "deployments" in API group "apps" at the cluster scope',
  },
  {
    rule: 'no permission on a subresource',
    method: 'PUT',
    target: '/apis/apps/v1/namespaces/x/deployments/d/scale',
    user: 'nobody',
    status: 403,
    message:
      'deployments.apps "d" is forbidden: User "nobody" cannot update resource "deployments/scale" in API group "apps" in the namespace "x"',
  },
  {
    rule: 'no permission on a path',
    method: 'GET',
    target: '/nowhere',
    user: 'nobody',
    status: 403,
    message: 'forbidden: User "nobody" cannot get path "/nowhere"',
  },
  {
    rule: 'an unknown group',
    method: 'GET',
    target: '/apis/foo.io/v1/things',
    status: 404,
    text: '404 page not found\n',
  },
  { rule: 'an unknown path', method: 'GET', target: '/nowhere', status: 404, text: '404 page not found\n' },
  {
    rule: 'an unknown resource of a known group',
    method: 'GET',
    target: '/api/v1/namespaces/default/things',
    status: 404,
    message: 'the server could not find the requested resource',
  },
  { rule: 'an unknown object', method: 'GET', target: `${maps}/a`, status: 404, message: 'configmaps "a" not found' },
  {
    rule: 'a cluster-scoped kind in a namespace',
    method: 'GET',
    target: '/apis/authorization.k8s.io/v1/namespaces/x/subjectaccessreviews',
    status: 404,
    message: 'the server could not find the requested resource',
  },
  {
    rule: 'an unknown subresource',
    method: 'GET',
    target: `${maps}/a/status`,
    status: 404,
    message: 'the server could not find the requested resource',
  },
  {
    rule: 'a verb without a route',
    method: 'POST',
    target: `${maps}/a`,
    status: 405,
    message: 'the server does not allow this method on the requested resource',
  },
  {
    rule: 'creation without a namespace',
    method: 'POST',
    target: '/api/v1/configmaps',
    status: 405,
    message: 'the server does not allow this method on the requested resource',
  },
  { rule: 'HEAD', method: 'HEAD', target: `${maps}/a`, status: 405 },
  { rule: 'OPTIONS', method: 'OPTIONS', target: `${maps}/a`, status: 405 },
];

for (const { rule, method, target, user, status, message, text } of table) {
  test(`${method} with ${rule} → ${status}`, async () => {
    const cluster = await testCluster();
    const answer = await cluster.ask(method, target, user === undefined ? {} : { headers: { user } });
    assert.equal(answer.status, status);
    if (message !== undefined) assert.equal(at(answer.json, 'message'), message);
    if (text !== undefined) assert.equal(answer.text, text);
    assert.ok(answer.headers.has('audit-id'));
    await cluster.close();
  });
}

test("the client's audit id is kept", async () => {
  const cluster = await testCluster();
  const answer = await cluster.ask('GET', maps, { headers: { 'audit-id': 'mine' } });
  assert.equal(answer.headers.get('audit-id'), 'mine');
  await cluster.close();
});

test('a failure of ours is a 500 with its text, and the server goes on', async () => {
  const cluster = await testCluster({
    admission: [
      {
        name: 'broken',
        handles: () => true,
        admit: () => {
          throw new TypeError('oops');
        },
      },
    ],
  });
  const answer = await cluster.ask('POST', maps, { body: { metadata: { name: 'a' } } });
  assert.equal(answer.status, 500);
  assert.equal(at(answer.json, 'message'), 'oops');
  assert.equal((await cluster.ask('GET', maps)).status, 200);
  await cluster.close();
});

test('above the limit: 429, Retry-After, plain text; streams and superusers are free', async () => {
  let release: () => void = () => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const cluster = await testCluster({
    budget: { inFlightWrites: 1 },
    admission: [{ name: 'slow', handles: () => true, admit: () => gate }],
  });
  const user = { headers: { user: 'somebody' } };
  const first = cluster.ask('POST', maps, { body: { metadata: { name: 'a' } }, ...user });
  await settle();
  const second = await cluster.ask('POST', maps, { body: { metadata: { name: 'b' } }, ...user });
  assert.equal(second.status, 429);
  assert.equal(second.text, 'Too many requests, please try again later.\n');
  assert.equal(second.headers.get('retry-after'), '1');
  assert.equal((await cluster.ask('GET', maps, user)).status, 200);
  release();
  assert.equal((await first).status, 201);
  assert.equal((await cluster.ask('POST', maps, { body: { metadata: { name: 'b' } }, ...user })).status, 201);
  await cluster.close();
});

test('paths outside the resource tree find their handler', async () => {
  const cluster = await testCluster({
    paths: [
      {
        path: '/version',
        methods: ['GET'],
        handle: () => ({ status: 200, contentType: 'application/json', body: '{}' }),
      },
      {
        path: '/healthz/',
        methods: ['GET'],
        handle: ({ path }) => ({ status: 200, contentType: 'text/plain', body: path }),
      },
    ],
  });
  assert.equal((await cluster.ask('GET', '/version/')).text, '{}');
  assert.equal((await cluster.ask('GET', '/healthz/ping')).text, '/healthz/ping');
  assert.equal((await cluster.ask('POST', '/version')).status, 405);
  await cluster.close();
});

test('a path handler has the last word on headers', async () => {
  const cluster = await testCluster({
    paths: [
      {
        path: '/openapi/v3',
        methods: ['GET'],
        handle: () => ({
          status: 200,
          contentType: 'application/json',
          headers: [['Cache-Control', 'public']],
          body: '{}',
        }),
      },
    ],
  });
  const answer = await cluster.ask('GET', '/openapi/v3');
  assert.equal(answer.headers.get('cache-control'), 'public');
  await cluster.close();
});
