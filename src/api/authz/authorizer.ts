/** RBAC decisions, cached until a role or a binding changes. */
import type { AccessAttributes, Authorizer, Decision, UserInfo } from '../types.ts';
import type { Grant, PolicyIndex } from './policy-index.ts';
import { allowsPath, allowsResource, type PolicyRule } from './rules.ts';

/** Members may do everything. Even without any binding, so that a broken policy can be repaired. */
export const superuserGroup = 'system:masters';

export interface RulesFor {
  rules: PolicyRule[];
  /** Bindings whose role is missing; the rules are then incomplete. */
  errors: string[];
}

/** A rule that matches all but the object's name. `names` undefined: every name. */
interface Candidate {
  names: ReadonlySet<string> | undefined;
  decision: Decision;
}

interface Answer {
  candidates: readonly Candidate[];
  denial: Decision;
}

const superuser: Decision = { allowed: true, reason: '' };
const denied: Decision = { allowed: false, reason: '' };
const cachedAnswersLimit = 20_000;
const cachedUsersLimit = 1_000;

export class RbacAuthorizer implements Authorizer {
  readonly #index: PolicyIndex;
  #byIdentity = new WeakMap<UserInfo, Map<string, Answer>>();
  readonly #byUser = new Map<string, Map<string, Answer>>();
  #answers = 0;

  constructor(index: PolicyIndex) {
    this.#index = index;
  }

  /** Forgets every decision; called when a role or binding changes. */
  invalidate(): void {
    if (this.#byUser.size === 0) return;
    this.#byIdentity = new WeakMap();
    this.#byUser.clear();
    this.#answers = 0;
  }

  authorize(attributes: AccessAttributes): Decision {
    if (attributes.user.groups.includes(superuserGroup)) return superuser;
    const answer = this.#answer(attributes);
    const name = attributes.name ?? '';
    for (const { names, decision } of answer.candidates) {
      if (!names || names.has(name)) return decision;
    }
    return answer.denial;
  }

  /** Every rule that applies to `user` in `namespace` ('' = cluster-wide ones only). */
  rulesFor(user: UserInfo, namespace: string): RulesFor {
    const rules: PolicyRule[] = [];
    const errors: string[] = [];
    for (const grant of this.#index.grants(user, namespace)) {
      const found = this.#index.rulesOf(grant.roleRef, grant.namespace);
      if ('error' in found) errors.push(found.error);
      else rules.push(...found.rules);
    }
    return { rules, errors };
  }

  #answer(attributes: AccessAttributes): Answer {
    const answers = this.#answersOf(attributes.user);
    const { verb, group = '', resource, subresource = '', namespace = '', path = '' } = attributes;
    const key = resource === undefined ? `${verb} ${path}` : `${verb} ${group}/${resource}/${subresource} ${namespace}`;
    const known = answers.get(key);
    if (known) return known;
    const answer = this.#evaluate(attributes);
    if (this.#answers >= cachedAnswersLimit) {
      this.invalidate();
      return answer;
    }
    this.#answers++;
    answers.set(key, answer);
    return answer;
  }

  #answersOf(user: UserInfo): Map<string, Answer> {
    const known = this.#byIdentity.get(user);
    if (known) return known;
    const key = JSON.stringify([user.name, user.groups]);
    let answers = this.#byUser.get(key);
    if (!answers) {
      if (this.#byUser.size >= cachedUsersLimit) this.invalidate();
      answers = new Map();
      this.#byUser.set(key, answers);
    }
    this.#byIdentity.set(user, answers);
    return answers;
  }

  #evaluate(attributes: AccessAttributes): Answer {
    const { verb, group = '', resource, subresource = '', namespace = '', path = '' } = attributes;
    const isResource = resource !== undefined;
    const candidates: Candidate[] = [];
    const errors: string[] = [];
    for (const grant of this.#index.grants(attributes.user, isResource ? namespace : '')) {
      const found = this.#index.rulesOf(grant.roleRef, grant.namespace);
      if ('error' in found) {
        errors.push(found.error);
        continue;
      }
      for (const rule of found.rules) {
        const matches = isResource
          ? allowsResource(rule, verb, group, resource, subresource)
          : allowsPath(rule, verb, path);
        if (!matches) continue;
        const names = isResource && rule.resourceNames?.length ? new Set(rule.resourceNames) : undefined;
        candidates.push({ names, decision: { allowed: true, reason: `RBAC: allowed by ${describeGrant(grant)}` } });
        if (!names) return { candidates, denial: denied };
      }
    }
    return { candidates, denial: errors.length ? { allowed: false, reason: `RBAC: ${aggregate(errors)}` } : denied };
  }
}

/** Text of several errors, as upstream's aggregate prints them. */
export function aggregate(errors: readonly string[]): string {
  const distinct = [...new Set(errors)];
  return distinct.length === 1 ? (distinct[0] as string) : `[${distinct.join(', ')}]`;
}

function describeGrant(grant: Grant): string {
  const { subject, roleRef, namespace, name } = grant;
  const who = subject.kind === 'ServiceAccount' ? `${subject.name}/${subject.namespace || namespace}` : subject.name;
  const binding = namespace ? `RoleBinding ${quote(`${name}/${namespace}`)}` : `ClusterRoleBinding ${quote(name)}`;
  return `${binding} of ${roleRef.kind} ${quote(roleRef.name)} to ${subject.kind} ${quote(who)}`;
}

const quote = (text: string): string => JSON.stringify(text);
