// Where a pod may run: selectors, affinity, tolerations, spreading.
import { type FieldError, type FieldPath, fieldError as e } from '../../../kernel/status.ts';
import { matches, oneOf, positive, required } from '../../shared/check.ts';
import { validateLabelName, validateLabelSelector } from '../../shared/labels.ts';
import { dnsLabel, dnsSubdomain, labelValue } from '../../shared/names.ts';
import type {
  Affinity,
  NodeSelector,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  PodAffinityTerm,
  PodAntiAffinity,
  Toleration,
  TopologySpreadConstraint,
} from '../../typings/core.ts';
import type { LabelSelector } from '../../typings/meta.ts';

export function* validateAffinity(affinity: Affinity | undefined, path: FieldPath): Iterable<FieldError> {
  const node = affinity?.nodeAffinity;
  const at = [...path, 'nodeAffinity'];
  if (node?.requiredDuringSchedulingIgnoredDuringExecution) {
    yield* validateNodeSelector(node.requiredDuringSchedulingIgnoredDuringExecution, [
      ...at,
      'requiredDuringSchedulingIgnoredDuringExecution',
    ]);
  }
  for (const [i, term] of (node?.preferredDuringSchedulingIgnoredDuringExecution ?? []).entries()) {
    const here = [...at, 'preferredDuringSchedulingIgnoredDuringExecution', i];
    yield* validateWeight(term.weight, here);
    yield* validateNodeSelectorTerm(term.preference ?? {}, true, [...here, 'preference']);
  }
  yield* validatePodAffinity(affinity?.podAffinity, [...path, 'podAffinity']);
  yield* validatePodAffinity(affinity?.podAntiAffinity, [...path, 'podAntiAffinity']);
}

function* validateWeight(weight: number | undefined, path: FieldPath): Iterable<FieldError> {
  if (!weight || weight < 0 || weight > 100) {
    yield e.invalid([...path, 'weight'], weight ?? 0, 'must be in the range 1-100');
  }
}

function* validatePodAffinity(affinity: PodAntiAffinity | undefined, path: FieldPath): Iterable<FieldError> {
  for (const [i, term] of (affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).entries()) {
    yield* validateAffinityTerm(term, [...path, 'requiredDuringSchedulingIgnoredDuringExecution', i]);
  }
  for (const [i, weighted] of (affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).entries()) {
    const here = [...path, 'preferredDuringSchedulingIgnoredDuringExecution', i];
    yield* validateWeight(weighted.weight, here);
    yield* validateAffinityTerm(weighted.podAffinityTerm ?? {}, [...here, 'podAffinityTerm']);
  }
}

function* validateAffinityTerm(term: PodAffinityTerm, path: FieldPath): Iterable<FieldError> {
  yield* validateLabelSelector(term.labelSelector, [...path, 'labelSelector']);
  yield* validateLabelSelector(term.namespaceSelector, [...path, 'namespaceSelector']);
  for (const name of term.namespaces ?? []) yield* matches(dnsLabel, name, [...path, 'namespace']);
  yield* validateLabelKeys(term.matchLabelKeys, term.mismatchLabelKeys, term.labelSelector, path);
  yield* required(term.topologyKey, [...path, 'topologyKey'], 'can not be empty');
  yield* validateLabelName(term.topologyKey ?? '', [...path, 'topologyKey']);
}

function* validateLabelKeys(
  matchKeys: readonly string[] | undefined,
  mismatchKeys: readonly string[] | undefined,
  selector: LabelSelector | undefined,
  path: FieldPath,
): Iterable<FieldError> {
  for (const [keys, field] of [
    [matchKeys ?? [], 'matchLabelKeys'],
    [mismatchKeys ?? [], 'mismatchLabelKeys'],
  ] as const) {
    if (keys.length > 0 && !selector) {
      yield e.forbidden([...path, field], 'must not be specified when labelSelector is not set');
    }
    for (const [i, key] of keys.entries()) yield* validateLabelName(key, [...path, field, i]);
  }
  // The server merged each key into the selector once; a second mention came from the user.
  const seen = new Set(Object.keys(selector?.matchLabels ?? {}));
  for (const { key = '' } of selector?.matchExpressions ?? []) {
    const i = (matchKeys ?? []).indexOf(key);
    if (i >= 0 && seen.has(key)) {
      yield e.invalid([...path, i], key, 'exists in both matchLabelKeys and labelSelector');
    }
    seen.add(key);
  }
  for (const [i, key] of (matchKeys ?? []).entries()) {
    if (mismatchKeys?.includes(key)) {
      yield e.invalid([...path, 'matchLabelKeys', i], key, 'exists in both matchLabelKeys and mismatchLabelKeys');
    }
  }
}

export function* validateNodeSelector(selector: NodeSelector, path: FieldPath): Iterable<FieldError> {
  const terms = selector.nodeSelectorTerms ?? [];
  if (terms.length === 0) {
    yield e.required([...path, 'nodeSelectorTerms'], 'must have at least one node selector term');
  }
  for (const [i, term] of terms.entries()) {
    yield* validateNodeSelectorTerm(term, false, [...path, 'nodeSelectorTerms', i]);
  }
}

