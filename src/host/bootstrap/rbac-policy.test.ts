import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse } from 'yaml';
import type { KubeObject } from '../../schema/object.ts';
import { bootstrapPolicy } from './rbac-policy.ts';

const facts = process.env['NANOSHIFT_FACTS'] ?? '';

const addedByOpenShift = ({ metadata }: KubeObject): boolean => /openshift|service-ca-cert/.test(metadata.name ?? '');

function load(...files: string[]): KubeObject[] {
  const objects = files.flatMap((file) => {
    const list: { items: KubeObject[] } = parse(readFileSync(`${facts}/rbac/${file}.yaml`, 'utf8'));
    return list.items;
  });
  return objects.filter((object) => !addedByOpenShift(object));
}

test('the policy is that of Kubernetes', { skip: !existsSync(`${facts}/rbac`) && 'facts are absent' }, () => {
  const policy = bootstrapPolicy();
  const withRules = (object: KubeObject & { rules?: unknown }) => ({ ...object, rules: object.rules ?? [] });
  const withSubjects = (object: KubeObject & { subjects?: unknown }) => ({
    ...object,
    subjects: object.subjects ?? [],
  });
  assert.deepEqual(policy.clusterRoles, load('cluster-roles', 'controller-roles').map(withRules));
  const bindings = load('cluster-role-bindings', 'controller-role-bindings');
  assert.deepEqual(policy.clusterRoleBindings, bindings.map(withSubjects));
  assert.deepEqual(policy.roles, load('namespace-roles'));
  assert.deepEqual(policy.roleBindings, load('namespace-role-bindings'));
});

test('every binding refers to a role of the policy', () => {
  const policy = bootstrapPolicy();
  const known = new Set([...policy.clusterRoles, ...policy.roles].map(({ metadata }) => metadata.name));
  const missing = [...policy.clusterRoleBindings, ...policy.roleBindings].filter(
    ({ roleRef }) => !known.has(roleRef?.name),
  );
  assert.deepEqual(missing, []);
});

test('a rule unfolds into groups, resources, names and verbs, or into paths and verbs', () => {
  const { clusterRoles } = bootstrapPolicy();
  const rulesOf = (name: string) => clusterRoles.find(({ metadata }) => metadata.name === name)?.rules ?? [];
  assert.deepEqual(rulesOf('cluster-admin'), [
    { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
    { verbs: ['*'], nonResourceURLs: ['*'] },
  ]);
  assert.deepEqual(rulesOf('system:certificates.k8s.io:kubelet-serving-approver'), [
    {
      verbs: ['approve'],
      apiGroups: ['certificates.k8s.io'],
      resources: ['signers'],
      resourceNames: ['kubernetes.io/kubelet-serving'],
    },
  ]);
});
