/**
 * Brings the stored roles and bindings up to a policy, as upstream does at every start: what is missing is added, what
 * an administrator added stays, and objects annotated `rbac.authorization.kubernetes.io/autoupdate: "false"` are left
 * alone.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Client, ResourceRef } from '../../client/types.ts';
import { isReason } from '../../kernel/status.ts';
import type { KubeObject } from '../../schema/object.ts';
import { type BindingObject, rbacGroup, type RoleObject, type Subject } from './policy-index.ts';
import { uncovered } from './rules.ts';

export interface RbacPolicy {
  clusterRoles: readonly RoleObject[];
  clusterRoleBindings: readonly BindingObject[];
  roles: readonly RoleObject[];
  roleBindings: readonly BindingObject[];
}

/** What to do so that `existing` gives what `expected` asks for. `recreate`: the roleRef is immutable. */
export type Change<T> = { do: 'nothing' } | { do: 'update' | 'recreate'; object: T };

const autoUpdate = `rbac.authorization.kubernetes.io/autoupdate`;

const isProtected = (object: KubeObject): boolean => object.metadata.annotations?.[autoUpdate] === 'false';

/** The existing values win. */
const merged = (expected: Record<string, string> | undefined, existing: Record<string, string> | undefined) =>
  expected || existing ? { ...expected, ...existing } : undefined;

function withMetadata<T extends KubeObject>(existing: T, expected: T): T {
  const labels = merged(expected.metadata.labels, existing.metadata.labels);
  const annotations = merged(expected.metadata.annotations, existing.metadata.annotations);
  return {
    ...existing,
    metadata: { ...existing.metadata, ...(labels && { labels }), ...(annotations && { annotations }) },
  };
}

const changed = <T>(next: T, existing: T): Change<T> =>
  isDeepStrictEqual(next, existing) ? { do: 'nothing' } : { do: 'update', object: next };

/** Plans the change of one role. */
export function planRole(existing: RoleObject, expected: RoleObject): Change<RoleObject> {
  if (isProtected(existing)) return { do: 'nothing' };
  const next = withMetadata(existing, expected);
  const missing = uncovered(existing.rules ?? [], expected.rules ?? []);
  if (missing.length) next.rules = [...(existing.rules ?? []), ...missing];
  const wanted = expected.aggregationRule?.clusterRoleSelectors;
  if (!wanted) {
    if (existing.aggregationRule) next.aggregationRule = null;
    return changed(next, existing);
  }
  const present = existing.aggregationRule?.clusterRoleSelectors ?? [];
  const absent = wanted.filter((selector) => !present.some((other) => isDeepStrictEqual(other, selector)));
  if (absent.length) next.aggregationRule = { clusterRoleSelectors: [...present, ...absent] };
  return changed(next, existing);
}

const sameSubject = (a: Subject, b: Subject): boolean =>
  a.kind === b.kind &&
  a.name === b.name &&
  (a.namespace ?? '') === (b.namespace ?? '') &&
  (a.apiGroup ?? '') === (b.apiGroup ?? '');

/** Plans the change of one binding. */
export function planBinding(existing: BindingObject, expected: BindingObject): Change<BindingObject> {
  if (isProtected(existing)) return { do: 'nothing' };
  const { kind, name } = existing.roleRef;
  if (kind !== expected.roleRef.kind || name !== expected.roleRef.name) return { do: 'recreate', object: expected };
  const next = withMetadata(existing, expected);
  const present = existing.subjects ?? [];
  const absent = (expected.subjects ?? []).filter((subject) => !present.some((other) => sameSubject(subject, other)));
  if (absent.length) next.subjects = [...present, ...absent];
  return changed(next, existing);
}

const ref = (resource: string): ResourceRef => ({ group: rbacGroup, version: 'v1', resource });

/** Reconciles all roles, then all bindings. Writes nothing when nothing is missing. Returns the number of writes. */
export async function reconcilePolicy(client: Client, policy: RbacPolicy): Promise<number> {
  const roles = await Promise.all([
    reconcile(client, ref('clusterroles'), policy.clusterRoles, planRole),
    reconcile(client, ref('roles'), policy.roles, planRole),
  ]);
  const bindings = await Promise.all([
    reconcile(client, ref('clusterrolebindings'), policy.clusterRoleBindings, planBinding),
    reconcile(client, ref('rolebindings'), policy.roleBindings, planBinding),
  ]);
  return [...roles, ...bindings].reduce((sum, writes) => sum + writes, 0);
}

const keyOf = ({ metadata }: KubeObject): string => `${metadata.namespace ?? ''}/${metadata.name}`;

async function reconcile<T extends KubeObject>(
  client: Client,
  of: ResourceRef,
  expected: readonly T[],
  plan: (existing: T, expected: T) => Change<T>,
): Promise<number> {
  const { items } = await client.list<T>(of);
  const existing = new Map(items.map((item) => [keyOf(item), item]));
  // All at once: the store commits them in few batches. A policy has some hundred objects.
  const writes = await Promise.all(
    expected.map((object) => reconcileOne(client, of, existing.get(keyOf(object)), object, plan)),
  );
  return writes.filter(Boolean).length;
}

async function reconcileOne<T extends KubeObject>(
  client: Client,
  of: ResourceRef,
  first: T | undefined,
  expected: T,
  plan: (existing: T, expected: T) => Change<T>,
): Promise<boolean> {
  const { name = '', namespace } = expected.metadata;
  const scope = namespace ? { namespace } : {};
  let existing = first;
  for (let attempt = 0; ; attempt++) {
    try {
      if (!existing) {
        await client.create(of, expected, scope);
        return true;
      }
      const change = plan(existing, expected);
      if (change.do === 'nothing') return false;
      if (change.do === 'update') await client.update(of, change.object);
      else {
        const uid = existing.metadata.uid;
        await client.delete(of, name, { ...scope, ...(uid && { preconditions: { uid } }) });
        await client.create(of, change.object, scope);
      }
      return true;
    } catch (error) {
      const raced = isReason(error, 'Conflict') || isReason(error, 'AlreadyExists') || isReason(error, 'NotFound');
      if (!raced || attempt === 3) throw error;
      existing = await current<T>(client, of, name, namespace);
    }
  }
}

async function current<T extends KubeObject>(
  client: Client,
  of: ResourceRef,
  name: string,
  namespace: string | undefined,
): Promise<T | undefined> {
  try {
    return await client.get<T>(of, name, namespace);
  } catch (error) {
    if (isReason(error, 'NotFound')) return undefined;
    throw error;
  }
}
