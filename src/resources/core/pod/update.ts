// What of a pod may change, and through which subresource.
import { type FieldError, fieldError as e } from '../../../kernel/status.ts';
import { validatePod } from './validation.ts';
import { immutable, matches, nonNegative } from '../../shared/check.ts';
import { sameResourceList, semanticEqual } from '../../shared/equal.ts';
import { isDualStackPair, validIP } from '../../shared/ip.ts';
import { dnsSubdomain, qualifiedName, rangeMessage } from '../../shared/names.ts';
import type {
  Container,
  ContainerStatus,
  NodeAffinity,
  Pod,
  PodSpec,
  ResourceRequirements,
  Toleration,
} from '../../typings/core.ts';
import { isSidecar, qosClass } from './resources.ts';

const updatable = [
  '`spec.containers[*].image`',
  '`spec.initContainers[*].image`',
  '`spec.activeDeadlineSeconds`',
  '`spec.tolerations` (only additions to existing tolerations)',
  '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
].join(',');

const mirrorPod = 'kubernetes.io/config.mirror';

export function* validatePodUpdate(next: Pod, previous: Pod): Iterable<FieldError> {
  yield* validateMirrorAnnotation(next, previous);
  const spec = next.spec ?? {};
  const before = previous.spec ?? {};
  for (const field of ['containers', 'initContainers'] as const) {
    if ((spec[field] ?? []).length !== (before[field] ?? []).length) {
      yield e.forbidden(['spec', field], 'pod updates may not add or remove containers');
      return;
    }
  }
  const deadlineErrors = [...validateDeadline(spec, before)];
  yield* deadlineErrors;
  if (deadlineErrors.length > 0 && spec.activeDeadlineSeconds !== undefined) return;
  yield* validateAddedTolerations(spec.tolerations ?? [], before.tolerations ?? []);
  yield* validateRemovedGates(spec, before);
  yield* validateRest(spec, before);
}

function* validateMirrorAnnotation(next: Pod, previous: Pod): Iterable<FieldError> {
  const value = next.metadata.annotations?.[mirrorPod];
  const before = previous.metadata.annotations?.[mirrorPod];
  if (value === before) return;
  const at = ['metadata', 'annotations', { key: mirrorPod }];
  if (before === undefined) yield e.forbidden(at, 'may not add mirror pod annotation');
  else yield e.forbidden(at, 'may not remove or update mirror pod annotation');
}

function* validateDeadline(spec: PodSpec, before: PodSpec): Iterable<FieldError> {
  const at = ['spec', 'activeDeadlineSeconds'];
  const value = spec.activeDeadlineSeconds;
  if (value === undefined) {
    if (before.activeDeadlineSeconds !== undefined) {
      yield e.invalid(at, undefined, 'must not update from a positive integer to nil value');
    }
  } else if (value < 0 || value > 2147483647) yield e.invalid(at, value, rangeMessage(0, 2147483647));
  else if (before.activeDeadlineSeconds !== undefined && before.activeDeadlineSeconds < value) {
    yield e.invalid(at, value, 'must be less than or equal to previous value');
  }
}

function* validateAddedTolerations(next: readonly Toleration[], before: readonly Toleration[]): Iterable<FieldError> {
  const bare = ({ tolerationSeconds: _, ...rest }: Toleration): object => rest;
  const kept = before.every((old) => next.some((one) => semanticEqual(bare(old), bare(one))));
  if (!kept) {
    yield e.forbidden(['spec', 'tolerations'], 'existing toleration can not be modified except its tolerationSeconds');
  }
}

function* validateRemovedGates(spec: PodSpec, before: PodSpec): Iterable<FieldError> {
  const known = new Set((before.schedulingGates ?? []).map((gate) => gate.name));
  for (const [i, gate] of (spec.schedulingGates ?? []).entries()) {
    if (!known.has(gate.name)) {
      const detail = `only deletion is allowed, but found new scheduling gate '${gate.name}'`;
      yield e.forbidden(['spec', 'schedulingGates', i, 'name'], detail);
    }
  }
}

