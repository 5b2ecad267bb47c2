// Rules of Jobs and of the Job template in a CronJob (pkg/apis/batch/validation).
import { type FieldError, type FieldPath, fieldError as e } from '../../kernel/status.ts';
import { validatePodTemplate } from '../core/pod/validation.ts';
import { immutable, matches, nonNegative, oneOf } from '../shared/check.ts';
import { matchesSelector, validateLabelSelector } from '../shared/labels.ts';
import { dnsLabel, dnsSubdomain, qualifiedName } from '../shared/names.ts';
import type { PodTemplateSpec } from '../typings/core.ts';
import type { Job, JobSpec, PodFailurePolicyRule } from '../typings/batch.ts';

const nonNegatives = [
  'parallelism',
  'completions',
  'activeDeadlineSeconds',
  'backoffLimit',
  'ttlSecondsAfterFinished',
  'backoffLimitPerIndex',
  'maxFailedIndexes',
] as const;
const maxIndexes = 100_000;

/** `needsSelector`: in a CronJob the selector is made when the Job is. */
export function* validateJobSpec(spec: JobSpec, path: FieldPath, needsSelector: boolean): Iterable<FieldError> {
  for (const field of nonNegatives) yield* nonNegative(spec[field], [...path, field]);
  if (spec.maxFailedIndexes !== undefined && spec.backoffLimitPerIndex === undefined) {
    yield e.required([...path, 'backoffLimitPerIndex'], 'when maxFailedIndexes is specified');
  }
  if (spec.managedBy !== undefined) yield* validateManagedBy(spec.managedBy, [...path, 'managedBy']);
  yield* validateIndexing(spec, path);
  yield* validateFailurePolicy(spec, [...path, 'podFailurePolicy', 'rules']);
  yield* validateSuccessPolicy(spec, [...path, 'successPolicy']);
  if (spec.podReplacementPolicy !== undefined) {
    const known = spec.podFailurePolicy ? ['Failed'] : ['Failed', 'TerminatingOrFailed'];
    yield* oneOf(spec.podReplacementPolicy, known, [...path, 'podReplacementPolicy'], false);
  }
  yield* validatePodTemplate(spec.template, [...path, 'template']);
  yield* validateRestartPolicy(spec, [...path, 'template', 'spec', 'restartPolicy']);
  if (needsSelector) yield* validateSelector(spec, path);
  else {
    if (spec.selector) yield e.invalid([...path, 'selector'], spec.selector, '`selector` will be auto-generated');
    if (spec.manualSelector) yield e.notSupported([...path, 'manualSelector'], spec.manualSelector, ['nil', 'false']);
  }
}

function* validateSelector(spec: JobSpec, path: FieldPath): Iterable<FieldError> {
  if (!spec.selector) yield e.required([...path, 'selector']);
  yield* validateLabelSelector(spec.selector, [...path, 'selector']);
  const labels = spec.template?.metadata?.labels;
  if (!spec.selector || !matchesSelector(spec.selector, labels)) {
    yield e.invalid(
      [...path, 'template', 'metadata', 'labels'],
      labels ?? null,
      '`selector` does not match template `labels`',
    );
  }
}

function* validateManagedBy(value: string, path: FieldPath): Iterable<FieldError> {
  const [host = '', rest = ''] = value.split('/', 2);
  if (!value) yield e.required(path);
  else if (!host || !rest) {
    yield e.invalid(path, value, 'must be a domain-prefixed path (such as "acme.io/foo")');
  } else yield* matches(dnsSubdomain, host, path);
  if (value.length > 63) yield e.tooLong(path, 63);
}

function* validateIndexing(spec: JobSpec, path: FieldPath): Iterable<FieldError> {
  const mode = spec.completionMode;
  if (mode !== undefined) yield* oneOf(mode, ['NonIndexed', 'Indexed'], [...path, 'completionMode'], false);
  if (mode !== 'Indexed') {
    for (const field of ['backoffLimitPerIndex', 'maxFailedIndexes'] as const) {
      if (spec[field] !== undefined) yield e.invalid([...path, field], spec[field], 'requires indexed completion mode');
    }
    return;
  }
  if (spec.completions === undefined) yield e.required([...path, 'completions'], 'when completion mode is Indexed');
  if ((spec.parallelism ?? 0) > maxIndexes) {
    const detail = `must be less than or equal to ${maxIndexes} when completion mode is Indexed`;
    yield e.invalid([...path, 'parallelism'], spec.parallelism, detail);
  }
  const failed = spec.maxFailedIndexes;
  if (failed === undefined) return;
  if (spec.completions !== undefined && failed > spec.completions) {
    yield e.invalid([...path, 'maxFailedIndexes'], failed, 'must be less than or equal to completions');
  }
  if (failed > maxIndexes) {
    yield e.invalid([...path, 'maxFailedIndexes'], failed, `must be less than or equal to ${maxIndexes}`);
  }
}

const actions = ['Count', 'FailIndex', 'FailJob', 'Ignore'];

