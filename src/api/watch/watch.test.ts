import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type TestCluster, testCluster } from '../testing/cluster.ts';
import { at, type FakeResponse, settle } from '../testing/exchange.ts';

const maps = '/api/v1/namespaces/default/configmaps';

const make = (
  cluster: TestCluster,
  name: string,
  labels: object = {},
  namespace = 'default',
  data: object = {},
): Promise<unknown> =>
  cluster.ask('POST', `/api/v1/namespaces/${namespace}/configmaps`, { body: { metadata: { name, labels }, data } });

const label = (cluster: TestCluster, name: string, labels: object): Promise<unknown> =>
  cluster.ask('PATCH', `${maps}/${name}`, {
    body: { metadata: { labels } },
    headers: { 'content-type': 'application/merge-patch+json' },
  });

const seen = (watch: FakeResponse): string[] =>
  watch.events.map((event) => `${String(at(event, 'type'))} ${String(at(event, 'object.metadata.name') ?? '')}`.trim());

test('a watch without a revision begins with what is there', async () => {
  const cluster = await testCluster();
  await make(cluster, 'a');
  const watch = cluster.open('GET', `${maps}?watch=1`);
  await make(cluster, 'b');
  await cluster.ask('DELETE', `${maps}/a`);
  await settle();
  assert.deepEqual(seen(watch), ['ADDED a', 'ADDED b', 'DELETED a']);
  assert.equal(at(watch.events[2], 'object.metadata.resourceVersion'), '3');
  assert.equal(watch.status, 200);
  assert.deepEqual(
    watch.headers.find(([name]) => name === 'Content-Type'),
    ['Content-Type', 'application/json'],
  );
  await cluster.close();
  assert.ok(watch.closed);
});

test('a watch from a revision replays what came after it', async () => {
  const cluster = await testCluster();
  for (const name of ['a', 'b', 'c']) await make(cluster, name);
  const watch = cluster.open('GET', `${maps}?watch=1&resourceVersion=1`);
  await make(cluster, 'd');
  await settle();
  assert.deepEqual(seen(watch), ['ADDED b', 'ADDED c', 'ADDED d']);
  await cluster.close();
});

test('a forgotten revision is answered with an ERROR event', async () => {
  const cluster = await testCluster();
  for (const name of ['a', 'b', 'c']) await make(cluster, name);
  cluster.clock.advance(20 * 60_000);
  const watch = cluster.open('GET', `${maps}?watch=1&resourceVersion=1`);
  await watch.done;
  assert.equal(at(watch.events[0], 'type'), 'ERROR');
  assert.equal(at(watch.events[0], 'object.code'), 410);
  assert.equal(at(watch.events[0], 'object.reason'), 'Expired');
  assert.match(String(at(watch.events[0], 'object.message')), /^too old resource version: 1 \(\d+\)$/);
  await cluster.close();
});

test('objects come into a selection and leave it', async () => {
  const cluster = await testCluster();
  const watch = cluster.open('GET', `${maps}?watch=1&labelSelector=in%3Dyes`);
  await make(cluster, 'a');
  await label(cluster, 'a', { in: 'yes' });
  await label(cluster, 'a', { more: 'x' });
  await label(cluster, 'a', { in: 'no' });
  await cluster.ask('DELETE', `${maps}/a`);
  await settle();
  assert.deepEqual(seen(watch), ['ADDED a', 'MODIFIED a', 'DELETED a']);
  const gone = watch.events[2];
  assert.equal(at(gone, 'object.metadata.labels.in'), 'yes');
  assert.equal(at(gone, 'object.metadata.resourceVersion'), '4');
  await cluster.close();
});