/** Everything that may change is set back; what still differs is refused. */
function* validateRest(spec: PodSpec, before: PodSpec): Iterable<FieldError> {
  const munged: PodSpec = {
    ...spec,
    ...mungedContainers(spec, before),
    activeDeadlineSeconds: before.activeDeadlineSeconds as number,
    schedulingGates: before.schedulingGates ?? [],
    tolerations: before.tolerations ?? [],
  };
  if ((before.terminationGracePeriodSeconds ?? 0) < 0 && spec.terminationGracePeriodSeconds === 1) {
    munged.terminationGracePeriodSeconds = before.terminationGracePeriodSeconds as number;
  }
  if ((before.schedulingGates ?? []).length > 0) yield* validateGatedPod(munged, before);
  if (!semanticEqual(munged, before)) {
    const fields = differingFields(munged, before);
    yield e.forbidden(
      ['spec'],
      `pod updates may not change fields other than ${updatable}\n${fields.map((field) => `  ${field}`).join('\n')}`,
    );
  }
}

function mungedContainers(spec: PodSpec, before: PodSpec): Partial<PodSpec> {
  const withImage = (containers: Container[] | undefined, old: Container[] | undefined): Container[] =>
    (containers ?? []).map((container, i) => ({ ...container, image: old?.[i]?.image ?? '' }));
  return {
    containers: withImage(spec.containers, before.containers),
    initContainers: withImage(spec.initContainers, before.initContainers),
  };
}

const differingFields = (a: object, b: object): string[] => {
  const left = a as Record<string, unknown>;
  const right = b as Record<string, unknown>;
  return [...new Set([...Object.keys(left), ...Object.keys(right)])]
    .filter((key) => !semanticEqual(left[key], right[key], key))
    .sort();
};

/** A pod that waits at its gates may have its node choice narrowed. */
function* validateGatedPod(munged: PodSpec, before: PodSpec): Iterable<FieldError> {
  const selector = munged.nodeSelector ?? {};
  for (const [key, value] of Object.entries(before.nodeSelector ?? {})) {
    if (selector[key] !== value) {
      yield e.invalid(
        ['spec', 'nodeSelector'],
        selector,
        'only additions to spec.nodeSelector are allowed (no mutations or deletions)',
      );
      break;
    }
  }
  munged.nodeSelector = before.nodeSelector ?? {};
  const next = munged.affinity?.nodeAffinity;
  const old = before.affinity?.nodeAffinity;
  if (semanticEqual(next, old)) return;
  yield* validateNodeAffinityNarrowed(next, old);
  const { nodeAffinity: _, ...others } = munged.affinity ?? {};
  const affinity = old ? { ...others, nodeAffinity: old } : others;
  if (Object.keys(affinity).length > 0 || before.affinity) munged.affinity = affinity;
  else delete munged.affinity;
}

function* validateNodeAffinityNarrowed(
  next: NodeAffinity | undefined,
  old: NodeAffinity | undefined,
): Iterable<FieldError> {
  const at = [
    'spec',
    'affinity',
    'nodeAffinity',
    'requiredDuringSchedulingIgnoredDuringExecution',
    'nodeSelectorTerms',
  ];
  const oldTerms = old?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  if (oldTerms.length === 0) return;
  const terms = next?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  if (terms.length !== oldTerms.length) {
    yield e.invalid(at, terms, 'no additions/deletions to non-empty NodeSelectorTerms list are allowed');
    return;
  }
  for (const [i, oldTerm] of oldTerms.entries()) {
    const kept = (['matchExpressions', 'matchFields'] as const).every((field) =>
      (oldTerm[field] ?? []).every((one, j) => semanticEqual(one, terms[i]?.[field]?.[j])),
    );
    const emptied = (oldTerm.matchExpressions ?? []).length === 0 && (oldTerm.matchFields ?? []).length === 0;
    if (!kept || (emptied && !semanticEqual(oldTerm, terms[i]))) {
      yield e.invalid([...at, i], terms[i], 'only additions are allowed (no mutations or deletions)');
    }
  }
}