function* validateNodeSelectorTerm(term: NodeSelectorTerm, anyValue: boolean, path: FieldPath): Iterable<FieldError> {
  for (const [i, requirement] of (term.matchExpressions ?? []).entries()) {
    yield* validateNodeRequirement(requirement, anyValue, [...path, 'matchExpressions', i]);
  }
  for (const [i, requirement] of (term.matchFields ?? []).entries()) {
    yield* validateNodeField(requirement, [...path, 'matchFields', i]);
  }
}

function* validateNodeRequirement(
  requirement: NodeSelectorRequirement,
  anyValue: boolean,
  path: FieldPath,
): Iterable<FieldError> {
  const values = requirement.values ?? [];
  const at = [...path, 'values'];
  switch (requirement.operator) {
    case 'In':
    case 'NotIn':
      if (values.length === 0) yield e.required(at, "must be specified when `operator` is 'In' or 'NotIn'");
      break;
    case 'Exists':
    case 'DoesNotExist':
      if (values.length > 0) {
        yield e.forbidden(at, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
      }
      break;
    case 'Gt':
    case 'Lt':
      if (values.length !== 1) {
        yield e.required(at, "must be specified single value when `operator` is 'Lt' or 'Gt'");
      }
      break;
    default:
      yield e.invalid([...path, 'operator'], requirement.operator ?? '', 'not a valid selector operator');
  }
  yield* validateLabelName(requirement.key ?? '', [...path, 'key']);
  if (anyValue) return;
  for (const [i, value] of values.entries()) yield* matches(labelValue, value, [...at, i]);
}

function* validateNodeField(requirement: NodeSelectorRequirement, path: FieldPath): Iterable<FieldError> {
  const values = requirement.values ?? [];
  if (requirement.operator !== 'In' && requirement.operator !== 'NotIn') {
    yield e.invalid([...path, 'operator'], requirement.operator ?? '', 'not a valid selector operator');
  } else if (values.length !== 1) {
    yield e.required(
      [...path, 'values'],
      "must be only one value when `operator` is 'In' or 'NotIn' for node field selector",
    );
  }
  if (requirement.key !== 'metadata.name') {
    yield e.invalid([...path, 'key'], requirement.key ?? '', 'not a valid field selector key');
    return;
  }
  for (const [i, value] of values.entries()) yield* matches(dnsSubdomain, value, [...path, 'values', i]);
}

export const taintEffects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];

export function* validateTolerations(
  tolerations: readonly Toleration[] | undefined,
  path: FieldPath,
): Iterable<FieldError> {
  for (const [i, toleration] of (tolerations ?? []).entries()) {
    const at = [...path, i];
    const { key, operator, value = '', effect, tolerationSeconds } = toleration;
    if (key) yield* validateLabelName(key, [...at, 'key']);
    if (!key && operator !== 'Exists') {
      yield e.invalid(
        [...at, 'operator'],
        operator ?? '',
        'operator must be Exists when `key` is empty, which means "match all values and all keys"',
      );
    }
    if (tolerationSeconds !== undefined && effect !== 'NoExecute') {
      yield e.invalid([...at, 'effect'], effect ?? '', "effect must be 'NoExecute' when `tolerationSeconds` is set");
    }
    if (!operator || operator === 'Equal') {
      const messages = labelValue(value);
      if (messages.length > 0) yield e.invalid([...at, 'operator'], value, messages.join(';'));
    } else if (operator === 'Exists') {
      if (value) yield e.invalid([...at, 'operator'], value, "value must be empty when `operator` is 'Exists'");
    } else {
      const comparison = operator === 'Lt' || operator === 'Gt';
      yield e.notSupported(
        [...at, 'operator'],
        operator,
        comparison ? ['Equal', 'Exists', 'Lt', 'Gt'] : ['Equal', 'Exists'],
      );
    }
    if (effect) yield* oneOf(effect, taintEffects, [...at, 'effect']);
  }
}

export function* validateSpreadConstraints(
  constraints: readonly TopologySpreadConstraint[] | undefined,
  path: FieldPath,
): Iterable<FieldError> {
  for (const [i, constraint] of (constraints ?? []).entries()) {
    const at = [...path, i];
    const action = constraint.whenUnsatisfiable ?? '';
    yield* positive(constraint.maxSkew ?? 0, [...at, 'maxSkew']);
    yield* required(constraint.topologyKey, [...at, 'topologyKey'], 'can not be empty');
    yield* oneOf(action, ['DoNotSchedule', 'ScheduleAnyway'], [...at, 'whenUnsatisfiable'], false);
    const repeated = constraints
      ?.slice(i + 1)
      .some((other) => other.topologyKey === constraint.topologyKey && other.whenUnsatisfiable === action);
    if (repeated) {
      yield e.duplicate([...at, '{topologyKey, whenUnsatisfiable}'], `{${constraint.topologyKey}, ${action}}`);
    }
    if (constraint.minDomains !== undefined) {
      yield* positive(constraint.minDomains, [...at, 'minDomains']);
      if (action !== 'DoNotSchedule') {
        yield e.invalid(
          [...at, 'minDomains'],
          constraint.minDomains,
          `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${action}`,
        );
      }
    }
    for (const field of ['nodeAffinityPolicy', 'nodeTaintsPolicy'] as const) {
      const policy = constraint[field];
      if (policy !== undefined) yield* oneOf(policy, ['Honor', 'Ignore'], [...at, field], false);
    }
    yield* validateLabelKeys(constraint.matchLabelKeys, undefined, constraint.labelSelector, at);
    yield* validateLabelSelector(constraint.labelSelector, [...at, 'labelSelector']);
  }
}
