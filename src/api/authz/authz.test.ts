import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { UserInfo } from '../types.ts';
import { RbacAuthorizer } from './authorizer.ts';
import { type BindingObject, PolicyIndex, type RoleObject } from './policy-index.ts';
import { describeRules, type PolicyRule, uncovered } from './rules.ts';

const jane: UserInfo = { name: 'jane', groups: ['devs', 'system:authenticated'] };

const role = (rules: PolicyRule[]): RoleObject => ({ metadata: {}, rules });
const binding = (kind: string, name: string, ...subjects: BindingObject['subjects'] & object): BindingObject => ({
  metadata: {},
  roleRef: { kind, name },
  subjects,
});
const user = (name: string) => ({ kind: 'User', name });

function fixture() {
  const index = new PolicyIndex();
  const authorizer = new RbacAuthorizer(index);
  index.setRole('', 'reader', role([{ verbs: ['get', 'list'], apiGroups: [''], resources: ['pods', '*/status'] }]));
  index.setRole('', 'health', role([{ verbs: ['get'], nonResourceURLs: ['/healthz/*', '/version'] }]));
  index.setRole(
    'shop',
    'till',
    role([{ verbs: ['*'], apiGroups: ['apps'], resources: ['*'], resourceNames: ['till'] }]),
  );
  return { index, authorizer };
}

test('an allowed request names the binding, the role and the first subject that applies', () => {
  const { index, authorizer } = fixture();
  index.setBinding('', 'devs-read', binding('ClusterRole', 'reader', { kind: 'Group', name: 'devs' }, user('jane')));
  const decision = authorizer.authorize({ user: jane, verb: 'get', group: '', resource: 'pods', namespace: 'shop' });
  assert.deepEqual(decision, {
    allowed: true,
    reason: 'RBAC: allowed by ClusterRoleBinding "devs-read" of ClusterRole "reader" to Group "devs"',
  });
});

test('a RoleBinding grants a ClusterRole in its own namespace only', () => {
  const { index, authorizer } = fixture();
  index.setBinding('shop', 'b', binding('ClusterRole', 'reader', { kind: 'ServiceAccount', name: 'app' }));
  const app = { name: 'system:serviceaccount:shop:app', groups: [] };
  const ask = (namespace: string) =>
    authorizer.authorize({ user: app, verb: 'list', group: '', resource: 'pods', namespace });
  assert.equal(
    ask('shop').reason,
    'RBAC: allowed by RoleBinding "b/shop" of ClusterRole "reader" to ServiceAccount "app/shop"',
  );
  assert.equal(ask('other').allowed, false);
  assert.equal(ask('').allowed, false);
});

test('subresources are matched by pods/x and by */x, never by the resource alone', () => {
  const { index, authorizer } = fixture();
  index.setBinding('', 'b', binding('ClusterRole', 'reader', user('jane')));
  const ask = (resource: string, subresource: string) =>
    authorizer.authorize({ user: jane, verb: 'get', group: '', resource, subresource }).allowed;
  assert.equal(ask('pods', 'status'), true);
  assert.equal(ask('pods', 'log'), false);
});

test('resourceNames restrict to those names, and each name is judged by itself', () => {
  const { index, authorizer } = fixture();
  index.setBinding('shop', 'b', binding('Role', 'till', user('jane')));
  const ask = (name?: string) =>
    authorizer.authorize({
      user: jane,
      verb: 'delete',
      group: 'apps',
      resource: 'deployments',
      namespace: 'shop',
      ...(name !== undefined && { name }),
    }).allowed;
  assert.deepEqual([ask('till'), ask('other'), ask(), ask('till')], [true, false, false, true]);
});

test('paths match exactly or by a trailing star', () => {
  const { index, authorizer } = fixture();
  index.setBinding('', 'b', binding('ClusterRole', 'health', user('jane')));
  const ask = (path: string, verb = 'get') => authorizer.authorize({ user: jane, verb, path }).allowed;
  assert.deepEqual(
    [ask('/healthz/ping'), ask('/version'), ask('/version/x'), ask('/healthz'), ask('/version', 'post')],
    [true, true, false, false, false],
  );
});

test('a missing role is named in the denial', () => {
  const { index, authorizer } = fixture();
  index.setBinding('', 'b', binding('ClusterRole', 'gone', user('jane')));
  assert.deepEqual(authorizer.authorize({ user: jane, verb: 'get', group: '', resource: 'pods' }), {
    allowed: false,
    reason: 'RBAC: clusterrole.rbac.authorization.k8s.io "gone" not found',
  });
});

test('system:masters needs no binding', () => {
  const { authorizer } = fixture();
  const admin = { name: 'admin', groups: ['system:masters'] };
  assert.deepEqual(authorizer.authorize({ user: admin, verb: 'delete', path: '/' }), { allowed: true, reason: '' });
});

test('a cached decision is dropped when the policy changes', () => {
  const { index, authorizer } = fixture();
  const ask = () => authorizer.authorize({ user: jane, verb: 'get', group: '', resource: 'pods' }).allowed;
  assert.equal(ask(), false);
  index.setBinding('', 'b', binding('ClusterRole', 'reader', user('jane')));
  authorizer.invalidate();
  assert.equal(ask(), true);
  index.setBinding('', 'b', undefined);
  authorizer.invalidate();
  assert.equal(ask(), false);
});

test('changing the subjects of a binding takes the old grants away', () => {
  const { index } = fixture();
  index.setBinding('', 'b', binding('ClusterRole', 'reader', user('jane'), { kind: 'Group', name: 'devs' }));
  index.setBinding('', 'b', binding('ClusterRole', 'reader', user('joe')));
  assert.deepEqual(index.grants(jane, ''), []);
  assert.equal(index.grants({ name: 'joe', groups: [] }, '').length, 1);
});

test('rules are covered permission by permission', () => {
  const held: PolicyRule[] = [
    { verbs: ['get'], apiGroups: ['*'], resources: ['*/scale'] },
    { verbs: ['*'], apiGroups: ['apps'], resources: ['deployments'], resourceNames: ['a'] },
    { verbs: ['get'], nonResourceURLs: ['/logs/*'] },
  ];
  const wanted: PolicyRule[] = [
    { verbs: ['get', 'update'], apiGroups: ['apps'], resources: ['deployments/scale', 'deployments'] },
    { verbs: ['delete'], apiGroups: ['apps'], resources: ['deployments'], resourceNames: ['a', 'b'] },
    { verbs: ['get'], nonResourceURLs: ['/logs/x', '/metrics'] },
  ];
  assert.deepEqual(describeRules(uncovered(held, wanted)), [
    '{APIGroups:["apps"], Resources:["deployments"], ResourceNames:["b"], Verbs:["delete"]}',
    '{APIGroups:["apps"], Resources:["deployments"], Verbs:["get" "update"]}',
    '{APIGroups:["apps"], Resources:["deployments/scale"], Verbs:["update"]}',
    '{NonResourceURLs:["/metrics"], Verbs:["get"]}',
  ]);
});
