/** nodeSelector and node affinity: which nodes a pod may run on, and which it likes better. */
import type { NodeAffinity, NodeSelectorRequirement, NodeSelectorTerm } from '../schema/generated/index.ts';
import { type LabelRequirement, matchesLabels, requirementsOfLabels } from '../schema/index.ts';
import { Interned } from './intern.ts';

/** What selectors look at. */
export interface SelectableNode {
  name: string;
  labels: Readonly<Record<string, string>>;
}

interface Term {
  labels: readonly LabelRequirement[];
  fields: readonly NodeSelectorRequirement[];
}

/** What a pod requires of its node's labels and name. */
export interface NodeRequirement {
  /** Equal for pods that require the same. */
  readonly key: string;
  matches(node: SelectableNode): boolean;
  /** The only nodes that come into question, by name. */
  readonly names?: ReadonlySet<string>;
}

export interface NodePreference {
  weight: number;
  matches(node: SelectableNode): boolean;
}

const interned = new Interned<NodeRequirement>(256);

/** `undefined` when the pod may run on any node. */
export function nodeRequirement(
  nodeSelector: Readonly<Record<string, string>> | undefined,
  affinity: NodeAffinity | undefined,
): NodeRequirement | undefined {
  const required = affinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const equal = nodeSelector && Object.keys(nodeSelector).length > 0 ? requirementsOfLabels(nodeSelector) : undefined;
  if (!equal && !required) return undefined;
  const key = JSON.stringify([nodeSelector, required]);
  return interned.get(key, () => {
    const terms = required?.nodeSelectorTerms?.flatMap(compileTerm);
    const names = required && namesOf(required.nodeSelectorTerms ?? []);
    return {
      key,
      matches: (node) =>
        (!equal || matchesLabels(equal, node.labels)) && (!terms || terms.some((term) => matchesTerm(term, node))),
      ...(names && { names }),
    };
  });
}

export function nodePreferences(affinity: NodeAffinity | undefined): NodePreference[] {
  const preferred = affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  return preferred.flatMap(({ weight, preference }) =>
    compileTerm(preference).map((term) => ({ weight, matches: (node) => matchesTerm(term, node) })),
  );
}

/** An empty term matches nothing, and neither does one that cannot be understood. */
function compileTerm({ matchExpressions = [], matchFields = [] }: NodeSelectorTerm): Term[] {
  if (matchExpressions.length + matchFields.length === 0) return [];
  const isField = ({ operator, values = [] }: NodeSelectorRequirement): boolean =>
    (operator === 'In' || operator === 'NotIn') && values.length === 1;
  if (!matchFields.every(isField)) return [];
  const labels = matchExpressions.map(({ key, operator, values = [] }) => ({ key, operator, values }));
  return [{ labels, fields: matchFields }];
}

function matchesTerm({ labels, fields }: Term, node: SelectableNode): boolean {
  if (!matchesLabels(labels, node.labels)) return false;
  return fields.every(({ key, operator, values = [] }) => {
    const value = key === 'metadata.name' ? node.name : '';
    return (value === values[0]) === (operator === 'In');
  });
}

/** `undefined` when some term names no node. */
function namesOf(terms: readonly NodeSelectorTerm[]): Set<string> | undefined {
  const names = new Set<string>();
  for (const { matchFields = [] } of terms) {
    const lists = matchFields
      .filter(({ key, operator }) => key === 'metadata.name' && operator === 'In')
      .map(({ values = [] }) => new Set(values));
    const [first, ...others] = lists;
    if (!first) return undefined;
    for (const name of [...first].filter((one) => others.every((list) => list.has(one)))) names.add(name);
  }
  return terms.length > 0 ? names : undefined;
}
