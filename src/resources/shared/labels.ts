import { type FieldError, type FieldPath, fieldError as e } from '../../kernel/status.ts';
import type { LabelSelector, LabelSelectorRequirement } from '../typings/meta.ts';
import { labelValue, qualifiedName } from './names.ts';

type Labels = Readonly<Record<string, string>>;

/** Keys and values of a label map. */
export function* validateLabels(labels: Labels | undefined, path: FieldPath): Iterable<FieldError> {
  for (const [key, value] of Object.entries(labels ?? {})) {
    yield* validateLabelName(key, path);
    for (const message of labelValue(value)) yield e.invalid(path, value, message);
  }
}

export function* validateLabelName(name: string, path: FieldPath): Iterable<FieldError> {
  for (const message of qualifiedName(name)) yield e.invalid(path, name, message);
}

/** Keys (in lower case) and total size of an annotation map. */
export function* validateAnnotations(annotations: Labels | undefined, path: FieldPath): Iterable<FieldError> {
  let bytes = 0;
  for (const [key, value] of Object.entries(annotations ?? {})) {
    for (const message of qualifiedName(key.toLowerCase())) yield e.invalid(path, key, message);
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  if (bytes > annotationsLimitBytes) yield e.tooLong(path, annotationsLimitBytes);
}

const annotationsLimitBytes = 256 << 10;

export interface SelectorOptions {
  /** Old objects may carry values that are no label values. */
  allowInvalidValues?: boolean;
}

export function* validateLabelSelector(
  selector: LabelSelector | undefined,
  path: FieldPath,
  options: SelectorOptions = {},
): Iterable<FieldError> {
  if (!selector) return;
  yield* validateLabels(selector.matchLabels, [...path, 'matchLabels']);
  for (const [i, requirement] of (selector.matchExpressions ?? []).entries()) {
    yield* validateRequirement(requirement, [...path, 'matchExpressions', i], options);
  }
}

function* validateRequirement(
  requirement: LabelSelectorRequirement,
  path: FieldPath,
  options: SelectorOptions,
): Iterable<FieldError> {
  const values = requirement.values ?? [];
  switch (requirement.operator) {
    case 'In':
    case 'NotIn':
      if (values.length === 0) {
        yield e.required([...path, 'values'], "must be specified when `operator` is 'In' or 'NotIn'");
      }
      break;
    case 'Exists':
    case 'DoesNotExist':
      if (values.length > 0) {
        yield e.forbidden([...path, 'values'], "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
      }
      break;
    default:
      yield e.invalid([...path, 'operator'], requirement.operator ?? '', 'not a valid selector operator');
  }
  yield* validateLabelName(requirement.key ?? '', [...path, 'key']);
  if (options.allowInvalidValues) return;
  for (const [i, value] of values.entries()) {
    for (const message of labelValue(value)) yield e.invalid([...path, 'values', i], value, message);
  }
}

export const isEmptySelector = (selector: LabelSelector | undefined): boolean =>
  !selector || (Object.keys(selector.matchLabels ?? {}).length === 0 && (selector.matchExpressions ?? []).length === 0);

/** True when the labels satisfy the selector; an empty selector takes everything, an absent one nothing. */
export function matchesSelector(selector: LabelSelector | undefined, labels: Labels | undefined): boolean {
  if (!selector) return false;
  for (const [key, value] of Object.entries(selector.matchLabels ?? {})) if (labels?.[key] !== value) return false;
  return (selector.matchExpressions ?? []).every((requirement) => matchesRequirement(requirement, labels));
}

function matchesRequirement(requirement: LabelSelectorRequirement, labels: Labels | undefined): boolean {
  const value = labels?.[requirement.key ?? ''];
  switch (requirement.operator) {
    case 'In':
      return value !== undefined && (requirement.values ?? []).includes(value);
    case 'NotIn':
      return value === undefined || !(requirement.values ?? []).includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    default:
      return false;
  }
}

/** `a=b,c=d`, sorted by key; '' when empty. */
export const labelSetText = (labels: Labels | undefined): string =>
  Object.keys(labels ?? {})
    .sort()
    .map((key) => `${key}=${labels?.[key]}`)
    .join(',');

/** Cell text of a label map. */
export const formatLabels = (labels: Labels | undefined): string => labelSetText(labels) || '<none>';

/** A selector in the syntax of `kubectl -l`: `a=b,c in (d,e),!f`, sorted by key. Undefined selector: nothing. */
export function selectorText(selector: LabelSelector | undefined): string {
  if (!selector) return '';
  const requirements: { key: string; text: string }[] = Object.entries(selector.matchLabels ?? {}).map(
    ([key, value]) => ({ key, text: `${key}=${value}` }),
  );
  for (const { key = '', operator, values } of selector.matchExpressions ?? []) {
    const list = [...(values ?? [])].sort().join(',');
    const text =
      operator === 'In'
        ? `${key} in (${list})`
        : operator === 'NotIn'
          ? `${key} notin (${list})`
          : operator === 'Exists'
            ? key
            : `!${key}`;
    requirements.push({ key, text });
  }
  requirements.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  return requirements.map((requirement) => requirement.text).join(',');
}

/** Cell text of a selector. */
export const formatSelector = (selector: LabelSelector | undefined): string => selectorText(selector) || '<none>';