test('a watcher hears of its own namespace and name only', async () => {
  const cluster = await testCluster();
  const one = cluster.open('GET', `${maps}?watch=1&fieldSelector=metadata.name%3Da`);
  const other = cluster.open('GET', '/api/v1/namespaces/other/configmaps?watch=1');
  const all = cluster.open('GET', '/api/v1/configmaps?watch=1&fieldSelector=metadata.name%3Da');
  const legacy = cluster.open('GET', '/api/v1/watch/namespaces/default/configmaps/a');
  await make(cluster, 'a');
  await make(cluster, 'b');
  await make(cluster, 'a', {}, 'other');
  await settle();
  assert.deepEqual(seen(one), ['ADDED a']);
  assert.deepEqual(seen(other), ['ADDED a']);
  assert.deepEqual(seen(all), ['ADDED a', 'ADDED a']);
  assert.deepEqual(seen(legacy), ['ADDED a']);
  await cluster.close();
});

test('bookmarks come each minute and before the end, to those who asked', async () => {
  const cluster = await testCluster();
  await make(cluster, 'a');
  const watch = cluster.open('GET', `${maps}?watch=1&resourceVersion=1&allowWatchBookmarks=true&timeoutSeconds=90`);
  const plain = cluster.open('GET', `${maps}?watch=1&resourceVersion=1&timeoutSeconds=90`);
  await make(cluster, 'a', {}, 'elsewhere');
  await settle();
  cluster.clock.advance(60_000);
  assert.deepEqual(seen(watch), ['BOOKMARK']);
  assert.equal(at(watch.events[0], 'object.metadata.resourceVersion'), '2');
  assert.equal(at(watch.events[0], 'object.kind'), 'ConfigMap');
  cluster.clock.advance(28_000);
  assert.equal(watch.events.length, 2);
  cluster.clock.advance(2_000);
  assert.ok(watch.closed && plain.closed);
  assert.deepEqual(seen(plain), []);
  await cluster.close();
});

test('sendInitialEvents ends the state with a marked bookmark', async () => {
  const cluster = await testCluster();
  await make(cluster, 'a');
  const watch = cluster.open(
    'GET',
    `${maps}?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&resourceVersion=1`,
  );
  await settle();
  assert.deepEqual(seen(watch), ['ADDED a', 'BOOKMARK']);
  assert.deepEqual(at(watch.events[1], 'object.metadata.annotations'), { 'k8s.io/initial-events-end': 'true' });
  const bad = await cluster.ask('GET', `${maps}?watch=1&sendInitialEvents=true`);
  assert.equal(bad.status, 422);
  assert.match(
    String(at(bad.json, 'message')),
    /sendInitialEvents requires setting resourceVersionMatch to NotOlderThan/,
  );
  await cluster.close();
});

test('a slow watcher is cut when its queue is full', async () => {
  const cluster = await testCluster({ budget: { watcherQueueEvents: 3 } });
  const slow = cluster.open('GET', `${maps}?watch=1`);
  const quick = cluster.open('GET', `${maps}?watch=1`);
  slow.full = true;
  for (let index = 0; index < 4; index++) await make(cluster, `m${index}`);
  await settle();
  assert.ok(!slow.aborted);
  await make(cluster, 'last');
  await settle();
  assert.ok(slow.aborted);
  assert.equal(quick.events.length, 5);
  await cluster.close();
});

test('a watcher that catches up misses nothing', async () => {
  const cluster = await testCluster();
  const watch = cluster.open('GET', `${maps}?watch=1`);
  watch.full = true;
  for (let index = 0; index < 5; index++) await make(cluster, `m${index}`);
  await settle();
  assert.deepEqual(seen(watch), ['ADDED m0']);
  watch.drain();
  assert.deepEqual(seen(watch), ['ADDED m0', 'ADDED m1', 'ADDED m2', 'ADDED m3', 'ADDED m4']);
  await cluster.close();
});

test('an event reaches hundreds of watchers in slices, each in order', async () => {
  const cluster = await testCluster();
  const watches = Array.from({ length: 350 }, () => cluster.open('GET', `${maps}?watch=1`));
  await Promise.all([make(cluster, 'a'), make(cluster, 'b'), make(cluster, 'c')]);
  await settle(30);
  const expected = seen(watches[0]!);
  assert.equal(expected.length, 3);
  for (const watch of watches) assert.deepEqual(seen(watch), expected);
  watches[0]!.disconnect();
  await cluster.close();
});

