/** Reviews about authorization and about the caller. TokenReview belongs to authentication. */
import type { Clock } from '../../kernel/index.ts';
import type { Rbac } from '../authz/index.ts';
import type { ReviewHandler } from '../types.ts';
import { localSubjectAccessReview, selfSubjectAccessReview, subjectAccessReview } from './access.ts';
import { selfSubjectReview, selfSubjectRulesReview } from './self.ts';

/** Handlers by `group/version/resource`. */
export function accessReviews(rbac: Pick<Rbac, 'authorizer' | 'rulesFor'>, clock: Clock): Map<string, ReviewHandler> {
  return new Map([
    ['authorization.k8s.io/v1/subjectaccessreviews', subjectAccessReview(rbac.authorizer)],
    ['authorization.k8s.io/v1/localsubjectaccessreviews', localSubjectAccessReview(rbac.authorizer)],
    ['authorization.k8s.io/v1/selfsubjectaccessreviews', selfSubjectAccessReview(rbac.authorizer)],
    ['authorization.k8s.io/v1/selfsubjectrulesreviews', selfSubjectRulesReview(rbac.rulesFor)],
    ['authentication.k8s.io/v1/selfsubjectreviews', selfSubjectReview(clock)],
  ]);
}
