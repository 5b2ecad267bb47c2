// Checks that many kinds share, in upstream's wording.
import { type FieldError, type FieldPath, fieldError as e } from '../../kernel/status.ts';
import { semanticEqual } from './equal.ts';
import {
  immutableMessage,
  nonNegativeMessage,
  percentage,
  portName,
  portNumber,
  positiveMessage,
  type StringRule,
} from './names.ts';
import { compareQuantities, isQuantity, nanos, quantityMessage } from './quantity.ts';

/** One `Invalid value` for each message of the rule. */
export function* matches(rule: StringRule, value: string | undefined, path: FieldPath): Iterable<FieldError> {
  for (const message of rule(value ?? '')) yield e.invalid(path, value ?? '', message);
}

/** Required, and by the rule. */
export function* requiredMatch(rule: StringRule, value: string | undefined, path: FieldPath): Iterable<FieldError> {
  if (!value) yield e.required(path);
  else yield* matches(rule, value, path);
}

export function* required(value: string | undefined, path: FieldPath, detail = ''): Iterable<FieldError> {
  if (!value) yield e.required(path, detail);
}

export function* nonNegative(value: number | undefined, path: FieldPath): Iterable<FieldError> {
  if (value !== undefined && value < 0) yield e.invalid(path, value, nonNegativeMessage);
}

export function* positive(value: number | undefined, path: FieldPath): Iterable<FieldError> {
  if (value !== undefined && value <= 0) yield e.invalid(path, value, positiveMessage);
}

export function* immutable(next: unknown, previous: unknown, path: FieldPath): Iterable<FieldError> {
  if (!semanticEqual(next, previous)) yield e.invalid(path, next, immutableMessage);
}

/** A member of an enumeration. Empty counts as missing when `emptyIsMissing`. */
export function* oneOf(
  value: string | undefined,
  supported: readonly string[],
  path: FieldPath,
  emptyIsMissing = true,
): Iterable<FieldError> {
  if (!value && emptyIsMissing) yield e.required(path);
  else if (!supported.includes(value ?? '')) yield e.notSupported(path, value ?? '', supported);
}

export function* port(value: number | undefined, path: FieldPath): Iterable<FieldError> {
  for (const message of portNumber(value)) yield e.invalid(path, value ?? 0, message);
}

export function* portOrName(value: number | string | undefined, path: FieldPath): Iterable<FieldError> {
  if (typeof value === 'string') yield* matches(portName, value, path);
  else yield* port(value ?? 0, path);
}

export function* quantityNonNegative(value: string | undefined, path: FieldPath): Iterable<FieldError> {
  if (value === undefined) return;
  if (!isQuantity(value)) yield e.invalid(path, value, quantityMessage);
  else if (nanos(value) < 0n) yield e.invalid(path, value, nonNegativeMessage);
}

export function* quantityPositive(value: string | undefined, path: FieldPath): Iterable<FieldError> {
  if (compareQuantities(value, '0') <= 0) yield e.invalid(path, value ?? '0', positiveMessage);
}

/** A count or a percentage, not negative. */
export function* countOrPercent(value: number | string | undefined, path: FieldPath): Iterable<FieldError> {
  if (typeof value === 'string') {
    for (const message of percentage(value)) yield e.invalid(path, value, message);
  } else if (value !== undefined) yield* nonNegative(value, path);
}

/** `25%` → 25; undefined for counts. */
export const percentOf = (value: number | string | undefined): number | undefined =>
  typeof value === 'string' && percentage(value).length === 0 ? Number(value.slice(0, -1)) : undefined;

export function* atMostHundredPercent(value: number | string | undefined, path: FieldPath): Iterable<FieldError> {
  if ((percentOf(value) ?? 0) > 100) yield e.invalid(path, value, 'must not be greater than 100%');
}

/** A relative path without `..` elements. */
export function* descendingPath(value: string, path: FieldPath): Iterable<FieldError> {
  if (value.startsWith('/')) yield e.invalid(path, value, 'must be a relative path');
  yield* noBacksteps(value, path);
}

export function* noBacksteps(value: string, path: FieldPath): Iterable<FieldError> {
  if (value.split('/').includes('..')) yield e.invalid(path, value, "must not contain '..'");
}

export function* nonReservedPath(value: string, path: FieldPath): Iterable<FieldError> {
  yield* descendingPath(value, path);
  if (value.startsWith('..') && !value.startsWith('../')) yield e.invalid(path, value, "must not start with '..'");
}

export function* fileMode(value: number | undefined, path: FieldPath): Iterable<FieldError> {
  if (value !== undefined && (value > 0o777 || value < 0)) {
    yield e.invalid(path, value, 'must be a number between 0 and 0777 (octal), both inclusive');
  }
}