function* validateFailurePolicy(spec: JobSpec, path: FieldPath): Iterable<FieldError> {
  const rules = spec.podFailurePolicy?.rules ?? [];
  if (rules.length > 20) yield e.tooMany(path, rules.length, 20);
  const pod = spec.template?.spec;
  const names = [...(pod?.containers ?? []), ...(pod?.initContainers ?? [])].map((one) => one.name ?? '');
  for (const [i, rule] of rules.entries()) {
    const at = [...path, i];
    if (!rule.action) yield e.required([...at, 'action'], `valid values: [${actions.map((a) => `"${a}"`).join(' ')}]`);
    else if (rule.action === 'FailIndex' && spec.backoffLimitPerIndex === undefined) {
      yield e.invalid([...at, 'action'], rule.action, 'requires the backoffLimitPerIndex to be set');
    } else yield* oneOf(rule.action, actions, [...at, 'action']);
    yield* validateFailureRule(rule, names, at);
  }
}

function* validateFailureRule(rule: PodFailurePolicyRule, names: string[], at: FieldPath): Iterable<FieldError> {
  const codes = rule.onExitCodes;
  const conditions = rule.onPodConditions ?? [];
  if (codes && conditions.length > 0) {
    yield invalidWithoutValue(at, 'specifying both OnExitCodes and OnPodConditions is not supported');
  }
  if (!codes && conditions.length === 0) {
    yield invalidWithoutValue(at, 'specifying one of OnExitCodes and OnPodConditions is required');
  }
  for (const [i, pattern] of conditions.entries()) {
    yield* matches(qualifiedName, pattern.type, [...at, 'onPodConditions', i, 'type']);
    yield* oneOf(pattern.status, ['False', 'True', 'Unknown'], [...at, 'onPodConditions', i, 'status']);
  }
  if (!codes) return;
  const path = [...at, 'onExitCodes'];
  if (!codes.operator) yield e.required([...path, 'operator'], 'valid values: ["In" "NotIn"]');
  else yield* oneOf(codes.operator, ['In', 'NotIn'], [...path, 'operator']);
  if (codes.containerName !== undefined && !names.includes(codes.containerName)) {
    const detail = 'must be one of the container or initContainer names in the pod template';
    yield e.invalid([...path, 'containerName'], codes.containerName, detail);
  }
  const values = codes.values ?? [];
  if (values.length === 0) yield e.invalid([...path, 'values'], codes.values ?? null, 'at least one value is required');
  if (values.length > 255) yield e.tooMany([...path, 'values'], values.length, 255);
  for (const [i, value] of values.entries()) {
    if (codes.operator === 'In' && value === 0) {
      yield e.invalid([...path, 'values', i], value, 'must not be 0 for the In operator');
    }
    if (values.indexOf(value) < i) yield e.duplicate([...path, 'values', i], value);
  }
  if (values.some((value, i) => (values[i - 1] ?? value) > value)) {
    yield e.invalid([...path, 'values'], values, 'must be ordered');
  }
}

const invalidWithoutValue = (path: FieldPath, detail: string): FieldError => ({
  ...e.invalid(path, '', detail),
  message: `Invalid value: ${detail}`,
});

function* validateSuccessPolicy(spec: JobSpec, path: FieldPath): Iterable<FieldError> {
  if (!spec.successPolicy) return;
  if (spec.completionMode !== 'Indexed') {
    const value = { Rules: spec.successPolicy.rules ?? [] };
    yield e.invalid(path, value, 'requires indexed completion mode');
    return;
  }
  const rules = spec.successPolicy.rules ?? [];
  const at = [...path, 'rules'];
  if (rules.length === 0) {
    yield e.required(at, 'at least one rules must be specified when the successPolicy is specified');
  }
  if (rules.length > 20) yield e.tooMany(at, rules.length, 20);
  for (const [i, rule] of rules.entries()) {
    const completions = spec.completions ?? 0;
    if (rule.succeededCount === undefined && rule.succeededIndexes === undefined) {
      yield e.required([...at, i], 'at least one of succeededCount or succeededIndexes must be specified');
    }
    if (rule.succeededIndexes !== undefined) {
      const problem = indexesProblem(rule.succeededIndexes, completions);
      if (problem) {
        const detail = `error parsing succeededIndexes: ${problem}`;
        yield e.invalid([...at, i, 'succeededIndexes'], rule.succeededIndexes, detail);
      }
    }
    yield* nonNegative(rule.succeededCount, [...at, i, 'succeededCount']);
    if ((rule.succeededCount ?? 0) > completions) {
      const detail = `must be less than or equal to ${completions} (the number of specified completions)`;
      yield e.invalid([...at, i, 'succeededCount'], rule.succeededCount, detail);
    }
  }
}

