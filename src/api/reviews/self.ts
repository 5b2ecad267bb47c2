/** What the caller may do, and who it is: SelfSubjectRulesReview and SelfSubjectReview. */
import { apiError, type Clock, formatTime } from '../../kernel/index.ts';
import type { SelfSubjectReview, SelfSubjectRulesReview } from '../../schema/generated/index.ts';
import { aggregate, type PolicyRule, type RulesFor } from '../authz/index.ts';
import type { ReviewHandler, UserInfo } from '../types.ts';

/** Lists the caller's rules in one namespace. */
export function selfSubjectRulesReview(rulesFor: (user: UserInfo, namespace: string) => RulesFor): ReviewHandler {
  return {
    async review(object: SelfSubjectRulesReview, _namespace, user): Promise<SelfSubjectRulesReview> {
      const namespace = object.spec?.namespace;
      if (!namespace) throw apiError.badRequest('no namespace on request');
      const { rules, errors } = rulesFor(user, namespace);
      return {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SelfSubjectRulesReview',
        metadata: {},
        spec: {},
        status: {
          resourceRules: rules.filter((rule) => rule.resources?.length).map(resourceRule),
          nonResourceRules: rules.filter((rule) => rule.nonResourceURLs?.length).map(nonResourceRule),
          incomplete: false,
          ...(errors.length && { evaluationError: aggregate(errors) }),
        },
      };
    },
  };
}

const resourceRule = ({ verbs, apiGroups, resources, resourceNames }: PolicyRule) => ({
  verbs: [...(verbs ?? [])],
  apiGroups: [...(apiGroups ?? [])],
  resources: [...(resources ?? [])],
  ...(resourceNames?.length && { resourceNames: [...resourceNames] }),
});

const nonResourceRule = ({ verbs, nonResourceURLs }: PolicyRule) => ({
  verbs: [...(verbs ?? [])],
  nonResourceURLs: [...(nonResourceURLs ?? [])],
});

/** Tells the caller who it is, after impersonation. */
export function selfSubjectReview(clock: Clock): ReviewHandler {
  return {
    async review(_object, _namespace, user): Promise<SelfSubjectReview> {
      const extra = Object.entries(user.extra ?? {}).map(([key, values]): [string, string[]] => [key, [...values]]);
      return {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'SelfSubjectReview',
        metadata: { creationTimestamp: formatTime(clock.nowMs()) },
        status: {
          userInfo: {
            username: user.name,
            ...(user.uid && { uid: user.uid }),
            groups: [...user.groups],
            ...(extra.length && { extra: Object.fromEntries(extra) }),
          },
        },
      };
    },
  };
}
