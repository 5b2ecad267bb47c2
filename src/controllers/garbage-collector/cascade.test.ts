/** Cascading deletion over the real API server and store, in memory. */
import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { test } from 'node:test';
import { testCluster } from '../../api/testing/cluster.ts';
import type { Client, DeleteOptions, ResourceRef } from '../../client/types.ts';
import { silentLogger } from '../../kernel/index.ts';
import { definitions } from '../../resources/index.ts';
import type { KubeObject, ObjectMeta, OwnerReference } from '../../schema/object.ts';
import { controllerUser } from '../index.ts';
import type { Controller } from '../runtime/index.ts';
import { garbageCollector, storeOwnership } from './index.ts';

const maps: ResourceRef = { group: '', version: 'v1', resource: 'configmaps' };
const events: ResourceRef = { group: '', version: 'v1', resource: 'events' };
const classes: ResourceRef = { group: 'scheduling.k8s.io', version: 'v1', resource: 'priorityclasses' };
const namespace = 'default';

type Propagation = NonNullable<DeleteOptions['propagationPolicy']>;

interface Fixture {
  admin: Client;
  start(): Controller;
  /** Lets everything run that is ready, and says which ConfigMaps are left. */
  left(): Promise<string[]>;
  metadata(name: string): Promise<ObjectMeta>;
  make(name: string, owners?: readonly OwnerReference[], more?: ObjectMeta): Promise<ObjectMeta>;
  remove(name: string, propagationPolicy: Propagation): Promise<void>;
  patch(name: string, metadata: object): Promise<ObjectMeta>;
  readonly writes: number;
  /** How many ConfigMaps there are. */
  readonly count: number;
}

const owner = ({ name = '', uid = '' }: ObjectMeta, blockOwnerDeletion = false): OwnerReference => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  name,
  uid,
  ...(blockOwnerDeletion && { blockOwnerDeletion }),
});

async function withCluster(body: (fixture: Fixture) => Promise<void>): Promise<void> {
  const cluster = await testCluster({ definitions });
  const admin = cluster.api.client(controllerUser('apiserver'));
  const started: Controller[] = [];
  const env = { clientFor: (name: string) => cluster.api.client(controllerUser(name)), clock: cluster.clock };
  const metadata = async (name: string) => (await admin.get<KubeObject>(maps, name, namespace)).metadata;
  const settle = async (): Promise<void> => {
    for (let quiet = 0, revision = -1; quiet < 30; quiet++) {
      if (revision !== cluster.store.revision) quiet = 0;
      revision = cluster.store.revision;
      await turn();
    }
  };
  const fixture: Fixture = {
    admin,
    metadata,
    start() {
      const ownership = storeOwnership(cluster.store, () => definitions);
      const controller = garbageCollector({ ...env, log: silentLogger }, { ownership });
      started.push(controller);
      return controller;
    },
    async left() {
      await settle();
      const { items } = await admin.list<KubeObject>(maps);
      return items.map((item) => item.metadata.name ?? '');
    },
    async make(name, ownerReferences = [], more = {}) {
      const made = { metadata: { name, namespace, ownerReferences: [...ownerReferences], ...more } };
      return (await admin.create<KubeObject>(maps, made)).metadata;
    },
    async patch(name, fields) {
      const body = { metadata: fields };
      return (await admin.patch(maps, name, 'application/merge-patch+json', body, { namespace })).metadata;
    },
    remove: (name, propagationPolicy) => admin.delete(maps, name, { namespace, propagationPolicy }),
    get count() {
      return cluster.store.count(cluster.store.kinds.find(({ path }) => path === 'configmaps')!);
    },
    get writes() {
      return cluster.store.revision;
    },
  };
  try {
    await body(fixture);
  } finally {
    for (const controller of started) await controller.stop();
    await cluster.close();
  }
}

test('background: the owner goes at once, then all that depends on it, level by level', () =>
  withCluster(async ({ make, remove, left, start }) => {
    start();
    const a = await make('a');
    const b = await make('b', [owner(a, true)]);
    await make('c', [owner(b)]);
    await make('other');
    await remove('a', 'Background');
    assert.deepEqual(await left(), ['other']);
  }));

