import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeCluster } from '../../controllers/testing.ts';
import { silentLogger } from '../../kernel/index.ts';
import type { ClusterRole, ClusterRoleBinding, ConfigMap, FlowSchema } from '../../schema/generated/index.ts';
import { bootstrap } from './index.ts';

const flowSchemas = { group: 'flowcontrol.apiserver.k8s.io', version: 'v1', resource: 'flowschemas' };
const rbac = (resource: string) => ({ group: 'rbac.authorization.k8s.io', version: 'v1', resource });

function fixture() {
  const cluster = new FakeCluster();
  const client = cluster.clientFor('admin');
  const authentication = { clientCa: 'CLIENT CA', requestHeader: { clientCa: 'FRONT CA', allowedNames: ['proxy'] } };
  const run = () => bootstrap({ client, clock: cluster.clock, log: silentLogger, authentication });
  return { cluster, client, run, authentication };
}

test('the first start makes everything, namespaces first; the second writes nothing', async () => {
  const { cluster, run } = fixture();
  assert.ok((await run()) > 100);
  assert.deepEqual(
    cluster.writes.slice(0, 4).map(({ name }) => name),
    ['default', 'kube-system', 'kube-public', 'kube-node-lease'],
  );
  assert.ok(cluster.peek('priorityclasses', 'system-node-critical'));
  assert.ok(cluster.peek('clusterrolebindings', 'cluster-admin'));
  assert.ok(cluster.peek('roles', 'extension-apiserver-authentication-reader', 'kube-system'));
  assert.equal(await run(), 0);
});

test('extension API servers find the CAs and the header names', async () => {
  const { cluster, run, authentication } = fixture();
  await run();
  const data = () =>
    cluster.peek<ConfigMap>('configmaps', 'extension-apiserver-authentication', 'kube-system')?.data ?? {};
  assert.deepEqual(data(), {
    'client-ca-file': 'CLIENT CA',
    'requestheader-allowed-names': '["proxy"]',
    'requestheader-client-ca-file': 'FRONT CA',
    'requestheader-extra-headers-prefix': '["X-Remote-Extra-"]',
    'requestheader-group-headers': '["X-Remote-Group"]',
    'requestheader-username-headers': '["X-Remote-User"]',
  });
  authentication.clientCa = 'NEW CA';
  assert.equal(await run(), 1);
  assert.equal(data()['client-ca-file'], 'NEW CA');
});

test('rules and subjects that were taken away come back; what was added stays', async () => {
  const { cluster, client, run } = fixture();
  await run();
  const added = { verbs: ['get'], apiGroups: ['x'], resources: ['y'] };
  const role = cluster.peek<ClusterRole>('clusterroles', 'system:basic-user');
  const binding = cluster.peek<ClusterRoleBinding>('clusterrolebindings', 'system:basic-user');
  assert.ok(role && binding);
  await client.update(rbac('clusterroles'), { ...role, rules: [added] });
  await client.update(rbac('clusterrolebindings'), { ...binding, subjects: [] });
  assert.equal(await run(), 2);
  const repaired = cluster.peek<ClusterRole>('clusterroles', 'system:basic-user')?.rules ?? [];
  assert.deepEqual(repaired[0], added);
  assert.ok(repaired.length > 1);
  assert.equal(cluster.peek<ClusterRoleBinding>('clusterrolebindings', 'system:basic-user')?.subjects?.length, 1);
  assert.equal(await run(), 0);
});

test('a role that opts out of updates is left alone', async () => {
  const { cluster, client, run } = fixture();
  await run();
  const role = cluster.peek<ClusterRole>('clusterroles', 'system:basic-user');
  assert.ok(role);
  const annotations = { 'rbac.authorization.kubernetes.io/autoupdate': 'false' };
  await client.update(rbac('clusterroles'), { ...role, metadata: { ...role.metadata, annotations }, rules: [] });
  assert.equal(await run(), 0);
});

test('a binding to another role is made anew', async () => {
  const { cluster, client, run } = fixture();
  await run();
  const name = 'system:basic-user';
  const binding = cluster.peek<ClusterRoleBinding>('clusterrolebindings', name);
  assert.ok(binding);
  const { uid } = binding.metadata;
  await client.update(rbac('clusterrolebindings'), { ...binding, roleRef: { ...binding.roleRef, name: 'other' } });
  await run();
  const made = cluster.peek<ClusterRoleBinding>('clusterrolebindings', name);
  assert.equal(made?.roleRef?.name, name);
  assert.notEqual(made?.metadata.uid, uid);
});

test('a suggested FlowSchema may be taken over, a mandatory one may not', async () => {
  const { cluster, client, run } = fixture();
  await run();
  for (const name of ['global-default', 'catch-all']) {
    const schema = cluster.peek<FlowSchema>('flowschemas', name);
    assert.ok(schema);
    const annotations = { 'apf.kubernetes.io/autoupdate-spec': 'false' };
    const spec = { ...schema.spec, matchingPrecedence: 7 };
    await client.update(flowSchemas, { ...schema, metadata: { ...schema.metadata, annotations }, spec });
  }
  assert.equal(await run(), 1);
  assert.equal(cluster.peek<FlowSchema>('flowschemas', 'global-default')?.spec?.matchingPrecedence, 7);
  assert.equal(cluster.peek<FlowSchema>('flowschemas', 'catch-all')?.spec?.matchingPrecedence, 10_000);
});
