/**
 * Nobody grants more than they hold: writes of roles and bindings are refused when their rules are not covered by the
 * writer's own, unless the writer may `escalate` the role or `bind` it. Runs last among the mutating plugins, because
 * it judges the final object.
 */
import { isDeepStrictEqual } from 'node:util';
import { apiError } from '../../kernel/status.ts';
import type { KubeObject } from '../../schema/object.ts';
import type { AdmissionPlugin, AdmissionRequest, Authorizer } from '../types.ts';
import { type RulesFor, superuserGroup } from './authorizer.ts';
import { type BindingObject, rbacGroup, type RoleObject, type RoleRef, type RoleRules } from './policy-index.ts';
import { describeRules, type PolicyRule, quoteList, uncovered } from './rules.ts';

export interface EscalationDeps {
  authorizer: Authorizer;
  rulesFor(user: AdmissionRequest['user'], namespace: string): RulesFor;
  rulesOf(ref: RoleRef, bindingNamespace: string): RoleRules;
}

const everything: readonly PolicyRule[] = [
  { apiGroups: ['*'], resources: ['*'], verbs: ['*'] },
  { nonResourceURLs: ['*'], verbs: ['*'] },
];

/** The check on writes of roles, clusterroles, rolebindings and clusterrolebindings. */
export function escalationCheck(deps: EscalationDeps): AdmissionPlugin {
  return {
    name: 'RBACEscalation',
    handles: (operation) => operation === 'CREATE' || operation === 'UPDATE',
    admit(request) {
      const { definition, object, oldObject, user } = request;
      if (definition.group !== rbacGroup || request.subresource || !object) return;
      if (user.groups.includes(superuserGroup)) return;
      if (oldObject && onlyCollectorFieldsChange(object, oldObject)) return;
      if (definition.kind.endsWith('Binding')) checkBinding(deps, request, object as BindingObject);
      else checkRole(deps, request, object as RoleObject, oldObject as RoleObject | undefined);
    },
  };
}

function checkRole(
  deps: EscalationDeps,
  request: AdmissionRequest,
  role: RoleObject,
  previous: RoleObject | undefined,
) {
  const { definition, namespace, user } = request;
  const mayEscalate = deps.authorizer.authorize({
    user,
    verb: 'escalate',
    group: rbacGroup,
    version: '*',
    resource: definition.resource,
    namespace,
    name: request.operation === 'CREATE' ? '' : request.name,
  }).allowed;
  if (mayEscalate) return;
  confirmHeld(deps, request, role.rules ?? []);
  if (!aggregates(role) && !(previous && aggregates(previous))) return;
  if (uncovered(deps.rulesFor(user, namespace).rules, everything).length === 0) return;
  throw refusal(request, 'must have cluster-admin privileges to use the aggregationRule');
}

const aggregates = (role: RoleObject): boolean => (role.aggregationRule?.clusterRoleSelectors?.length ?? 0) > 0;

function checkBinding(deps: EscalationDeps, request: AdmissionRequest, binding: BindingObject): void {
  const { namespace, user } = request;
  const { roleRef } = binding;
  const resource = { Role: 'roles', ClusterRole: 'clusterroles' }[roleRef?.kind];
  // Any other kind is refused by validation.
  if (!resource) return;
  const group = roleRef.apiGroup || rbacGroup;
  const bind = { user, verb: 'bind', group, version: '*', resource, namespace, name: roleRef.name };
  if (deps.authorizer.authorize(bind).allowed) return;
  const referred = deps.rulesOf(roleRef, namespace);
  if ('error' in referred) throw apiError.notFound({ group: rbacGroup, resource }, roleRef.name);
  confirmHeld(deps, request, referred.rules);
}

function confirmHeld(deps: EscalationDeps, request: AdmissionRequest, rules: readonly PolicyRule[]): void {
  const { user, namespace } = request;
  const held = deps.rulesFor(user, namespace);
  const missing = uncovered(held.rules, rules);
  if (missing.length === 0) return;
  const who = `user ${JSON.stringify(user.name)} (groups=${quoteList(user.groups)})`;
  const what = describeRules(missing).join('\n');
  const errors = held.errors.length ? `; resolution errors: [${held.errors.join(' ')}]` : '';
  throw refusal(request, `${who} is attempting to grant RBAC permissions not currently held:\n${what}${errors}`);
}

const refusal = ({ definition, object }: AdmissionRequest, message: string) =>
  apiError.forbidden({ group: definition.group, resource: definition.resource }, object?.metadata.name ?? '', message);

/** The garbage collector must be able to finish any object, whatever it grants. */
function onlyCollectorFieldsChange(next: KubeObject, previous: KubeObject): boolean {
  const same = (object: KubeObject) => {
    const { ownerReferences: _o, finalizers: _f, managedFields: _m, selfLink: _s, ...metadata } = object.metadata;
    return { ...object, metadata };
  };
  return isDeepStrictEqual(same(next), same(previous));
}
