/** What upstream refuses in access reviews, in its words. */
import { type FieldError, type FieldPath, fieldError } from '../../kernel/index.ts';
import { labelKeyProblems, labelValueProblems } from '../../schema/index.ts';
import type {
  FieldSelectorAttributes,
  LabelSelectorAttributes,
  LocalSubjectAccessReview,
  NonResourceAttributes,
  SelfSubjectAccessReview,
  SubjectAccessReview,
  SubjectAccessReviewSpec,
} from '../../schema/generated/index.ts';
import type { ObjectMeta } from '../../schema/object.ts';

export function* validateSubjectAccessReview(review: SubjectAccessReview): Iterable<FieldError> {
  yield* validateSpec(review.spec ?? {}, true);
  if (!isEmptyMeta(review.metadata)) yield fieldError.invalid(['metadata'], review.metadata, 'must be empty');
}

export function* validateSelfSubjectAccessReview(review: SelfSubjectAccessReview): Iterable<FieldError> {
  yield* validateSpec(review.spec ?? {}, false);
  if (!isEmptyMeta(review.metadata)) yield fieldError.invalid(['metadata'], review.metadata, 'must be empty');
}

export function* validateLocalSubjectAccessReview(review: LocalSubjectAccessReview): Iterable<FieldError> {
  const spec = review.spec ?? {};
  yield* validateSpec(spec, true);
  const { namespace = '', ...metadata } = review.metadata;
  if (!isEmptyMeta(metadata))
    yield fieldError.invalid(['metadata'], review.metadata, 'must be empty except for namespace');
  const asked = spec.resourceAttributes?.namespace ?? '';
  if (spec.resourceAttributes && asked !== namespace)
    yield fieldError.invalid([...resourcePath, 'namespace'], asked, 'must match metadata.namespace');
  if (spec.nonResourceAttributes) {
    const value = internalForm(spec.nonResourceAttributes);
    yield fieldError.invalid(['spec', 'nonResourceAttributes'], value, 'disallowed on this kind of request');
  }
}

const resourcePath: FieldPath = ['spec', 'resourceAttributes'];

/** Upstream prints its internal type, which has no JSON names. */
const internalForm = ({ path = '', verb = '' }: NonResourceAttributes) => ({ Path: path, Verb: verb });

const isEmptyMeta = ({ managedFields: _, ...metadata }: ObjectMeta): boolean =>
  Object.values(metadata).every((value) => value === undefined || value === null || value === '');

function* validateSpec(spec: SubjectAccessReviewSpec, needsSubject: boolean): Iterable<FieldError> {
  const { resourceAttributes, nonResourceAttributes } = spec;
  if (resourceAttributes && nonResourceAttributes) {
    const value = internalForm(nonResourceAttributes);
    const detail = 'cannot be specified in combination with resourceAttributes';
    yield fieldError.invalid(['spec', 'nonResourceAttributes'], value, detail);
  }
  if (!resourceAttributes && !nonResourceAttributes) {
    const detail = 'exactly one of nonResourceAttributes or resourceAttributes must be specified';
    yield fieldError.invalid(resourcePath, null, detail);
  }
  if (needsSubject && !spec.user && !spec.groups?.length)
    yield fieldError.invalid(['spec', 'user'], spec.user ?? '', 'at least one of user or group must be specified');
  yield* validateSelector(resourceAttributes?.fieldSelector, 'fieldSelector');
  yield* validateSelector(resourceAttributes?.labelSelector, 'labelSelector');
}

function* validateSelector(
  selector: FieldSelectorAttributes | LabelSelectorAttributes | undefined,
  field: 'fieldSelector' | 'labelSelector',
): Iterable<FieldError> {
  if (!selector) return;
  const path: FieldPath = [...resourcePath, field];
  const requirements = selector.requirements ?? [];
  if (selector.rawSelector && requirements.length) {
    const detail = 'may not specified at the same time as requirements';
    yield fieldError.invalid([...path, 'rawSelector'], selector.rawSelector, detail);
  }
  if (!selector.rawSelector && !requirements.length) {
    const detail = `when spec.resourceAttributes.${field} is specified, requirements or rawSelector is required`;
    yield fieldError.required([...path, 'requirements'], detail);
  }
  for (const [i, { key = '', operator, values = [] }] of requirements.entries()) {
    const at: FieldPath = [...path, 'requirements', i];
    if (field === 'fieldSelector' && !key) yield fieldError.required([...at, 'key'], 'must be specified');
    yield* validateValues(operator, values, [...at, 'values']);
    if (field === 'fieldSelector') continue;
    for (const message of labelKeyProblems(key)) yield fieldError.invalid([...at, 'key'], key, message);
    for (const [j, value] of values.entries()) {
      for (const message of labelValueProblems(value)) yield fieldError.invalid([...at, 'values', j], value, message);
    }
  }
}

/** Operators that this server does not know are let through: a newer client may use them. */
function* validateValues(operator: string | undefined, values: readonly string[], path: FieldPath) {
  if ((operator === 'In' || operator === 'NotIn') && values.length === 0)
    yield fieldError.required(path, "must be specified when `operator` is 'In' or 'NotIn'");
  if ((operator === 'Exists' || operator === 'DoesNotExist') && values.length > 0)
    yield fieldError.forbidden(path, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
}
