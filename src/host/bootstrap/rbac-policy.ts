/**
 * The roles and bindings that every Kubernetes cluster starts with (facts of 1.36), unfolded from their short form in
 * rbac-policy.json. There a rule is `verbs|groups|resources` or `verbs|groups|resources|names`, and `verbs|paths`
 * outside the resource tree; a subject is `Kind name` or `ServiceAccount namespace/name`.
 */
import type { BindingObject, PolicyRule, RbacPolicy, RoleObject, Subject } from '../../api/authz/index.ts';
import type { ObjectMeta } from '../../schema/object.ts';
import policy from './rbac-policy.json' with { type: 'json' };

const group = 'rbac.authorization.k8s.io';
const apiVersion = `${group}/v1`;

interface ShortRole {
  /** The aggregated role that takes these rules in. */
  into?: string;
  /** This role is the sum of those labelled to go into it. */
  collects?: string;
  rules?: string[];
}

interface ShortBinding {
  /** The role's name, when it is not the binding's. */
  role?: string;
  subjects: string[];
}

const aggregateLabel = (role: string): string => `${group}/aggregate-to-${role}`;

function metadata(name: string, namespace: string, into?: string): ObjectMeta {
  return {
    name,
    ...(namespace && { namespace }),
    labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults', ...(into && { [aggregateLabel(into)]: 'true' }) },
    annotations: { 'rbac.authorization.kubernetes.io/autoupdate': 'true' },
  };
}

function unfoldRule(text: string): PolicyRule {
  const [verbs = [], second = [], resources, resourceNames] = text.split('|').map((part) => part.split(','));
  if (!resources) return { verbs, nonResourceURLs: second };
  return { verbs, apiGroups: second, resources, ...(resourceNames && { resourceNames }) };
}

function unfoldSubject(text: string): Subject {
  const [kind = '', rest = ''] = text.split(' ');
  if (kind !== 'ServiceAccount') return { apiGroup: group, kind, name: rest };
  const [namespace = '', name = ''] = rest.split('/');
  return { kind, namespace, name };
}

function unfoldRoles(kind: string, roles: Record<string, ShortRole>, namespace = ''): RoleObject[] {
  return Object.entries(roles).map(([name, { into, collects, rules = [] }]) => ({
    apiVersion,
    kind,
    metadata: metadata(name, namespace, into),
    rules: rules.map(unfoldRule),
    ...(collects && {
      aggregationRule: { clusterRoleSelectors: [{ matchLabels: { [aggregateLabel(collects)]: 'true' } }] },
    }),
  }));
}

function unfoldBindings(
  kind: string,
  bindings: Record<string, ShortBinding>,
  roleKind: string,
  namespace = '',
): BindingObject[] {
  return Object.entries(bindings).map(([name, { role = name, subjects }]) => ({
    apiVersion,
    kind,
    metadata: metadata(name, namespace),
    roleRef: { apiGroup: group, kind: roleKind, name: role },
    subjects: subjects.map(unfoldSubject),
  }));
}

/** Unfolds the policy; every call makes objects of its own. */
export function bootstrapPolicy(): RbacPolicy {
  const roles: Record<string, Record<string, ShortRole>> = policy.roles;
  const roleBindings: Record<string, Record<string, ShortBinding>> = policy.roleBindings;
  return {
    clusterRoles: unfoldRoles('ClusterRole', policy.clusterRoles),
    clusterRoleBindings: unfoldBindings('ClusterRoleBinding', policy.clusterRoleBindings, 'ClusterRole'),
    roles: Object.entries(roles).flatMap(([namespace, short]) => unfoldRoles('Role', short, namespace)),
    roleBindings: Object.entries(roleBindings).flatMap(([namespace, short]) =>
      unfoldBindings('RoleBinding', short, 'Role', namespace),
    ),
  };
}
