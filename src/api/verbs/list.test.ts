import assert from 'node:assert/strict';
import { gunzipSync } from 'node:zlib';
import { test } from 'node:test';
import { type TestCluster, testCluster } from '../testing/cluster.ts';
import { at, type FakeAnswer } from '../testing/exchange.ts';

const maps = '/api/v1/namespaces/default/configmaps';

async function fill(cluster: TestCluster, count: number, namespace = 'default', data?: object): Promise<void> {
  await Promise.all(
    Array.from({ length: count }, (_, index) =>
      cluster.ask('POST', `/api/v1/namespaces/${namespace}/configmaps`, {
        body: {
          metadata: { name: `m${String(index).padStart(4, '0')}`, labels: { even: String(index % 2 === 0) } },
          data,
        },
      }),
    ),
  );
}

const names = (answer: FakeAnswer): unknown[] =>
  (at(answer.json, 'items') as unknown[]).map((item) => at(item, 'metadata.name'));

test('items are sorted and carry no kind; an empty list is a list', async () => {
  const cluster = await testCluster();
  const none = await cluster.ask('GET', maps);
  assert.equal(none.text, '{"kind":"ConfigMapList","apiVersion":"v1","metadata":{"resourceVersion":"0"},"items":[]}\n');
  await fill(cluster, 3);
  const answer = await cluster.ask('GET', maps);
  assert.deepEqual(names(answer), ['m0000', 'm0001', 'm0002']);
  assert.equal(at(answer.json, 'items.0.kind'), undefined);
  assert.equal(at(answer.json, 'metadata.resourceVersion'), '3');
  await cluster.close();
});

test('pages hold one state, count what remains, and end without a token', async () => {
  const cluster = await testCluster();
  await fill(cluster, 5);
  const first = await cluster.ask('GET', `${maps}?limit=2`);
  assert.deepEqual(names(first), ['m0000', 'm0001']);
  assert.equal(at(first.json, 'metadata.remainingItemCount'), 3);
  await cluster.ask('DELETE', `${maps}/m0003`);
  const second = await cluster.ask('GET', `${maps}?limit=2&continue=${String(at(first.json, 'metadata.continue'))}`);
  assert.deepEqual(names(second), ['m0002', 'm0003']);
  assert.equal(at(second.json, 'metadata.resourceVersion'), at(first.json, 'metadata.resourceVersion'));
  const third = await cluster.ask('GET', `${maps}?limit=2&continue=${String(at(second.json, 'metadata.continue'))}`);
  assert.deepEqual(names(third), ['m0004']);
  assert.equal(at(third.json, 'metadata.continue'), undefined);
  assert.equal(at(third.json, 'metadata.remainingItemCount'), undefined);
  await cluster.close();
});

test('pages go over all namespaces', async () => {
  const cluster = await testCluster();
  await fill(cluster, 2, 'a');
  await fill(cluster, 2, 'b');
  const seen: unknown[] = [];
  let token = '';
  do {
    const page = await cluster.ask('GET', `/api/v1/configmaps?limit=1&continue=${token}`);
    seen.push(`${String(at(page.json, 'items.0.metadata.namespace'))}/${String(names(page)[0])}`);
    token = String(at(page.json, 'metadata.continue') ?? '');
  } while (token !== '');
  assert.deepEqual(seen, ['a/m0000', 'a/m0001', 'b/m0000', 'b/m0001']);
  await cluster.close();
});

test('a list at any revision is served whole, whatever the limit', async () => {
  const cluster = await testCluster();
  await fill(cluster, 3);
  const list = await cluster.ask('GET', `${maps}?limit=1&resourceVersion=0`);
  assert.equal(names(list).length, 3);
  assert.equal(at(list.json, 'metadata.continue'), undefined);
  await cluster.close();
});

test('with selectors nothing is said about what remains', async () => {
  const cluster = await testCluster();
  await fill(cluster, 6);
  const page = await cluster.ask('GET', `${maps}?limit=2&labelSelector=even%3Dtrue`);
  assert.deepEqual(names(page), ['m0000', 'm0002']);
  assert.equal(at(page.json, 'metadata.remainingItemCount'), undefined);
  assert.ok(at(page.json, 'metadata.continue'));
  await cluster.close();
});

test('a token outlives its state: 410 with a token to go on with', async () => {
  const cluster = await testCluster();
  await fill(cluster, 3);
  const first = await cluster.ask('GET', `${maps}?limit=1`);
  await fill(cluster, 1, 'other');
  cluster.clock.advance(20 * 60_000);
  const late = await cluster.ask('GET', `${maps}?limit=1&continue=${String(at(first.json, 'metadata.continue'))}`);
  assert.equal(late.status, 410);
  assert.equal(at(late.json, 'reason'), 'Expired');
  assert.match(
    String(at(late.json, 'message')),
    /^The provided continue parameter is too old to display a consistent list result/,
  );
  const next = await cluster.ask('GET', `${maps}?limit=5&continue=${String(at(late.json, 'metadata.continue'))}`);
  assert.deepEqual(names(next), ['m0001', 'm0002']);
  await cluster.close();
});

