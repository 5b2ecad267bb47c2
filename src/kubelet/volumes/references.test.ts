import assert from 'node:assert/strict';
import { test } from 'node:test';
import { apiError, silentLogger } from '../../kernel/index.ts';
import { References } from './references.ts';
import { FakeApi, podOf } from './testing.ts';

const named = (name: string, value = '') => ({ metadata: { name, namespace: 'shop' }, data: { key: value } });
const user = (uid: string, ...names: string[]) =>
  podOf({ volumes: names.map((name) => ({ name, configMap: { name } })) }, { uid });

function fixture() {
  const api = new FakeApi();
  const changed: string[] = [];
  const references = new References({
    client: api.client,
    clock: api.clock,
    log: silentLogger,
    onChange: (uid) => changed.push(uid),
  });
  return { api, references, changed };
}

test('a change is told to every pod that uses the object, and only to those', async () => {
  const { api, references, changed } = fixture();
  api.put('configmaps', named('a'));
  for (const pod of [user('p1', 'a'), user('p2', 'a', 'b'), user('p3', 'c')]) references.follow(pod);
  await references.readConfigMap('shop', 'a');
  assert.deepEqual(changed, []);
  api.put('configmaps', named('a', 'new'));
  assert.deepEqual(changed, ['p1', 'p2']);
});

test('a version that one pod has read before the watch told of it is told to the others', async () => {
  const { api, references, changed } = fixture();
  api.put('configmaps', named('a'));
  references.follow(user('p1', 'a'));
  await references.readConfigMap('shop', 'a');
  references.follow(user('p2', 'a'));
  const tell = api.hold();
  api.put('configmaps', named('a', 'new'));
  await references.readConfigMap('shop', 'a');
  tell();
  assert.deepEqual(changed, ['p1', 'p2']);
});

test('a change that overtakes the answer of the first read is told', async () => {
  const { api, references, changed } = fixture();
  api.put('configmaps', named('a'));
  references.follow(user('p1', 'a'));
  const read = references.readConfigMap('shop', 'a');
  api.put('configmaps', named('a', 'new'));
  assert.equal((await read).data?.['key'], '');
  assert.deepEqual(changed, ['p1']);
});

test('one watch an object, however many pods use it; none when nobody does', () => {
  const { api, references } = fixture();
  references.follow(user('p1', 'a'));
  references.follow(user('p1', 'a'));
  references.follow(user('p2', 'a'));
  assert.equal(api.watchers.size, 1);
  references.forget('p1');
  assert.equal(api.watchers.size, 1);
  references.forget('p2');
  assert.equal(api.watchers.size, 0);
});

test('an object that comes, or goes, is a change', async () => {
  const { api, references, changed } = fixture();
  references.follow(user('p1', 'a'));
  await assert.rejects(references.readConfigMap('shop', 'a'), { message: 'configmap "a" not found' });
  api.put('configmaps', named('a'));
  assert.deepEqual(changed, ['p1']);
  api.remove('configmaps', 'a', 'shop');
  assert.deepEqual(changed, ['p1', 'p1']);
});

test('Secrets and projected sources are followed too', () => {
  const { api, references } = fixture();
  const sources = [{ secret: { name: 's2' } }, { configMap: { name: 'c2' } }, { downwardAPI: {} }];
  const volumes = [
    { name: 'a', secret: { secretName: 's1' } },
    { name: 'b', projected: { sources } },
    { name: 'c', emptyDir: {} },
  ];
  references.follow(podOf({ volumes }));
  const watched = [...api.watchers].map(({ ref, name }) => `${ref.resource}/${name}`);
  assert.deepEqual(watched.sort(), ['configmaps/c2', 'secrets/s1', 'secrets/s2']);
});

test('what changed while the watch was lost is noticed when it is back, ever more slowly tried', async () => {
  const { api, references, changed } = fixture();
  api.put('configmaps', named('a'));
  references.follow(user('p1', 'a'));
  await references.readConfigMap('shop', 'a');
  api.closeWatches(apiError.expired('too old'));
  api.put('configmaps', named('a', 'new'));
  assert.deepEqual(changed, []);
  api.clock.advance(999);
  assert.equal(api.watchers.size, 0);
  api.clock.advance(1);
  assert.deepEqual(changed, ['p1']);
  api.closeWatches(apiError.expired('too old'));
  api.remove('configmaps', 'a', 'shop');
  api.clock.advance(2_000);
  assert.deepEqual(changed, ['p1', 'p1']);
});

test('after a lost watch that missed nothing nobody is told', async () => {
  const { api, references, changed } = fixture();
  api.put('configmaps', named('a'));
  references.follow(user('p1', 'a'));
  await references.readConfigMap('shop', 'a');
  api.closeWatches(apiError.expired('too old'));
  api.clock.advance(1_000);
  assert.equal(api.watchers.size, 1);
  assert.deepEqual(changed, []);
});

test('a pod that is forgotten while its watch is lost is not followed again', () => {
  const { api, references } = fixture();
  references.follow(user('p1', 'a'));
  api.closeWatches(apiError.expired('too old'));
  references.forget('p1');
  api.clock.advance(60_000);
  assert.equal(api.watchers.size, 0);
});

test('once stopped there are no watches left', () => {
  const { api, references } = fixture();
  references.follow(user('p1', 'a', 'b'));
  references.stop();
  assert.equal(api.watchers.size, 0);
});
