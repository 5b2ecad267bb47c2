import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testCluster } from './testing/cluster.ts';
import { at, settle } from './testing/exchange.ts';

const maps = '/api/v1/namespaces/default/configmaps';
const configMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } };

for (const [timeout, reason] of [
  ['abc', 'time: invalid duration "abc"'],
  ['5', 'time: missing unit in duration "5"'],
  ['5d', 'time: unknown unit "d" in duration "5d"'],
]) {
  test(`timeout=${timeout} is refused, whoever asks`, async () => {
    const cluster = await testCluster();
    const answer = await cluster.ask('GET', `${maps}?timeout=${timeout}`, { headers: { user: '' } });
    assert.equal(answer.status, 400);
    assert.equal(at(answer.json, 'message'), `invalid timeout specified in the request URL - ${reason}`);
    assert.equal(at(answer.json, 'reason'), 'BadRequest');
    await cluster.close();
  });
}

test('a watch has no use for the parameter', async () => {
  const cluster = await testCluster();
  const watch = cluster.open('GET', `${maps}?watch=1&timeout=abc`);
  await settle();
  assert.equal(watch.status, 200);
  cluster.clock.advance(120_000);
  assert.equal(watch.closed, false);
  await cluster.close();
});

for (const [what, query, limitMs] of [
  ['the client', '?timeout=1500ms', 1_500],
  ['the server, when the client says nothing', '', 60_000],
  ['the server, when the client says 0', '?timeout=0s', 60_000],
  ['the server, when the client would wait longer', '?timeout=2m', 60_000],
] as const) {
  test(`a write that waits is answered when ${what} has had enough, and goes on`, async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const slow = { name: 'Slow', handles: () => true, admit: () => promise };
    const cluster = await testCluster({ admission: [slow] });
    const response = cluster.open('POST', `${maps}${query}`, { body: configMap });
    await settle();
    cluster.clock.advance(limitMs - 1);
    assert.equal(response.closed, false);
    cluster.clock.advance(1);
    assert.equal(response.status, 504);
    assert.deepEqual(JSON.parse(response.text), {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: 'Timeout: request did not complete within requested timeout - context deadline exceeded',
      reason: 'Timeout',
      details: {},
      code: 504,
    });
    resolve();
    await settle();
    assert.equal((await cluster.ask('GET', `${maps}/a`)).status, 200);
    await cluster.close();
  });
}