export function* validateStatusUpdate(next: Pod, previous: Pod): Iterable<FieldError> {
  const status = next.status ?? {};
  yield* validateMirrorAnnotation(next, previous);
  for (const [i, condition] of (status.conditions ?? []).entries()) {
    const at = ['status', 'conditions', i];
    if ((condition.observedGeneration ?? 0) < 0) {
      yield e.invalid([...at, 'observedGeneration'], condition.observedGeneration, 'must be a non-negative integer');
    }
    if (!['PodScheduled', 'Ready', 'Initialized'].includes(condition.type ?? '')) {
      yield* matches(qualifiedName, condition.type, [...at, 'Type']);
    }
  }
  const nominated = status.nominatedNodeName;
  if (nominated && nominated !== previous.status?.nominatedNodeName) {
    yield* matches(dnsSubdomain, nominated, ['status', 'nominatedNodeName']);
  }
  yield* nonNegative(status.observedGeneration, ['status', 'observedGeneration']);
  yield* immutable(status.qosClass, previous.status?.qosClass, ['status', 'qosClass']);
  yield* validateContainerTransitions(next, previous);
  yield* validateAddresses(status.podIPs, ['status', 'podIPs']);
  if ((status.hostIPs ?? []).length > 0) {
    const first = status.hostIPs?.[0]?.ip;
    if (first !== status.hostIP) yield e.invalid(['status', 'hostIPs', 0, 'ip'], first, 'must be equal to `hostIP`');
    yield* validateAddresses(status.hostIPs, ['status', 'hostIPs']);
  }
}

function* validateAddresses(ips: { ip?: string }[] | undefined, path: string[]): Iterable<FieldError> {
  const addresses = (ips ?? []).map((one) => one.ip ?? '');
  for (const [i, address] of addresses.entries()) yield* validIP(address, [...path, i]);
  if (addresses.length > 1 && !isDualStackPair(addresses)) {
    yield e.invalid(path, ips, 'may specify no more than one IP for each IP family');
  }
}

/** A container that has ended for good stays ended. */
function* validateContainerTransitions(next: Pod, previous: Pod): Iterable<FieldError> {
  const policy = previous.spec?.restartPolicy;
  if (policy === 'Always') return;
  const statuses = new Map((next.status?.containerStatuses ?? []).map((status) => [status.name, status]));
  const rules = new Map((previous.spec?.containers ?? []).map((container) => [container.name, container]));
  for (const [i, old] of (previous.status?.containerStatuses ?? []).entries()) {
    const container = rules.get(old.name);
    if (container?.restartPolicy !== undefined || !old.state?.terminated) continue;
    if (policy === 'OnFailure' && (old.state.terminated.exitCode ?? 0) !== 0) continue;
    const status: ContainerStatus | undefined = statuses.get(old.name);
    if (status && !status.state?.terminated) {
      yield e.forbidden(['status', 'containerStatuses', i, 'state'], 'may not be transitioned to non-terminated state');
    }
  }
}

export function* validateEphemeralContainersUpdate(next: Pod, previous: Pod): Iterable<FieldError> {
  const at = ['spec', 'ephemeralContainers'];
  if (previous.metadata.annotations?.[mirrorPod] !== undefined) {
    yield e.forbidden([''], 'static pods do not support ephemeral containers');
    return;
  }
  yield* validatePod(next);
  const byName = new Map((next.spec?.ephemeralContainers ?? []).map((one) => [one.name, one]));
  for (const old of previous.spec?.ephemeralContainers ?? []) {
    const one = byName.get(old.name);
    if (!one) yield e.forbidden(at, `existing ephemeral containers "${old.name}" may not be removed\n`);
    else if (!semanticEqual(one, old)) {
      const fields = differingFields(one, old).join(', ');
      yield e.forbidden(at, `existing ephemeral containers "${old.name}" may not be changed\n${fields}`);
    }
  }
}

