import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StatusError } from '../../kernel/index.ts';
import type { KubeObject } from '../../schema/object.ts';
import { requestOf } from '../admission/testing.ts';
import { RbacAuthorizer } from './authorizer.ts';
import { escalationCheck } from './escalation.ts';
import { type BindingObject, PolicyIndex, rbacGroup, type RoleObject } from './policy-index.ts';
import type { PolicyRule } from './rules.ts';

const readPods: PolicyRule = { verbs: ['get', 'list'], apiGroups: [''], resources: ['pods'] };
const readSecrets: PolicyRule = { verbs: ['get'], apiGroups: [''], resources: ['secrets'] };

/** `jane` of `devs` holds `rules` in all namespaces. */
function fixture(...rules: PolicyRule[]) {
  const index = new PolicyIndex();
  const authorizer = new RbacAuthorizer(index);
  const subject = { kind: 'User', name: 'jane' };
  const bindingTo = (name: string): BindingObject => ({
    metadata: {},
    roleRef: { kind: 'ClusterRole', name },
    subjects: [subject],
  });
  index.setRole('', 'hers', { metadata: {}, rules });
  index.setBinding('', 'hers', bindingTo('hers'));
  index.setRole('', 'secret-reader', { metadata: {}, rules: [readSecrets] });
  const check = escalationCheck({
    authorizer,
    rulesFor: authorizer.rulesFor.bind(authorizer),
    rulesOf: index.rulesOf.bind(index),
  });
  const write = async (resource: string, object: KubeObject, oldObject?: KubeObject, groups?: string[]) => {
    const kind =
      { roles: 'Role', clusterroles: 'ClusterRole', rolebindings: 'RoleBinding' }[resource] ?? 'ClusterRoleBinding';
    const given = { object, ...(oldObject && { oldObject }), ...(groups && { groups }) };
    await check.admit?.(requestOf(`${rbacGroup}/${resource}`, kind, given));
  };
  return { write };
}

const role = (name: string, ...rules: PolicyRule[]): RoleObject => ({ metadata: { name }, rules });
const binding = (roleName: string): BindingObject => ({
  metadata: { name: 'b', namespace: 'shop' },
  roleRef: { apiGroup: rbacGroup, kind: 'ClusterRole', name: roleName },
});

const refusal = (reason: string, message: string) => (error: unknown) => {
  assert.ok(error instanceof StatusError);
  assert.equal(error.message, message);
  return error.reason === reason;
};

test('a role may give what its writer holds', async () => {
  const { write } = fixture(readPods);
  await write('clusterroles', role('r', { ...readPods, verbs: ['get'] }));
});

test('a role that gives more is refused, with what is missing', async () => {
  const { write } = fixture(readPods);
  const wanted = role('r', { ...readPods, verbs: ['get', 'delete'] }, readSecrets);
  await assert.rejects(
    write('clusterroles', wanted),
    refusal(
      'Forbidden',
      'clusterroles.rbac.authorization.k8s.io "r" is forbidden: user "jane" (groups=["devs"]) is attempting to grant RBAC permissions not currently held:\n' +
        '{APIGroups:[""], Resources:["pods"], Verbs:["delete"]}\n' +
        '{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}',
    ),
  );
});

test('the verb escalate lets a role give anything, and bind lets a binding', async () => {
  const escalate = fixture({ verbs: ['escalate'], apiGroups: [rbacGroup], resources: ['clusterroles'] });
  await escalate.write('clusterroles', role('r', readSecrets));
  const bind = fixture({
    verbs: ['bind'],
    apiGroups: [rbacGroup],
    resources: ['clusterroles'],
    resourceNames: ['secret-reader'],
  });
  await bind.write('rolebindings', binding('secret-reader'));
});

test('system:masters may do all', async () => {
  const { write } = fixture();
  await write('clusterroles', role('r', readSecrets), undefined, ['system:masters']);
});

test('a binding gives no more than its writer holds', async () => {
  await fixture(readSecrets).write('rolebindings', binding('secret-reader'));
  await assert.rejects(
    fixture(readPods).write('rolebindings', binding('secret-reader')),
    /rolebindings.rbac.authorization.k8s.io "b" is forbidden: user "jane" .*Resources:\["secrets"\]/s,
  );
});

test('a binding to a role that does not exist is not found', async () => {
  await assert.rejects(
    fixture(readPods).write('rolebindings', binding('ghost')),
    refusal('NotFound', 'clusterroles.rbac.authorization.k8s.io "ghost" not found'),
  );
});

test('an aggregation rule can gather anything, so it needs everything', async () => {
  const all: PolicyRule[] = [
    { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
    { verbs: ['*'], nonResourceURLs: ['*'] },
  ];
  const collector: RoleObject = { ...role('r'), aggregationRule: { clusterRoleSelectors: [{}] } };
  await fixture(...all).write('clusterroles', collector);
  const message =
    'clusterroles.rbac.authorization.k8s.io "r" is forbidden: must have cluster-admin privileges to use the aggregationRule';
  await assert.rejects(fixture(readPods).write('clusterroles', collector), refusal('Forbidden', message));
  await assert.rejects(fixture(readPods).write('clusterroles', role('r'), collector), refusal('Forbidden', message));
});

test('whoever may not give a role may still finish it', async () => {
  const old = role('r', readSecrets);
  const finished = { ...old, metadata: { ...old.metadata, finalizers: [], ownerReferences: [] } };
  await fixture().write('clusterroles', finished, { ...old, metadata: { ...old.metadata, finalizers: ['x/y'] } });
});
