// Match conditions and match resources of webhooks and policies. Expressions are compiled where they are evaluated.
import { type FieldError, type FieldPath, fieldError as e } from '../../kernel/status.ts';
import { matches, oneOf, required } from '../shared/check.ts';
import { validateLabelSelector } from '../shared/labels.ts';
import { qualifiedName } from '../shared/names.ts';
import type { MatchCondition, MatchResources } from '../typings/admissionregistration.ts';
import { validateRuleWithOperations } from './webhooks.ts';

export function* validateMatchConditions(
  conditions: readonly MatchCondition[] | undefined,
  path: FieldPath,
): Iterable<FieldError> {
  const list = conditions ?? [];
  if (list.length > 64) yield e.tooMany(path, list.length, 64);
  const names = new Set<string>();
  for (const [i, { name, expression }] of list.entries()) {
    if (!expression?.trim()) yield e.required([...path, i, 'expression']);
    if (!name) yield e.required([...path, i, 'name']);
    else yield* matches(qualifiedName, name, [...path, i, 'name']);
    if (name && names.has(name)) yield e.duplicate([...path, i, 'name'], name);
    names.add(name ?? '');
  }
}

export function defaultMatchResources(match: MatchResources | undefined): void {
  if (!match) return;
  match.matchPolicy ??= 'Equivalent';
  match.namespaceSelector ??= {};
  match.objectSelector ??= {};
  for (const rule of [...(match.resourceRules ?? []), ...(match.excludeResourceRules ?? [])]) rule.scope ??= '*';
}

/** `needsRules`: a policy must say which resources it is about; a binding need not. */
export function* validateMatchResources(
  match: MatchResources | undefined,
  needsRules: boolean,
  path: FieldPath,
): Iterable<FieldError> {
  if (!match) return;
  yield* oneOf(match.matchPolicy, ['Equivalent', 'Exact'], [...path, 'matchPolicy']);
  yield* validateLabelSelector(match.namespaceSelector, [...path, 'namespaceSelector']);
  yield* validateLabelSelector(match.objectSelector, [...path, 'objectSelector']);
  if (needsRules && (match.resourceRules ?? []).length === 0) yield e.required([...path, 'resourceRules']);
  for (const field of ['resourceRules', 'excludeResourceRules'] as const) {
    for (const [i, rule] of (match[field] ?? []).entries()) {
      const at = [...path, field, i];
      yield* validateRuleWithOperations(rule, at);
      const seen = new Set<string>();
      for (const [j, name] of (rule.resourceNames ?? []).entries()) {
        yield* required(name, [...at, 'resourceNames', j]);
        if (seen.has(name)) yield e.duplicate([...at, 'resourceNames', j], name);
        seen.add(name);
      }
    }
  }
}