export function* validateResize(next: Pod, previous: Pod): Iterable<FieldError> {
  if (previous.metadata.annotations?.[mirrorPod] !== undefined) {
    yield e.forbidden([''], 'static pods cannot be resized');
    return;
  }
  const spec = next.spec ?? {};
  const before = previous.spec ?? {};
  if ((previous.status?.qosClass || qosClass(before)) !== qosClass(spec)) {
    yield e.invalid(['spec'], next.status?.qosClass, 'Pod QOS Class may not change as a result of resizing');
  }
  if (!supportsResize(previous)) yield e.forbidden(['spec'], 'Pod running on node without support for resize');
  const order = [...validateSameContainers(spec, before)];
  yield* order;
  if (order.length > 0) return;
  yield* validatePodLevelResize(spec, before);
  for (const field of ['containers', 'initContainers'] as const) {
    for (const [i, old] of (before[field] ?? []).entries()) {
      const container = spec[field]?.[i] ?? {};
      const at = ['spec', field, i];
      yield* validateNothingRemoved(container.resources, old.resources, [...at, 'resources']);
      if (!otherResourcesKept(container.resources, old.resources)) {
        yield field === 'containers'
          ? e.forbidden(['spec'], 'only cpu and memory resources are mutable')
          : e.forbidden(at, 'only cpu and memory resources for init or sidecar containers are mutable');
      }
      const changed = !semanticEqual(container, old);
      if (field === 'initContainers' && changed && !isSidecar(old)) {
        yield e.forbidden(['spec'], 'resources for non-sidecar init containers are immutable');
      }
    }
  }
}

const supportsResize = (pod: Pod): boolean => {
  const running = (pod.status?.containerStatuses ?? []).find((status) => status.state?.running);
  return !running || running.resources !== undefined;
};

function* validateSameContainers(spec: PodSpec, before: PodSpec): Iterable<FieldError> {
  for (const field of ['containers', 'initContainers'] as const) {
    const next = spec[field] ?? [];
    const old = before[field] ?? [];
    if (next.length !== old.length) {
      yield e.forbidden(['spec', field], `${field} may not be added or removed on resize`);
      continue;
    }
    for (const [i, container] of old.entries()) {
      if (next[i]?.name !== container.name) {
        yield e.forbidden(['spec', field, i, 'name'], `${field} may not be renamed or reordered on resize`);
      }
    }
  }
}

function* validatePodLevelResize(spec: PodSpec, before: PodSpec): Iterable<FieldError> {
  const at = ['spec', 'resources'];
  if (before.resources && !spec.resources) {
    yield e.forbidden(at, 'pod-level resources cannot be removed');
    return;
  }
  for (const field of ['requests', 'limits'] as const) {
    if (removed(spec.resources?.[field], before.resources?.[field])) {
      yield e.forbidden([...at, field], `pod-level resource ${field} cannot be removed`);
    }
  }
  if (!otherResourcesKept(spec.resources, before.resources)) {
    yield e.forbidden(['spec'], 'only cpu and memory resources are mutable at pod-level');
  }
}

function* validateNothingRemoved(
  next: ResourceRequirements | undefined,
  old: ResourceRequirements | undefined,
  at: (string | number)[],
): Iterable<FieldError> {
  for (const field of ['requests', 'limits'] as const) {
    if (removed(next?.[field], old?.[field])) yield e.forbidden([...at, field], `resource ${field} cannot be removed`);
  }
}

const removed = (next: Record<string, string> | undefined, old: Record<string, string> | undefined): boolean =>
  Object.keys(old ?? {}).some((name) => next?.[name] === undefined);

const otherResourcesKept = (next: ResourceRequirements | undefined, old: ResourceRequirements | undefined): boolean =>
  (['requests', 'limits'] as const).every((field) =>
    sameResourceList(withoutComputeResources(next?.[field]), withoutComputeResources(old?.[field])),
  ) && semanticEqual(next?.claims, old?.claims);

const withoutComputeResources = (list: Record<string, string> | undefined): Record<string, string> => {
  const { cpu: _cpu, memory: _memory, ...rest } = list ?? {};
  return rest;
};
