// Warning headers for pods and pod templates (pkg/api/pod/warnings.go).
import { type FieldPath, formatPath } from '../../../kernel/status.ts';
import type { KubeObject } from '../../../schema/object.ts';
import { ipWarnings } from '../../shared/ip.ts';
import { dnsLabel, labelValue } from '../../shared/names.ts';
import { isQuantity, nanos } from '../../shared/quantity.ts';
import type { Container, NodeSelectorTerm, PodAffinityTerm, PodSpec, PodTemplateSpec } from '../../typings/core.ts';
import { portWarnings } from './port-warnings.ts';

/** Names that make surprising host names. `where` completes "this is used in …". */
export function* podNameWarning(name: string, where: string): Iterable<string> {
  const messages = dnsLabel(name);
  if (name && messages.length > 0) {
    yield `metadata.name: this is used in ${where}, which can result in surprising behavior; a DNS label is recommended: [${messages.join(' ')}]`;
  }
}

export const workloadNameWarning = (name: string): Iterable<string> => podNameWarning(name, 'Pod names and hostnames');

const deprecatedVolumes: Readonly<Record<string, string>> = {
  gitRepo: 'gitRepo: deprecated in v1.11, and disabled by default in v1.33+',
  scaleIO: 'scaleIO: deprecated in v1.16, non-functional in v1.22+',
  flocker: 'flocker: deprecated in v1.22, non-functional in v1.25+',
  storageos: 'storageOS: deprecated in v1.22, non-functional in v1.25+',
  quobyte: 'quobyte: deprecated in v1.22, non-functional in v1.25+',
  glusterfs: 'glusterfs: deprecated in v1.25, non-functional in v1.26+',
  cephfs: 'cephfs: deprecated in v1.28, non-functional in v1.31+',
  rbd: 'rbd: deprecated in v1.28, non-functional in v1.31+',
  photonPersistentDisk: 'photonPersistentDisk: deprecated in v1.11, non-functional in v1.16+',
};

const deprecatedNodeLabels: Readonly<Record<string, string>> = {
  'beta.kubernetes.io/arch': 'deprecated since v1.14; use "kubernetes.io/arch" instead',
  'beta.kubernetes.io/os': 'deprecated since v1.14; use "kubernetes.io/os" instead',
  'failure-domain.beta.kubernetes.io/region': 'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
  'failure-domain.beta.kubernetes.io/zone': 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
  'beta.kubernetes.io/instance-type': 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
};

const sysctlsText = 'non-functional in v1.11+; use the "sysctls" field instead';
const deprecatedAnnotations: Readonly<Record<string, string>> = {
  'scheduler.alpha.kubernetes.io/critical-pod': 'non-functional in v1.16+; use the "priorityClassName" field instead',
  'security.alpha.kubernetes.io/sysctls': sysctlsText,
  'security.alpha.kubernetes.io/unsafe-sysctls': sysctlsText,
};
const seccompAnnotation = 'seccomp.security.alpha.kubernetes.io/pod';
const containerSeccompPrefix = 'container.seccomp.security.alpha.kubernetes.io/';
const containerAppArmorPrefix = 'container.apparmor.security.beta.kubernetes.io/';

const warning = (path: FieldPath, text: string): string => `${formatPath(path)}: ${text}`;

/** Of a workload's template: when it is made, and when the spec has changed. */
export function* templateWarnings(
  next: KubeObject,
  previous: KubeObject | undefined,
  template: PodTemplateSpec | undefined,
  path: FieldPath,
): Iterable<string> {
  if (previous && previous.metadata.generation === next.metadata.generation) return;
  yield* podWarnings(template ?? {}, path);
}

