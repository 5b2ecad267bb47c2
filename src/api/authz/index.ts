/** Authorization: RBAC and kubelets' decisions, rule resolution, the escalation check, and reconciliation of the bootstrap policy. */
import type { Store } from '../../store/types.ts';
import type { AdmissionPlugin, Authorizer, UserInfo } from '../types.ts';
import { RbacAuthorizer, type RulesFor } from './authorizer.ts';
import { escalationCheck } from './escalation.ts';
import { followPolicy } from './feed.ts';
import { nodeAuthorizer } from './node-authorizer.ts';
import { PolicyIndex } from './policy-index.ts';

export { aggregate, type RulesFor, superuserGroup } from './authorizer.ts';
export type { BindingObject, RoleObject, RoleRef, Subject } from './policy-index.ts';
export { reconcilePolicy, type RbacPolicy } from './reconcile.ts';
export type { PolicyRule } from './rules.ts';

export interface Rbac {
  authorizer: Authorizer;
  /** Every rule that applies to a user, for SelfSubjectRulesReview. */
  rulesFor(user: UserInfo, namespace: string): RulesFor;
  /** The admission plugin that refuses escalation. */
  escalationCheck: AdmissionPlugin;
  close(): void;
}

/** The Node authorizer, then RBAC, over the pods, roles and bindings of `store`, kept current by its events. */
export function createRbac(store: Store): Rbac {
  const index = new PolicyIndex();
  const rbac = new RbacAuthorizer(index);
  const authorizer = nodeAuthorizer(store, index, rbac);
  const subscription = followPolicy(store, index, () => rbac.invalidate());
  const rulesFor = rbac.rulesFor.bind(rbac);
  return {
    authorizer,
    rulesFor,
    escalationCheck: escalationCheck({ authorizer, rulesFor, rulesOf: index.rulesOf.bind(index) }),
    close: () => subscription.close(),
  };
}
