import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultBudget } from '../../config/index.ts';
import { ManualClock, silentLogger } from '../../kernel/index.ts';
import { referenceCodec } from '../../schema/index.ts';
import type { KubeObject } from '../../schema/object.ts';
import { memoryBackend, openStore, type Store, type StoredKind } from '../../store/index.ts';
import { createRbac } from './index.ts';

const kinds: StoredKind[] = ['ClusterRole', 'Role', 'ClusterRoleBinding', 'RoleBinding'].map((kind, id) => ({
  id,
  path: `${kind.toLowerCase()}s`,
  namespaced: !kind.startsWith('Cluster'),
  gvk: { apiVersion: 'rbac.authorization.k8s.io/v1', kind },
  message: `rbac/v1.${kind}`,
  indexes: [],
}));

const open = (): Promise<Store> =>
  openStore({
    backend: memoryBackend(),
    kinds,
    codec: referenceCodec,
    clock: new ManualClock(),
    log: silentLogger,
    budget: { ...defaultBudget, cacheBytes: 4 << 20, watchWindowBytes: 1 << 20 },
    onFatal: (error) => {
      throw error;
    },
  });

async function write(store: Store, kindName: string, object: KubeObject | undefined, name: string, namespace = '') {
  const kind = kinds.find(({ gvk }) => gvk.kind === kindName);
  assert.ok(kind);
  const expectedRevision = store.head(kind, namespace, name)?.revision ?? 0;
  const common = { kind, namespace, name, expectedRevision, durability: 'hard' } as const;
  if (!object) return store.write({ ...common, operation: 'delete' });
  const json = new TextEncoder().encode(JSON.stringify(object));
  return store.write({
    ...common,
    operation: 'put',
    bytes: referenceCodec.fromJson(kind.message, json, { defaults: false }).bytes,
  });
}

const role = (name: string, namespace?: string) => ({
  metadata: { name, ...(namespace && { namespace }) },
  rules: [{ verbs: ['get'], apiGroups: [''], resources: ['pods'] }],
});
const binding = (kind: string, name: string, namespace?: string) => ({
  metadata: { name: 'b', ...(namespace && { namespace }) },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind, name },
  subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'jane' }],
});

const getPods = (namespace: string) => ({
  user: { name: 'jane', groups: [] },
  verb: 'get',
  group: '',
  resource: 'pods',
  namespace,
});

test('what is stored at the start counts', async () => {
  const store = await open();
  await write(store, 'ClusterRole', role('reader'), 'reader');
  await write(store, 'ClusterRoleBinding', binding('ClusterRole', 'reader'), 'b');
  const rbac = createRbac(store);
  assert.equal(rbac.authorizer.authorize(getPods('shop')).allowed, true);
  rbac.close();
  await store.close();
});

test('a change counts as soon as its write is answered', async () => {
  const store = await open();
  const rbac = createRbac(store);
  const may = (namespace = 'shop') => rbac.authorizer.authorize(getPods(namespace)).allowed;
  assert.equal(may(), false);
  await write(store, 'Role', role('reader', 'shop'), 'reader', 'shop');
  await write(store, 'RoleBinding', binding('Role', 'reader', 'shop'), 'b', 'shop');
  assert.deepEqual([may(), may('other')], [true, false]);
  await write(store, 'RoleBinding', undefined, 'b', 'shop');
  assert.equal(may(), false);
  rbac.close();
  await store.close();
});

test('when the feed is lost for good, only superusers are let in', async () => {
  const store = await open();
  await write(store, 'ClusterRole', role('reader'), 'reader');
  await write(store, 'ClusterRoleBinding', binding('ClusterRole', 'reader'), 'b');
  let breaks = false;
  const closers: ((error: Error) => void)[] = [];
  const fragile: Store = Object.assign(Object.create(store) as Store, {
    kinds: store.kinds,
    list: (...args: Parameters<Store['list']>) => {
      if (breaks) throw new Error('closed');
      return store.list(...args);
    },
    subscribe: (...args: Parameters<Store['subscribe']>) => {
      closers.push((error) => args[2].closed(error));
      return store.subscribe(...args);
    },
    object: store.object.bind(store),
  });
  const { authorizer } = createRbac(fragile);
  const admin = { name: 'admin', groups: ['system:masters'] };
  closers[0]?.(new Error('feed lost'));
  assert.equal(authorizer.authorize(getPods('shop')).allowed, true);
  breaks = true;
  closers.at(-1)?.(new Error('feed lost'));
  assert.equal(authorizer.authorize(getPods('shop')).allowed, false);
  assert.equal(authorizer.authorize({ ...getPods('shop'), user: admin }).allowed, true);
  await store.close();
});