/** What is wrong with `0-2,5`, for a Job of `completions` indexes. */
export function indexesProblem(text: string, completions: number): string | undefined {
  if (!text) return undefined;
  let last = -1;
  for (const interval of text.split(',')) {
    const limits = interval.split('-');
    if (limits.length > 2) {
      const rule = "violates the requirement that an index interval can have at most two parts separated by '-'";
      return `the fragment ${JSON.stringify(interval)} ${rule}`;
    }
    for (const limit of limits) {
      if (!/^[+-]?\d+$/.test(limit)) return `cannot convert string to integer for index: ${JSON.stringify(limit)}`;
      if (Number(limit) >= completions) return `too large index: ${JSON.stringify(limit)}`;
    }
    const [first = 0, end = first] = limits.map(Number);
    if (limits.length > 1 && first >= end) return `non-increasing order, previous: ${first}, current: ${end}`;
    if (last >= first) return `non-increasing order, previous: ${last}, current: ${first}`;
    last = end;
  }
  return undefined;
}

function* validateRestartPolicy(spec: JobSpec, path: FieldPath): Iterable<FieldError> {
  const policy = spec.template?.spec?.restartPolicy ?? '';
  if (policy === 'Always' || policy === '') yield e.required(path, 'valid values: "OnFailure", "Never"');
  else if (policy !== 'OnFailure' && policy !== 'Never') yield e.notSupported(path, policy, ['OnFailure', 'Never']);
  else if (spec.podFailurePolicy && policy !== 'Never') {
    yield e.invalid(path, policy, 'only "Never" is supported when podFailurePolicy is specified');
  }
}

/** The generated selector and labels are there, and the last pod's host name is a DNS label. */
export function* validateOwnLabels(o: Job): Iterable<FieldError> {
  const spec = o.spec ?? {};
  const name = o.metadata.name ?? '';
  if (spec.completionMode === 'Indexed' && (spec.completions ?? 0) > 0) {
    const host = `${name}-${(spec.completions ?? 0) - 1}`;
    if (dnsLabel(host).length > 0) {
      yield e.invalid(['metadata', 'name'], name, `will not able to create pod with invalid DNS label: ${host}`);
    }
  }
  if (spec.manualSelector || !spec.selector) return;
  const expected: Record<string, string> = {
    'controller-uid': o.metadata.uid ?? '',
    'job-name': name,
    'batch.kubernetes.io/controller-uid': o.metadata.uid ?? '',
    'batch.kubernetes.io/job-name': name,
  };
  const labels = spec.template?.metadata?.labels ?? {};
  for (const [key, value] of Object.entries(expected)) {
    const at = ['spec', 'template', 'metadata', 'labels'];
    if (labels[key] === undefined) yield e.required([...at, { key }], `must be '${value}'`);
    else if (labels[key] !== value) yield e.invalid([...at, { key }], labels[key], `must be '${value}'`);
  }
  if (!matchesSelector(spec.selector, expected)) {
    yield e.invalid(['spec', 'selector'], spec.selector, '`selector` not auto-generated');
  }
}

export function* validateJobUpdate(next: Job, previous: Job): Iterable<FieldError> {
  const spec = next.spec ?? {};
  const before = previous.spec ?? {};
  const elastic =
    spec.completionMode === 'Indexed' &&
    spec.completions === spec.parallelism &&
    before.completions === before.parallelism;
  if (!elastic) yield* immutable(spec.completions, before.completions, ['spec', 'completions']);
  yield* immutable(spec.selector, before.selector, ['spec', 'selector']);
  const expected = mutableParts(spec.template, before.template, previous);
  if (!before.suspend) yield* immutable(spec.template, expected, ['spec', 'template']);
  else yield* immutable(spec.template?.spec, expected?.spec, ['spec', 'template', 'spec']);
  for (const field of [
    'completionMode',
    'podFailurePolicy',
    'backoffLimitPerIndex',
    'managedBy',
    'successPolicy',
  ] as const) {
    yield* immutable(spec[field], before[field], ['spec', field]);
  }
}

/** A suspended Job that has not started may be told where to run and what it gets. */
function mutableParts(
  next: PodTemplateSpec | undefined,
  before: PodTemplateSpec | undefined,
  previous: Job,
): PodTemplateSpec | undefined {
  const suspended = previous.spec?.suspend === true;
  if (!suspended || !before || !next) return before;
  const own = next.spec ?? {};
  const merged = structuredClone(before);
  merged.spec ??= {};
  const spec = merged.spec;
  for (const list of ['containers', 'initContainers'] as const) {
    for (const [i, container] of (spec[list] ?? []).entries()) {
      const resources = own[list]?.[i]?.resources;
      if (resources) container.resources = resources;
      else delete container.resources;
    }
  }
  if (previous.status?.startTime) return merged;
  const directives = (({ nodeSelector, tolerations, schedulingGates }) => ({
    nodeSelector,
    tolerations,
    schedulingGates,
  }))(own);
  Object.assign(spec, directives);
  const affinity = { ...spec.affinity, ...(own.affinity?.nodeAffinity && { nodeAffinity: own.affinity.nodeAffinity }) };
  if (!own.affinity?.nodeAffinity) delete affinity.nodeAffinity;
  if (Object.keys(affinity).length > 0) spec.affinity = affinity;
  else delete spec.affinity;
  merged.metadata = { ...merged.metadata, ...next.metadata };
  return merged;
}