test('watches above the budget are told to come back', async () => {
  const cluster = await testCluster({ budget: { watches: 1 } });
  const first = cluster.open('GET', `${maps}?watch=1`);
  await settle();
  assert.equal((await cluster.ask('GET', `${maps}?watch=1`)).status, 429);
  first.disconnect();
  cluster.open('GET', `${maps}?watch=1`);
  await cluster.close();
});

test('protobuf events are length-prefixed', async () => {
  const cluster = await testCluster();
  const watch = cluster.open('GET', `${maps}?watch=1`, { headers: { accept: 'application/vnd.kubernetes.protobuf' } });
  await make(cluster, 'a');
  await settle();
  const bytes = Buffer.from(watch.body);
  assert.equal(bytes.readUInt32BE(0), bytes.length - 4);
  assert.equal(bytes.subarray(4, 11).toString('latin1'), '\n\x05ADDED');
  assert.ok(bytes.includes(Buffer.from('k8s\0')));
  assert.equal(
    watch.headers.find(([name]) => name === 'Content-Type')?.[1],
    'application/vnd.kubernetes.protobuf;stream=watch',
  );
  await cluster.close();
});

test('a table has its columns in the first event only; metadata can be watched alone', async () => {
  const cluster = await testCluster();
  const table = cluster.open('GET', `${maps}?watch=1`, {
    headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' },
  });
  const partial = cluster.open('GET', `${maps}?watch=1`, {
    headers: { accept: 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io' },
  });
  await make(cluster, 'a', {}, 'default', { key: 'hidden' });
  await make(cluster, 'b');
  await settle();
  assert.equal(at(table.events[0], 'object.columnDefinitions.0.name'), 'Name');
  assert.equal(at(table.events[1], 'object.columnDefinitions'), null);
  assert.deepEqual(at(table.events[1], 'object.rows.0.cells'), ['b', 0]);
  assert.equal(at(partial.events[0], 'object.kind'), 'PartialObjectMetadata');
  assert.ok(!partial.text.includes('hidden'));
  await cluster.close();
});

test('YAML cannot be watched', async () => {
  const cluster = await testCluster();
  const answer = await cluster.ask('GET', `${maps}?watch=1`, { headers: { accept: 'application/yaml' } });
  assert.equal(answer.status, 406);
  assert.match(answer.text, /application\/json;stream=watch, application\/vnd.kubernetes.protobuf;stream=watch/);
  await cluster.close();
});

test('a WebSocket carries one event a message', async () => {
  const cluster = await testCluster();
  const watch = cluster.open('GET', `${maps}?watch=1`, { isUpgrade: true });
  await make(cluster, 'a');
  await settle();
  assert.deepEqual(seen(watch), ['ADDED a']);
  watch.socket?.close(1000, '');
  await cluster.close();
});

test('a client that leaves is forgotten', async () => {
  const cluster = await testCluster({ budget: { watches: 1 } });
  for (let index = 0; index < 5; index++) {
    const watch = cluster.open('GET', `${maps}?watch=1`);
    await settle();
    assert.equal(watch.status, 200);
    watch.disconnect();
  }
  await cluster.close();
});

test('a state from the future is waited for, then refused by an event', async () => {
  const cluster = await testCluster();
  const query = 'watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=9';
  const watch = cluster.open('GET', `${maps}?${query}`);
  await settle();
  cluster.clock.advance(3000);
  await watch.done;
  assert.equal(watch.status, 200);
  assert.equal(at(watch.events[0], 'object.reason'), 'Timeout');
  assert.equal(at(watch.events[0], 'object.details.causes.0.reason'), 'ResourceVersionTooLarge');
  await cluster.close();
});
