import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type TestCluster, testCluster } from '../testing/cluster.ts';
import { at, type FakeAnswer } from '../testing/exchange.ts';

const maps = '/api/v1/namespaces/default/configmaps';
const json = 'application/json-patch+json';
const merge = 'application/merge-patch+json';
const strategic = 'application/strategic-merge-patch+json';
const apply = 'application/apply-patch+yaml';

async function cluster(): Promise<TestCluster> {
  const made = await testCluster();
  await made.ask('POST', maps, { body: { metadata: { name: 'a' }, data: { k: 'v' } } });
  return made;
}

const patch = (on: TestCluster, type: string, body: unknown, query = '', name = 'a'): Promise<FakeAnswer> =>
  on.ask('PATCH', `${maps}/${name}${query}`, {
    body: typeof body === 'string' ? body : JSON.stringify(body),
    headers: { 'content-type': type, 'user-agent': 'tester' },
  });

test('each type of patch changes the object', async () => {
  const on = await cluster();
  const one = await patch(on, json, [{ op: 'add', path: '/data/j', value: '1' }]);
  assert.equal(at(one.json, 'data.j'), '1');
  const two = await patch(on, merge, { data: { k: null, m: '2' } });
  assert.deepEqual(at(two.json, 'data'), { j: '1', m: '2' });
  const three = await patch(on, strategic, { metadata: { labels: { s: '3' } } });
  assert.equal(at(three.json, 'metadata.labels.s'), '3');
  assert.match(JSON.stringify(at(three.json, 'metadata.managedFields')), /"manager":"tester"/);
  await on.close();
});

test('an empty change keeps the revision', async () => {
  const on = await cluster();
  const same = await patch(on, merge, { data: { k: 'v' } });
  assert.equal(at(same.json, 'metadata.resourceVersion'), '1');
  await on.close();
});

test('a revision in the patch is a precondition', async () => {
  const on = await cluster();
  const stale = await patch(on, merge, { metadata: { resourceVersion: '77' }, data: { k: 'w' } });
  assert.equal(stale.status, 409);
  assert.equal(at(stale.json, 'reason'), 'Conflict');
  await on.close();
});

test('apply creates, owns, and conflicts', async () => {
  const on = await cluster();
  const made = await patch(
    on,
    apply,
    'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\ndata: {k: v}\n',
    '?fieldManager=one',
    'b',
  );
  assert.equal(made.status, 201);
  assert.equal(at(made.json, 'metadata.managedFields.0.operation'), 'Apply');
  const other = await patch(
    on,
    apply,
    'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\ndata: {k: w}\n',
    '?fieldManager=two',
    'b',
  );
  assert.equal(other.status, 409);
  assert.equal(at(other.json, 'details.causes.0.reason'), 'FieldManagerConflict');
  const forced = await patch(
    on,
    apply,
    'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\ndata: {k: w}\n',
    '?fieldManager=two&force=true',
    'b',
  );
  assert.equal(forced.status, 200);
  assert.equal(at(forced.json, 'data.k'), 'w');
  const nobody = await patch(on, apply, 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n', '', 'b');
  assert.equal(nobody.status, 422);
  assert.match(String(at(nobody.json, 'message')), /fieldManager: Required value: is required for apply patch/);
  await on.close();
});

const refusals: readonly [rule: string, type: string, body: unknown, query: string, status: number, message: RegExp][] =
  [
    ['an unknown type', 'application/json', {}, '', 415, /^415: Unsupported Media Type$/],
    ['a broken body', merge, '{', '', 400, /error decoding patch/],
    [
      'force without apply',
      merge,
      {},
      '?force=true',
      422,
      /force: Forbidden: may not be specified for non-apply patch/,
    ],
    [
      'a failing test operation',
      json,
      [{ op: 'test', path: '/data/k', value: 'no' }],
      '',
      422,
      /the server rejected our request/,
    ],
    [
      'an unknown field, when strict',
      merge,
      { foo: 1 },
      '?fieldValidation=Strict',
      422,
      /strict decoding error: unknown field "foo"/,
    ],
    ['a wrong type', merge, { data: 'text' }, '', 422, /patch: Invalid value/],
    [
      'another name',
      merge,
      { metadata: { name: 'b' } },
      '',
      400,
      /the name of the object \(b\) does not match the name on the URL \(a\)/,
    ],
  ];
for (const [rule, type, body, query, status, message] of refusals) {
  test(`patch refuses ${rule}`, async () => {
    const on = await cluster();
    const answer = await patch(on, type, body, query);
    assert.match(String(at(answer.json, 'message')), message);
    assert.equal(answer.status, status);
    await on.close();
  });
}

test('only apply creates what is missing', async () => {
  const on = await cluster();
  assert.equal((await patch(on, merge, { data: {} }, '', 'missing')).status, 404);
  await on.close();
});