test('foreground: the owner goes last', () =>
  withCluster(async ({ make, remove, left, metadata, patch, start }) => {
    start();
    const a = await make('a');
    const b = await make('b', [owner(a, true)]);
    await make('c', [owner(b, true)], { finalizers: ['test.io/hold'] });
    await remove('a', 'Foreground');
    assert.deepEqual(await left(), ['a', 'b', 'c']);
    for (const name of ['a', 'b']) assert.deepEqual((await metadata(name)).finalizers, ['foregroundDeletion']);
    assert.ok((await metadata('c')).deletionTimestamp);
    await patch('c', { finalizers: null });
    assert.deepEqual(await left(), []);
  }));

test('foreground: dependents that do not block are deleted, but not waited for', () =>
  withCluster(async ({ make, remove, left, metadata, start }) => {
    start();
    const a = await make('a');
    await make('b', [owner(a)], { finalizers: ['test.io/hold'] });
    await remove('a', 'Foreground');
    assert.deepEqual(await left(), ['b']);
    assert.ok((await metadata('b')).deletionTimestamp);
  }));

test('foreground: a dependent that no longer blocks lets the owner go', () =>
  withCluster(async ({ make, remove, left, patch, start }) => {
    start();
    const a = await make('a');
    await make('b', [owner(a, true)], { finalizers: ['test.io/hold'] });
    await remove('a', 'Foreground');
    assert.deepEqual(await left(), ['a', 'b']);
    await patch('b', { ownerReferences: [owner(a)] });
    assert.deepEqual(await left(), ['b']);
  }));

test('orphan: dependents stay and lose the reference', () =>
  withCluster(async ({ make, remove, left, metadata, start }) => {
    start();
    const [a, other] = [await make('a'), await make('other')];
    await make('b', [owner(a, true), owner(other)]);
    await make('c', [owner(a)]);
    await remove('a', 'Orphan');
    assert.deepEqual(await left(), ['b', 'c', 'other']);
    assert.deepEqual((await metadata('b')).ownerReferences, [owner(other)]);
    assert.equal((await metadata('c')).ownerReferences?.length ?? 0, 0);
  }));

test('an object with an owner left stays; owners that are gone or going are struck off', () =>
  withCluster(async ({ make, remove, left, metadata, start }) => {
    start();
    const [a, b, stays] = [await make('a'), await make('b'), await make('stays')];
    await make('c', [owner(a, true), owner(b, true), owner(stays)]);
    await remove('a', 'Background');
    assert.deepEqual(await left(), ['b', 'c', 'stays']);
    assert.deepEqual((await metadata('c')).ownerReferences, [owner(b, true), owner(stays)]);
    await remove('b', 'Foreground');
    assert.deepEqual(await left(), ['c', 'stays']);
    assert.deepEqual((await metadata('c')).ownerReferences, [owner(stays)]);
  }));

for (const policy of ['Foreground', 'Background'] as const) {
  for (const size of [1, 2, 3, 5]) {
    test(`${policy.toLowerCase()}: a cycle of ${size} goes as a whole`, () =>
      withCluster(async ({ make, patch, remove, left, start }) => {
        start();
        const ring = [];
        for (let i = 0; i < size; i++) ring.push(await make(`m${i}`));
        for (const [i] of ring.entries()) await patch(`m${i}`, { ownerReferences: [owner(ring.at(i - 1)!, true)] });
        assert.equal((await left()).length, size);
        await remove('m0', policy);
        assert.deepEqual(await left(), []);
      }));
  }
}

test('an owner made again under the same name is another one', () =>
  withCluster(async ({ make, remove, left, start }) => {
    const old = await make('a');
    await make('b', [owner(old)]);
    await remove('a', 'Background');
    const next = await make('a');
    await make('c', [owner(next)]);
    start();
    assert.deepEqual(await left(), ['a', 'c']);
    await make('late', [owner(old)]);
    assert.deepEqual(await left(), ['a', 'c']);
  }));

