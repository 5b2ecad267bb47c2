/** SubjectAccessReview, LocalSubjectAccessReview and SelfSubjectAccessReview. */
import { apiError, type FieldError } from '../../kernel/index.ts';
import type {
  LocalSubjectAccessReview,
  NonResourceAttributes,
  ResourceAttributes,
  SelfSubjectAccessReview,
  SubjectAccessReview,
  SubjectAccessReviewSpec,
  SubjectAccessReviewStatus,
} from '../../schema/generated/index.ts';
import { parseFieldSelector, parseLabelSelector } from '../../schema/index.ts';
import type { Authorizer, ReviewHandler, UserInfo } from '../types.ts';
import {
  validateLocalSubjectAccessReview,
  validateSelfSubjectAccessReview,
  validateSubjectAccessReview,
} from './validate.ts';

/** Tells whether the subject of the review may do it. */
export function subjectAccessReview(authorizer: Authorizer): ReviewHandler {
  return {
    async review(object: SubjectAccessReview) {
      refuse(validateSubjectAccessReview(object));
      return { ...object, status: evaluate(authorizer, subjectOf(object.spec), object.spec) };
    },
  };
}

/** The same within one namespace, for those who may ask there only. */
export function localSubjectAccessReview(authorizer: Authorizer): ReviewHandler {
  return {
    async review(given: LocalSubjectAccessReview, namespace) {
      const object = { ...given, metadata: { ...given.metadata, namespace: given.metadata.namespace || namespace } };
      refuse(validateLocalSubjectAccessReview(object));
      if (object.metadata.namespace !== namespace)
        throw apiError.badRequest(`spec.resourceAttributes.namespace must match namespace: ${namespace}`);
      return { ...object, status: evaluate(authorizer, subjectOf(object.spec), object.spec) };
    },
  };
}

/** Tells whether the caller may do it. */
export function selfSubjectAccessReview(authorizer: Authorizer): ReviewHandler {
  return {
    async review(object: SelfSubjectAccessReview, _namespace, user) {
      refuse(validateSelfSubjectAccessReview(object));
      return { ...object, status: evaluate(authorizer, user, object.spec) };
    },
  };
}

function refuse(found: Iterable<FieldError>): void {
  const errors = [...found];
  // The kind is empty in upstream's message: its internal objects carry none.
  if (errors.length) throw apiError.invalid({ group: 'authorization.k8s.io', resource: '' }, '', errors);
}

const subjectOf = ({ user = '', uid, groups = [], extra }: SubjectAccessReviewSpec = {}): UserInfo => ({
  name: user,
  groups,
  ...(uid && { uid }),
  ...(extra && { extra }),
});

interface Asked {
  resourceAttributes?: ResourceAttributes;
  nonResourceAttributes?: NonResourceAttributes;
}

function evaluate(authorizer: Authorizer, user: UserInfo, asked: Asked = {}): SubjectAccessReviewStatus {
  const { resourceAttributes, nonResourceAttributes } = asked;
  if (!resourceAttributes) {
    const { verb = '', path = '' } = nonResourceAttributes ?? {};
    return answer(authorizer.authorize({ user, verb, path }), []);
  }
  const {
    verb = '',
    group = '',
    version,
    resource = '',
    subresource = '',
    namespace = '',
    name = '',
  } = resourceAttributes;
  const attributes = { user, verb, group, version: version || '*', resource, subresource, namespace, name };
  return answer(authorizer.authorize(attributes), selectorProblems(resourceAttributes));
}

/** A denial by RBAC is an absence of permission, never an explicit denial, so `denied` stays unset. */
function answer(decision: { allowed: boolean; reason: string }, problems: string[]): SubjectAccessReviewStatus {
  return {
    allowed: decision.allowed,
    ...(decision.reason && { reason: decision.reason }),
    ...(problems.length && { evaluationError: problems.join('; ') }),
  };
}

/** Selectors narrow what is asked; RBAC does not look at them, but tells when it could not read them. */
function selectorProblems({ fieldSelector, labelSelector }: ResourceAttributes): string[] {
  const problems: string[] = [];
  const note = (field: string, total: number, bad: number) => {
    if (bad === 0) return;
    const extent = bad < total ? 'partially ignored' : 'ignored';
    problems.push(`spec.resourceAttributes.${field} ${extent} due to parse error`);
  };
  const fields = fieldSelector?.requirements ?? [];
  if (fields.length) {
    const bad = fields.filter(({ operator = '', values = [] }) => !isEquality(operator) || values.length !== 1);
    note('fieldSelector', fields.length, bad.length);
  } else if (fieldSelector?.rawSelector) note('fieldSelector', 1, fails(parseFieldSelector, fieldSelector.rawSelector));
  const labels = labelSelector?.requirements ?? [];
  if (labels.length) {
    const bad = labels.filter(({ operator = '' }) => !labelOperators.has(operator));
    note('labelSelector', labels.length, bad.length);
  } else if (labelSelector?.rawSelector) note('labelSelector', 1, fails(parseLabelSelector, labelSelector.rawSelector));
  return problems;
}

const labelOperators = new Set(['In', 'NotIn', 'Exists', 'DoesNotExist']);
const isEquality = (operator: string): boolean => operator === 'In' || operator === 'NotIn';

function fails(parse: (text: string) => unknown, text: string): number {
  try {
    parse(text);
    return 0;
  } catch {
    return 1;
  }
}
