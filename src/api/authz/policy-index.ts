/** Roles and bindings, found by the subject that they speak of. */
import type { UserInfo } from '../types.ts';
import type { KubeObject } from '../../schema/object.ts';
import type { PolicyRule } from './rules.ts';

export const rbacGroup = 'rbac.authorization.k8s.io';

/** rbac/v1 Role and ClusterRole. */
export interface RoleObject extends KubeObject {
  rules?: readonly PolicyRule[] | null;
  aggregationRule?: { clusterRoleSelectors?: readonly object[] | null } | null;
}

export interface RoleRef {
  apiGroup?: string;
  kind: string;
  name: string;
}

export interface Subject {
  kind: string;
  apiGroup?: string;
  name: string;
  namespace?: string;
}

/** rbac/v1 RoleBinding and ClusterRoleBinding. */
export interface BindingObject extends KubeObject {
  roleRef: RoleRef;
  subjects?: readonly Subject[] | null;
}

/** A binding that applies to a user, through the subject at `position`. */
export interface Grant {
  /** '' for a ClusterRoleBinding. */
  namespace: string;
  name: string;
  roleRef: RoleRef;
  subject: Subject;
  position: number;
}

export type RoleRules = { rules: readonly PolicyRule[] } | { error: string };

const serviceAccountName = (namespace: string, name: string): string => `system:serviceaccount:${namespace}:${name}`;

function subjectKey(subject: Subject, bindingNamespace: string): string | undefined {
  switch (subject.kind) {
    case 'User':
      return `u:${subject.name}`;
    case 'Group':
      return `g:${subject.name}`;
    case 'ServiceAccount': {
      const namespace = subject.namespace || bindingNamespace;
      return namespace ? `u:${serviceAccountName(namespace, subject.name)}` : undefined;
    }
    default:
      return undefined;
  }
}

const inOrder = (a: Grant, b: Grant): number => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);

export class PolicyIndex {
  readonly #roles = new Map<string, readonly PolicyRule[]>();
  /** Namespace → subject → binding name → grant. */
  readonly #grants = new Map<string, Map<string, Map<string, Grant>>>();
  /** Subject keys of each binding, to take it out again. */
  readonly #subjects = new Map<string, string[]>();

  clear(): void {
    this.#roles.clear();
    this.#grants.clear();
    this.#subjects.clear();
  }

  /** `namespace` is '' for a ClusterRole. */
  setRole(namespace: string, name: string, role: RoleObject | undefined): void {
    const key = `${namespace}/${name}`;
    if (role) this.#roles.set(key, role.rules ?? []);
    else this.#roles.delete(key);
  }

  /** `namespace` is '' for a ClusterRoleBinding. */
  setBinding(namespace: string, name: string, binding: BindingObject | undefined): void {
    const key = `${namespace}/${name}`;
    const bySubject = this.#grants.get(namespace) ?? new Map<string, Map<string, Grant>>();
    for (const subject of this.#subjects.get(key) ?? []) {
      const grants = bySubject.get(subject);
      grants?.delete(name);
      if (grants?.size === 0) bySubject.delete(subject);
    }
    this.#subjects.delete(key);
    if (binding) this.#subjects.set(key, addGrants(bySubject, namespace, name, binding));
    if (bySubject.size) this.#grants.set(namespace, bySubject);
    else this.#grants.delete(namespace);
  }

  /** Grants of `user`: cluster-wide ones, then those of `namespace` when it is not ''. */
  grants(user: UserInfo, namespace: string): Grant[] {
    const cluster = this.#grantsIn('', user);
    return namespace ? [...cluster, ...this.#grantsIn(namespace, user)] : cluster;
  }

  #grantsIn(namespace: string, user: UserInfo): Grant[] {
    const bySubject = this.#grants.get(namespace);
    if (!bySubject) return [];
    const found = new Map<string, Grant>();
    for (const key of [`u:${user.name}`, ...user.groups.map((group) => `g:${group}`)]) {
      for (const grant of bySubject.get(key)?.values() ?? []) {
        const other = found.get(grant.name);
        if (!other || grant.position < other.position) found.set(grant.name, grant);
      }
    }
    return [...found.values()].sort(inOrder);
  }

  /** Rules that a binding in `bindingNamespace` refers to. */
  rulesOf(ref: RoleRef, bindingNamespace: string): RoleRules {
    if (ref.kind !== 'Role' && ref.kind !== 'ClusterRole')
      return { error: `unsupported role reference kind: ${JSON.stringify(ref.kind)}` };
    const rules = this.#roles.get(`${ref.kind === 'Role' ? bindingNamespace : ''}/${ref.name}`);
    return rules
      ? { rules }
      : { error: `${ref.kind.toLowerCase()}.${rbacGroup} ${JSON.stringify(ref.name)} not found` };
  }
}

function addGrants(
  bySubject: Map<string, Map<string, Grant>>,
  namespace: string,
  name: string,
  binding: BindingObject,
): string[] {
  const keys = new Set<string>();
  for (const [position, subject] of (binding.subjects ?? []).entries()) {
    const key = subjectKey(subject, namespace);
    if (key === undefined || keys.has(key)) continue;
    keys.add(key);
    const grants = bySubject.get(key) ?? new Map<string, Grant>();
    grants.set(name, { namespace, name, roleRef: binding.roleRef, subject, position });
    bySubject.set(key, grants);
  }
  return [...keys];
}