test('a reference with the right UID and a wrong name or kind owns nothing', () =>
  withCluster(async ({ make, remove, left, start }) => {
    start();
    const a = await make('a');
    await make('named', [{ ...owner(a), name: 'z' }]);
    await make('kind', [{ ...owner(a), kind: 'Secret' }]);
    assert.deepEqual(await left(), ['a']);
    await remove('a', 'Foreground');
    assert.deepEqual(await left(), []);
  }));

test('an owner in another namespace is absent, and waits for nobody there', () =>
  withCluster(async ({ make, remove, left, start }) => {
    const a = await make('a');
    await make('b', [owner(a, true)], { namespace: 'kube-system', finalizers: ['test.io/hold'] });
    start();
    await left();
    await remove('a', 'Foreground');
    assert.deepEqual(await left(), ['b']);
  }));

test('a kind that is not served keeps its dependents', () =>
  withCluster(async ({ make, left, start }) => {
    start();
    await make('a', [{ apiVersion: 'example.test/v1', kind: 'Widget', name: 'w', uid: 'u' }]);
    assert.deepEqual(await left(), ['a']);
  }));

test('a cluster-scoped object with a namespaced owner stays, and an event says so', () =>
  withCluster(async ({ admin, make, left, start }) => {
    start();
    const a = await make('a');
    await admin.create(classes, { metadata: { name: 'p', ownerReferences: [owner(a)] }, value: 1 } as KubeObject);
    await left();
    await admin.get(classes, 'p');
    const { items } = await admin.list<KubeObject & { reason?: string; message?: string }>(events);
    const expected = `ownerRef [v1/ConfigMap, namespace: , name: a, uid: ${a.uid}] does not exist in namespace ""`;
    assert.deepEqual(
      items.map(({ reason, message }) => [reason, message]),
      [['OwnerRefInvalidNamespace', expected]],
    );
  }));

test('a namespaced object may have a cluster-scoped owner', () =>
  withCluster(async ({ admin, make, left, start }) => {
    start();
    const { metadata } = await admin.create<KubeObject>(classes, { metadata: { name: 'p' }, value: 1 } as KubeObject);
    await make('a', [{ ...owner(metadata, true), apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass' }]);
    assert.deepEqual(await left(), ['a']);
    await admin.delete(classes, 'p', { propagationPolicy: 'Foreground' });
    assert.deepEqual(await left(), []);
    await assert.rejects(admin.get(classes, 'p'));
  }));

test('what was under way when the program ended is finished by the next one', () =>
  withCluster(async ({ make, remove, left, metadata, start }) => {
    const [back, fore, orphaned] = [await make('back'), await make('fore'), await make('orphaned')];
    for (const each of [back, fore, orphaned]) await make(`of-${each.name}`, [owner(each, true)]);
    await remove('back', 'Background');
    await remove('fore', 'Foreground');
    await remove('orphaned', 'Orphan');
    assert.deepEqual(await left(), ['fore', 'of-back', 'of-fore', 'of-orphaned', 'orphaned']);
    start();
    assert.deepEqual(await left(), ['of-orphaned']);
    assert.equal((await metadata('of-orphaned')).ownerReferences?.length ?? 0, 0);
  }));

test('10,000 dependents go in slices, though the collector is stopped and started over again meanwhile', () =>
  withCluster(async (fixture) => {
    const { make, remove, left, start } = fixture;
    const a = await make('a');
    for (let from = 0; from < 10_000; from += 500) {
      await Promise.all(Array.from({ length: 500 }, (_, i) => make(`m${from + i}`, [owner(a, true)])));
    }
    const first = start();
    await remove('a', 'Foreground');
    while (fixture.count > 9_000) await turn();
    await first.stop();
    const remaining = fixture.count;
    assert.ok(remaining > 8_900 && remaining <= 9_000, `${remaining} were left when it was stopped`);
    start();
    assert.deepEqual(await left(), []);
  }));

test('objects without owners and finalizers are not written to, nor those whose owners are there', () =>
  withCluster(async (fixture) => {
    const { make, left, patch } = fixture;
    fixture.start();
    const a = await make('a');
    await make('b', [owner(a, true)]);
    await patch('b', { labels: { x: 'y' } });
    await left();
    assert.equal(fixture.writes, 3);
  }));
