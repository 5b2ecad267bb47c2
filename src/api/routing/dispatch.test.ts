import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type TestCluster, testCluster } from '../testing/cluster.ts';

let cluster: TestCluster;
before(async () => {
  cluster = await testCluster();
  await cluster.ask('POST', '/api/v1/namespaces/default/configmaps', { body: { metadata: { name: 'a' } } });
});
after(() => cluster.close());

const cases: readonly [method: string, path: string, status: number][] = [
  ['PUT', '/api/v1/namespaces/default/configmaps', 405],
  ['PATCH', '/api/v1/namespaces/default/configmaps', 405],
  ['PUT', '/api/v1/configmaps', 405],
  ['POST', '/api/v1/configmaps', 405],
  ['GET', '/api/v1/configmaps/a', 404],
  ['POST', '/api/v1/namespaces/default/configmaps/a', 405],
  ['HEAD', '/api/v1/namespaces/default/configmaps/a', 405],
  ['HEAD', '/api/v1/namespaces/default/configmaps/a/nope', 404],
  ['OPTIONS', '/api/v1/namespaces/default/configmaps', 405],
  ['GET', '/api/v1/namespaces/default/configmaps/a?resourceVersion=0', 200],
  ['GET', '/api/v1/namespaces/default/configmaps?fieldSelector=metadata.name%3Da', 200],
  ['GET', '/api/v1/namespaces/default/configmaps/%2e%2e', 400],
  ['GET', '/api/v1/namespaces/default/configmaps/a%2Fb', 404],
  ['DELETE', '/api/v1/watch/namespaces/default/configmaps', 405],
  ['GET', '/api/v1/nope', 404],
  ['GET', '/api/v2/nope', 404],
];

for (const [method, path, status] of cases) {
  test(`${method} ${path} is ${status}`, async () => {
    const answer = await cluster.ask(method, path, { ...(method === 'GET' ? {} : { body: {} }) });
    assert.equal(answer.status, status);
    if (status === 405 && method !== 'HEAD') {
      const { message, details } = JSON.parse(answer.text) as { message: string; details: object };
      assert.equal(message, 'the server does not allow this method on the requested resource');
      assert.deepEqual(details, {});
    }
  });
}

test('a group that is not served has no API machinery: plain text', async () => {
  assert.equal((await cluster.ask('GET', '/apis/nope/v1/things')).text, '404 page not found\n');
});