/** Of a pod (empty path) or a template. */
export function* podWarnings(pod: PodTemplateSpec, path: FieldPath): Iterable<string> {
  const spec = pod.spec ?? {};
  const at = [...path, 'spec'];
  yield* nodeLabelWarnings(spec, at);
  yield* annotationWarnings(pod, path);
  yield* volumeWarnings(spec, at);
  yield* repeatedWarnings(spec, at);
  yield* fractionalBytes(spec.overhead, [...at, 'overhead']);
  for (const [container, where] of containersOf(spec, at)) yield* containerWarnings(container, where);
  yield* portWarnings(containersOf(spec, at));
  if ((spec.terminationGracePeriodSeconds ?? 0) < 0) {
    const text = 'must be >= 0; negative values are invalid and will be treated as 1';
    yield warning([...at, 'terminationGracePeriodSeconds'], text);
  }
  yield* selectorWarnings(spec, at);
  for (const [i, server] of (spec.dnsConfig?.nameservers ?? []).entries()) {
    yield* ipWarnings(server, [...at, 'dnsConfig', 'nameservers', i]);
  }
  for (const [i, alias] of (spec.hostAliases ?? []).entries()) {
    yield* ipWarnings(alias.ip ?? '', [...at, 'hostAliases', i, 'ip']);
  }
}

function containersOf(spec: PodSpec, path: FieldPath): [Container, FieldPath][] {
  const lists = ['initContainers', 'containers', 'ephemeralContainers'] as const;
  return lists.flatMap((list) => (spec[list] ?? []).map((one, i): [Container, FieldPath] => [one, [...path, list, i]]));
}

function* nodeLabelWarnings(spec: PodSpec, path: FieldPath): Iterable<string> {
  for (const key of Object.keys(spec.nodeSelector ?? {})) {
    const text = deprecatedNodeLabels[key];
    if (text) yield warning([...path, 'nodeSelector', { key }], text);
  }
  const affinity = spec.affinity?.nodeAffinity;
  const at = [...path, 'affinity', 'nodeAffinity'];
  const required = 'requiredDuringSchedulingIgnoredDuringExecution';
  for (const [i, term] of (affinity?.[required]?.nodeSelectorTerms ?? []).entries()) {
    yield* termWarnings(term, false, [...at, required, 'nodeSelectorTerms', i]);
  }
  const preferred = 'preferredDuringSchedulingIgnoredDuringExecution';
  for (const [i, { preference }] of (affinity?.[preferred] ?? []).entries()) {
    yield* termWarnings(preference ?? {}, true, [...at, preferred, i, 'preference']);
  }
  for (const [i, constraint] of (spec.topologySpreadConstraints ?? []).entries()) {
    const key = constraint.topologyKey ?? '';
    const text = deprecatedNodeLabels[key];
    if (text) yield warning([...path, 'topologySpreadConstraints', i, 'topologyKey'], `${key} is ${text}`);
  }
}

function* termWarnings(term: NodeSelectorTerm, checkValues: boolean, path: FieldPath): Iterable<string> {
  for (const [i, { key = '', values = [] }] of (term.matchExpressions ?? []).entries()) {
    const at = [...path, 'matchExpressions', i];
    const text = deprecatedNodeLabels[key];
    if (text) yield warning([...at, 'key'], `${key} is ${text}`);
    for (const [j, value] of values.entries()) {
      if (!checkValues) continue;
      for (const message of labelValue(value)) yield warning([...at, 'values', j], `${value} is invalid, ${message}`);
    }
  }
}

function* annotationWarnings(pod: PodTemplateSpec, path: FieldPath): Iterable<string> {
  const annotations = pod.metadata?.annotations ?? {};
  const spec = pod.spec ?? {};
  const at = (key: string): FieldPath => [...path, 'metadata', 'annotations', { key }];
  for (const [key, text] of Object.entries(deprecatedAnnotations)) {
    if (annotations[key] !== undefined) yield warning(at(key), text);
  }
  const seccompText = 'non-functional in v1.27+; use the "seccompProfile" field instead';
  if (!spec.securityContext?.seccompProfile && annotations[seccompAnnotation] !== undefined) {
    yield warning(at(seccompAnnotation), seccompText);
  }
  for (const [container] of containersOf(spec, path)) {
    const context = container.securityContext;
    const seccompKey = `${containerSeccompPrefix}${container.name ?? ''}`;
    if (!context?.seccompProfile && annotations[seccompKey] !== undefined) yield warning(at(seccompKey), seccompText);
    const appArmorKey = `${containerAppArmorPrefix}${container.name ?? ''}`;
    const hasField = context?.appArmorProfile ?? spec.securityContext?.appArmorProfile;
    if (path.length > 0 && !hasField && annotations[appArmorKey] !== undefined) {
      yield warning(at(appArmorKey), 'deprecated since v1.30; use the "appArmorProfile" field instead');
    }
  }
}

