import type { LabelRequirement } from '../object.ts';
import { checked, LabelSelectorError, parseInt64 } from './label-parser.ts';

/** meta/v1 LabelSelector as JSON. */
export interface LabelSelectorSpec {
  matchLabels?: Readonly<Record<string, string>>;
  matchExpressions?: readonly { key: string; operator: string; values?: readonly string[] }[];
}

/** Requirements that all must hold; `undefined` matches nothing. */
export type LabelRequirements = readonly LabelRequirement[] | undefined;

const expressionOperators = new Set<string>(['In', 'NotIn', 'Exists', 'DoesNotExist']);

/**
 * A LabelSelector as requirements, sorted by key (LabelSelectorAsSelector): an absent selector matches nothing, an empty
 * one everything. Throws LabelSelectorError.
 */
export function requirementsOfSelector(selector: LabelSelectorSpec | null | undefined): LabelRequirements {
  if (!selector) return undefined;
  const equalities = Object.entries(selector.matchLabels ?? {}).map(([key, value]) =>
    checked({ key, operator: 'In', values: [value] }),
  );
  const expressions = (selector.matchExpressions ?? []).map(({ key, operator, values = [] }) => {
    if (!expressionOperators.has(operator)) {
      throw new LabelSelectorError(`${JSON.stringify(operator)} is not a valid label selector operator`);
    }
    return checked({ key, operator: operator as LabelRequirement['operator'], values });
  });
  return [...equalities, ...expressions].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
}

/** A map of labels as requirements, unchecked: for selectors such as a Service's. An empty map matches everything. */
export const requirementsOfLabels = (labels: Readonly<Record<string, string>>): readonly LabelRequirement[] =>
  Object.entries(labels).map(([key, value]) => ({ key, operator: 'In', values: [value] }));

type Labels = Readonly<Record<string, string>>;

/** Whether `labels` fulfils every requirement. */
export function matchesLabels(requirements: LabelRequirements, labels: Labels | undefined): boolean {
  if (!requirements) return false;
  return requirements.every((requirement) => matchesRequirement(requirement, labels ?? {}));
}

function matchesRequirement({ key, operator, values }: LabelRequirement, labels: Labels): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
    case 'Lt':
      return value !== undefined && compares(operator, value, values[0]);
  }
}

function compares(operator: 'Gt' | 'Lt', text: string, limitText: string | undefined): boolean {
  const value = parseInt64(text);
  const limit = limitText === undefined ? undefined : parseInt64(limitText);
  if (value === undefined || limit === undefined) return false;
  return operator === 'Gt' ? value > limit : value < limit;
}

/** A LabelSelector in the syntax of query strings (`a=b,c in (d,e),!f`), as in Scale.status.selector. */
export function formatLabelSelector(selector: LabelSelectorSpec | null | undefined): string {
  const equalities = Object.entries(selector?.matchLabels ?? {}).map(([key, value]) => ({
    key,
    text: `${key}=${value}`,
  }));
  const expressions = (selector?.matchExpressions ?? []).map((expression) => ({
    key: expression.key,
    text: formatExpression(expression),
  }));
  const terms = [...equalities, ...expressions].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  return terms.map((term) => term.text).join(',');
}

function formatExpression(expression: { key: string; operator: string; values?: readonly string[] }): string {
  const list = [...(expression.values ?? [])].sort().join(',');
  switch (expression.operator) {
    case 'Exists':
      return expression.key;
    case 'DoesNotExist':
      return `!${expression.key}`;
    case 'NotIn':
      return `${expression.key} notin (${list})`;
    default:
      return `${expression.key} in (${list})`;
  }
}