const refusals: readonly [query: string, status: number, message: RegExp][] = [
  ['continue=x', 400, /^invalid continue token: continue key is not valid: illegal base64 data at input byte 0$/],
  ['resourceVersion=abc', 400, /^invalid resource version: .*parsing "abc": invalid syntax/],
  ['resourceVersionMatch=Exact', 422, /resourceVersionMatch is forbidden unless resourceVersion is provided/],
  [
    'resourceVersion=0&resourceVersionMatch=Exact',
    422,
    /resourceVersionMatch "exact" is forbidden for resourceVersion "0"/,
  ],
  [
    'resourceVersion=1&resourceVersionMatch=Nearly',
    422,
    /Unsupported value: "Nearly": supported values: "Exact", "NotOlderThan", ""/,
  ],
  ['sendInitialEvents=true', 422, /sendInitialEvents is forbidden for list/],
  ['labelSelector=a%3D%3D%3Db', 400, /^unable to parse requirement: found '=', expected: identifier/],
  [
    'fieldSelector=spec.foo%3Db',
    400,
    /"spec.foo" is not a known field selector: only "metadata.name", "metadata.namespace"/,
  ],
  ['limit=many', 400, /strconv.ParseInt: parsing "many": invalid syntax/],
  ['limit=', 400, /strconv.ParseInt: parsing "": invalid syntax/],
  ['limit=9223372036854775808', 400, /strconv.ParseInt: parsing "9223372036854775808": value out of range/],
];
for (const [query, status, message] of refusals) {
  test(`list?${query} is refused`, async () => {
    const cluster = await testCluster();
    const answer = await cluster.ask('GET', `${maps}?${query}`);
    assert.match(String(at(answer.json, 'message')), message);
    assert.equal(answer.status, status);
    await cluster.close();
  });
}

test('a revision from the future is waited for, then answered with a timeout', async () => {
  const cluster = await testCluster();
  const waiting = cluster.ask('GET', `${maps}?resourceVersion=99`);
  await new Promise<void>((resolve) => setImmediate(resolve));
  cluster.clock.advance(3000);
  const answer = await waiting;
  assert.equal(answer.status, 504);
  assert.equal(answer.headers.get('retry-after'), '1');
  assert.equal(at(answer.json, 'details.causes.0.reason'), 'ResourceVersionTooLarge');
  assert.match(String(at(answer.json, 'message')), /^Timeout: Too large resource version: 99, current: 0/);
  await cluster.close();
});

test('Exact shows the past', async () => {
  const cluster = await testCluster();
  await fill(cluster, 2);
  await cluster.ask('DELETE', `${maps}/m0000`);
  const past = await cluster.ask('GET', `${maps}?resourceVersion=2&resourceVersionMatch=Exact`);
  assert.deepEqual(names(past), ['m0000', 'm0001']);
  assert.equal(at(past.json, 'metadata.resourceVersion'), '2');
  await cluster.close();
});

test('fields select by name and by what the kind declares, indexed or not', async () => {
  const cluster = await testCluster();
  const pods = '/api/v1/namespaces/default/pods';
  for (const [name, nodeName] of [
    ['p1', 'n1'],
    ['p2', 'n2'],
  ] as const) {
    await cluster.ask('POST', pods, {
      body: { metadata: { name }, spec: { nodeName, containers: [{ name: 'c', image: 'i' }] } },
    });
  }
  assert.deepEqual(names(await cluster.ask('GET', '/api/v1/pods?fieldSelector=spec.nodeName%3Dn2')), ['p2']);
  assert.deepEqual(names(await cluster.ask('GET', '/api/v1/pods?fieldSelector=spec.nodeName!%3Dn2')), ['p1']);
  assert.deepEqual(names(await cluster.ask('GET', '/api/v1/pods?fieldSelector=metadata.name%3Dp1')), ['p1']);
  assert.deepEqual(names(await cluster.ask('GET', '/api/v1/pods?fieldSelector=metadata.namespace%3Dother')), []);
  const bad = await cluster.ask('GET', '/api/v1/pods?fieldSelector=spec.foo%3Dn2');
  assert.equal(at(bad.json, 'message'), 'field label not supported: spec.foo');
  await cluster.close();
});

test('large lists are streamed, and compressed for those who can read that', async () => {
  const cluster = await testCluster();
  await fill(cluster, 60, 'default', { blob: 'x'.repeat(5000) });
  const plain = await cluster.ask('GET', maps);
  assert.equal(names(plain).length, 60);
  assert.equal(plain.headers.get('content-encoding'), undefined);
  const packed = await cluster.ask('GET', maps, { headers: { 'accept-encoding': 'gzip' } });
  assert.equal(packed.headers.get('content-encoding'), 'gzip');
  assert.equal(gunzipSync(packed.body).toString(), plain.text);
  const small = await cluster.ask('GET', `${maps}?limit=2`, { headers: { 'accept-encoding': 'gzip' } });
  assert.equal(small.headers.get('content-encoding'), undefined);
  await cluster.close();
});

test('a stopped client stops a streamed list', async () => {
  const cluster = await testCluster();
  await fill(cluster, 60, 'default', { blob: 'x'.repeat(5000) });
  const response = cluster.open('GET', maps);
  response.full = true;
  for (let turn = 0; turn < 10; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
  const before = response.body.length;
  assert.ok(before > 0 && before < 250_000);
  response.drain();
  await response.done;
  assert.ok(response.body.length > 300_000);
  await cluster.close();
});
