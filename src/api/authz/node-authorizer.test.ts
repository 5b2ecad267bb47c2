// Rules: the Node authorizer (https://kubernetes.io/docs/reference/access-authn-authz/node/), refusals as kube-apiserver's.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { testCluster, type TestCluster } from '../testing/cluster.ts';
import type { AccessAttributes } from '../types.ts';
import { nodeAuthorizer } from './node-authorizer.ts';
import { PolicyIndex } from './policy-index.ts';

let cluster: TestCluster;
const node = { name: 'system:node:edge-1', groups: ['system:nodes', 'system:authenticated'] };

const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web' },
  spec: {
    nodeName: 'edge-1',
    serviceAccountName: 'runner',
    imagePullSecrets: [{ name: 'registry' }],
    containers: [
      {
        name: 'c',
        image: 'i',
        env: [
          { name: 'A', valueFrom: { secretKeyRef: { name: 'in-env', key: 'k' } } },
          { name: 'B', valueFrom: { configMapKeyRef: { name: 'in-env', key: 'k' } } },
        ],
        envFrom: [{ configMapRef: { name: 'all-env' } }],
      },
    ],
    volumes: [
      { name: 'a', secret: { secretName: 'mounted' } },
      { name: 'b', projected: { sources: [{ configMap: { name: 'projected' } }] } },
    ],
  },
};

before(async () => {
  cluster = await testCluster();
  await cluster.ask('POST', '/api/v1/namespaces/shop/pods', { body: pod });
});
after(() => cluster.close());

function authorize(attributes: Partial<AccessAttributes>, user = node): { allowed: boolean; reason: string } {
  const index = new PolicyIndex();
  index.setRole('', 'system:node', {
    metadata: {},
    rules: [
      { verbs: ['get', 'list', 'watch'], apiGroups: [''], resources: ['pods', 'secrets'] },
      { verbs: ['patch', 'update'], apiGroups: [''], resources: ['nodes/status'] },
    ],
  });
  const authorizer = nodeAuthorizer(cluster.store, index, {
    authorize: ({ verb }) => ({ allowed: verb === 'impersonate', reason: '' }),
  });
  return authorizer.authorize({ user, verb: 'get', group: '', version: 'v1', namespace: 'shop', ...attributes });
}

for (const [resource, name] of [
  ['secrets', 'registry'],
  ['secrets', 'in-env'],
  ['secrets', 'mounted'],
  ['configmaps', 'in-env'],
  ['configmaps', 'all-env'],
  ['configmaps', 'projected'],
] as const) {
  test(`a node reads ${resource} ${name}, which its pod refers to`, () => {
    for (const verb of ['get', 'list', 'watch']) assert.equal(authorize({ resource, name, verb }).allowed, true);
    assert.equal(authorize({ resource, name, namespace: 'other' }).allowed, false);
    assert.equal(authorize({ resource, name, verb: 'update' }).reason, 'can only read resources of this type');
  });
}

test('what no pod of the node refers to is refused, and so is a list of all', () => {
  const strange = "no relationship found between node 'edge-1' and this object";
  assert.deepEqual(authorize({ resource: 'secrets', name: 'other' }), { allowed: false, reason: strange });
  assert.deepEqual(authorize({ resource: 'secrets', verb: 'list' }), {
    allowed: false,
    reason: 'No Object name found',
  });
  const elsewhere = { name: 'system:node:edge-2', groups: ['system:nodes'] };
  assert.equal(authorize({ resource: 'secrets', name: 'mounted' }, elsewhere).allowed, false);
});

test('a node makes tokens for the accounts of its pods', () => {
  const token = { verb: 'create', resource: 'serviceaccounts', subresource: 'token' };
  assert.equal(authorize({ ...token, name: 'runner' }).allowed, true);
  assert.equal(authorize({ ...token, name: 'default' }).allowed, false);
});

test('a node has its own lease and no other', () => {
  const lease = { group: 'coordination.k8s.io', resource: 'leases', namespace: 'kube-node-lease', verb: 'update' };
  assert.equal(authorize({ ...lease, name: 'edge-1' }).allowed, true);
  assert.equal(
    authorize({ ...lease, name: 'edge-2' }).reason,
    'can only access node lease with the same name as the requesting node',
  );
  assert.equal(
    authorize({ ...lease, name: 'edge-1', namespace: 'shop' }).reason,
    'can only access leases in the "kube-node-lease" system namespace',
  );
});

test('the rest follows the role system:node, then the next authorizer', () => {
  assert.equal(authorize({ resource: 'pods', verb: 'watch' }).allowed, true);
  assert.equal(authorize({ resource: 'nodes', subresource: 'status', verb: 'patch' }).allowed, true);
  assert.equal(authorize({ resource: 'deployments', group: 'apps' }).allowed, false);
  assert.equal(authorize({ resource: 'users', verb: 'impersonate' }).allowed, true);
});

test('who only calls himself a node is none', () => {
  const impostor = { name: 'system:node:edge-1', groups: ['system:authenticated'] };
  assert.equal(authorize({ resource: 'secrets', name: 'mounted' }, impostor).allowed, false);
});