function* volumeWarnings(spec: PodSpec, path: FieldPath): Iterable<string> {
  for (const [i, volume] of (spec.volumes ?? []).entries()) {
    for (const key of Object.keys(volume)) {
      const text = deprecatedVolumes[key];
      if (text) yield `${formatPath([...path, 'volumes', i])}.${text}`;
    }
  }
}

function* repeatedWarnings(spec: PodSpec, path: FieldPath): Iterable<string> {
  yield* repeated(spec.hostAliases ?? [], 'ip', [...path, 'hostAliases']);
  yield* repeated(spec.imagePullSecrets ?? [], 'name', [...path, 'imagePullSecrets']);
  for (const [i, { name }] of (spec.imagePullSecrets ?? []).entries()) {
    if (!name) yield warning([...path, 'imagePullSecrets', i, 'name'], 'invalid empty name ""');
  }
}

function* repeated<K extends string>(
  items: readonly { [key in K]?: string }[],
  key: K,
  path: FieldPath,
): Iterable<string> {
  const seen = new Set<string>();
  for (const [i, item] of items.entries()) {
    const value = item[key] ?? '';
    if (seen.has(value)) yield warning([...path, i, key], `duplicate ${key} ${JSON.stringify(value)}`);
    seen.add(value);
  }
}

function* containerWarnings(container: Container, path: FieldPath): Iterable<string> {
  yield* fractionalBytes(container.resources?.limits, [...path, 'resources', 'limits']);
  yield* fractionalBytes(container.resources?.requests, [...path, 'resources', 'requests']);
  const seen = new Set<string>();
  for (const [i, { name = '', value = '', valueFrom }] of (container.env ?? []).entries()) {
    const reference = `$(${name})`;
    const isLost = valueFrom !== undefined || value === reference || !value.includes(reference);
    if (seen.has(name) && isLost) {
      const text = `hides previous definition of ${JSON.stringify(name)}, which may be dropped when using apply`;
      yield warning([...path, 'env', i], text);
    }
    seen.add(name);
  }
}

function* fractionalBytes(list: Readonly<Record<string, string>> | undefined, path: FieldPath): Iterable<string> {
  for (const key of ['memory', 'ephemeral-storage']) {
    const value = list?.[key];
    if (value === undefined || !isQuantity(value) || nanos(value) % 1_000_000_000n === 0n) continue;
    yield warning([...path, { key }], `fractional byte value ${JSON.stringify(value)} is invalid, must be an integer`);
  }
}

const matchesNothing = 'a null labelSelector results in matching no pod';

/** Selectors that were forgotten. */
function* selectorWarnings(spec: PodSpec, path: FieldPath): Iterable<string> {
  const check = (term: PodAffinityTerm | undefined, at: FieldPath): string[] =>
    term?.labelSelector ? [] : [warning([...at, 'labelSelector'], matchesNothing)];
  for (const [i, constraint] of (spec.topologySpreadConstraints ?? []).entries()) {
    yield* check(constraint, [...path, 'topologySpreadConstraints', i]);
  }
  for (const kind of ['podAffinity', 'podAntiAffinity'] as const) {
    const affinity = spec.affinity?.[kind];
    const required = 'requiredDuringSchedulingIgnoredDuringExecution';
    for (const [i, term] of (affinity?.[required] ?? []).entries()) {
      yield* check(term, [...path, 'affinity', kind, required, i]);
    }
    const preferred = 'preferredDuringSchedulingIgnoredDuringExecution';
    for (const [i, { podAffinityTerm }] of (affinity?.[preferred] ?? []).entries()) {
      yield* check(podAffinityTerm, [...path, 'affinity', kind, preferred, i, 'podAffinityTerm']);
    }
  }
}
