// Rules of pods and pod templates (pkg/apis/core/validation). What the parts are checked by stands in their files.
import { type FieldError, type FieldPath, fieldError as e } from '../../../kernel/status.ts';
import { matches, oneOf, requiredMatch } from '../../shared/check.ts';
import { validIP } from '../../shared/ip.ts';
import { validateAnnotations, validateLabels } from '../../shared/labels.ts';
import { dnsLabel, dnsSubdomain, dnsSubdomainWithUnderscore, qualifiedName, rangeMessage } from '../../shared/names.ts';
import { compareQuantities } from '../../shared/quantity.ts';
import type { Pod, PodSpec, PodTemplateSpec } from '../../typings/core.ts';
import { validateResources } from '../resource-names.ts';
import {
  type ContainerContext,
  validateContainers,
  validateEphemeralContainers,
  validateImageSpace,
  validateInitContainers,
} from './containers.ts';
import { aggregateResources, isHugePages } from './resources.ts';
import { validateAffinity, validateSpreadConstraints, validateTolerations } from './scheduling.ts';
import { validateHostUsers, validatePodSecurity } from './security.ts';
import { validateVolumes } from './volumes.ts';
import { validateHostProcess, validateOs } from './windows.ts';

const mirrorPod = 'kubernetes.io/config.mirror';
const deletionCost = 'controller.kubernetes.io/pod-deletion-cost';

export function* validatePod(pod: Pod): Iterable<FieldError> {
  const spec = pod.spec ?? {};
  const annotations = pod.metadata.annotations ?? {};
  if (annotations[mirrorPod] !== undefined && !spec.nodeName) {
    yield e.invalid(
      ['metadata', 'annotations', { key: mirrorPod }],
      annotations[mirrorPod],
      'must set spec.nodeName if mirror pod annotation is set',
    );
  }
  const cost = annotations[deletionCost];
  if (cost !== undefined && !isInt32(cost)) {
    yield e.invalid(['metadata', 'annotations', { key: deletionCost }], cost, 'must be a 32bit integer');
  }
  yield* validatePodSpec(spec, ['spec'], { podName: pod.metadata.name, isPod: true });
  if (!spec.serviceAccountName) yield* forbidTokens(spec);
  for (const field of ['containers', 'initContainers'] as const) {
    for (const [i, container] of (spec[field] ?? []).entries())
      yield* validateImageSpace(container, ['spec', field, i]);
  }
}

const isInt32 = (text: string): boolean => {
  if (!/^(0|-?[1-9][0-9]*)$/.test(text)) return false;
  const value = Number(text);
  return value >= -(2 ** 31) && value < 2 ** 31;
};

function* forbidTokens(spec: PodSpec): Iterable<FieldError> {
  for (const [i, volume] of (spec.volumes ?? []).entries()) {
    for (const [j, source] of (volume.projected?.sources ?? []).entries()) {
      if (source.serviceAccountToken) {
        yield e.forbidden(
          ['spec', 'volumes', i, 'projected', 'sources', j, 'serviceAccountToken'],
          'must not be specified when serviceAccountName is not set',
        );
      }
    }
  }
}

/** Rules of a pod that is being made. */
export function* validateNewPod(pod: Pod): Iterable<FieldError> {
  if ((pod.spec?.ephemeralContainers ?? []).length > 0) {
    yield e.forbidden(['spec', 'ephemeralContainers'], 'cannot be set on create');
  }
  if (pod.spec?.nodeName && (pod.spec.schedulingGates ?? []).length > 0) {
    yield e.forbidden(['spec', 'nodeName'], 'cannot be set until all schedulingGates have been cleared');
  }
}

export function* validatePodTemplate(template: PodTemplateSpec | undefined, path: FieldPath): Iterable<FieldError> {
  const metadata = template?.metadata;
  yield* validateLabels(metadata?.labels, [...path, 'labels']);
  yield* validateAnnotations(metadata?.annotations, [...path, 'annotations']);
  yield* validatePodSpec(template?.spec ?? {}, [...path, 'spec'], { isPod: false });
  if ((template?.spec?.ephemeralContainers ?? []).length > 0) {
    yield e.forbidden([...path, 'spec', 'ephemeralContainers'], 'ephemeral containers not allowed in pod template');
  }
}

interface SpecOptions {
  podName?: string | undefined;
  isPod: boolean;
}

function* validatePodSpec(spec: PodSpec, path: FieldPath, options: SpecOptions): Iterable<FieldError> {
  const volumes = yield* validateVolumes(spec, options.podName, [...path, 'volumes']);
  const claimNames = new Set((spec.resourceClaims ?? []).map((claim) => claim.name ?? '').filter(Boolean));
  const context: ContainerContext = { spec, volumes, claimNames, hostUsers: spec.hostUsers ?? true };
  yield* validateResourceClaims(spec, [...path, 'resourceClaims']);
  yield* validateContainers(context, [...path, 'containers']);
  yield* validateInitContainers(context, [...path, 'initContainers']);
  yield* validateEphemeralContainers(context, [...path, 'ephemeralContainers']);
  yield* validatePodLevelResources(spec, claimNames, [...path, 'resources']);
  yield* validateHostPorts(spec, options.isPod, path);
  yield* oneOf(spec.restartPolicy, ['Always', 'OnFailure', 'Never'], [...path, 'restartPolicy']);
  yield* oneOf(spec.dnsPolicy, dnsPolicies, [...path, 'dnsPolicy']);
  yield* validateLabels(spec.nodeSelector, [...path, 'nodeSelector']);
  yield* validatePodSecurity(spec, path);
  yield* validateHostProcess(spec, path);
  yield* validateAffinity(spec.affinity, [...path, 'affinity']);
  yield* validateDns(spec, [...path, 'dnsConfig']);
  yield* validateGates(spec, path);
  yield* validateSpreadConstraints(spec.topologySpreadConstraints, [...path, 'topologySpreadConstraints']);
  yield* validateHostUsers(spec, path);
  yield* validateNames(spec, path);
  yield* validateTolerations(spec.tolerations, [...path, 'tolerations']);
  for (const [i, alias] of (spec.hostAliases ?? []).entries()) {
    yield* validIP(alias.ip, [...path, 'hostAliases', i, 'ip']);
    for (const [j, name] of (alias.hostnames ?? []).entries()) {
      yield* matches(dnsSubdomain, name, [...path, 'hostAliases', i, 'hostnames', j]);
    }
  }
  if (spec.overhead) yield* validateResources({ limits: spec.overhead }, [...path, 'overhead'], claimNames);
  yield* validateOs(spec, path);
  yield* validateFileKeyVolumes(spec, path);
}

const dnsPolicies = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'];

function* validateNames(spec: PodSpec, path: FieldPath): Iterable<FieldError> {
  for (const field of ['serviceAccountName', 'nodeName', 'priorityClassName', 'runtimeClassName'] as const) {
    if (spec[field]) yield* matches(dnsSubdomain, spec[field], [...path, field]);
  }
  for (const field of ['hostname', 'subdomain'] as const) {
    if (spec[field]) yield* matches(dnsLabel, spec[field], [...path, field]);
  }
  const deadline = spec.activeDeadlineSeconds;
  if (deadline !== undefined && (deadline < 1 || deadline > 2147483647)) {
    yield e.invalid([...path, 'activeDeadlineSeconds'], deadline, rangeMessage(1, 2147483647));
  }
  if (spec.preemptionPolicy !== undefined) {
    yield* oneOf(spec.preemptionPolicy, ['PreemptLowerPriority', 'Never'], [...path, 'preemptionPolicy']);
  }
  const override = spec.hostnameOverride;
  if (override === undefined) return;
  const at = [...path, 'hostnameOverride'];
  if (spec.setHostnameAsFQDN) yield e.forbidden(at, 'may not be specified when setHostnameAsFQDN is true');
  if (spec.hostNetwork) yield e.forbidden(at, 'may not be specified when hostNetwork is true');
  if (override.length > 64) yield e.tooLong(at, 64);
  yield* matches(dnsSubdomain, override, at);
}

function* validateResourceClaims(spec: PodSpec, path: FieldPath): Iterable<FieldError> {
  const seen = new Set<string>();
  for (const [i, claim] of (spec.resourceClaims ?? []).entries()) {
    const at = [...path, i];
    if (claim.name && seen.has(claim.name)) yield e.duplicate([...at, 'name'], claim.name);
    else yield* requiredMatch(dnsLabel, claim.name, [...at, 'name']);
    seen.add(claim.name ?? '');
    const { resourceClaimName: name, resourceClaimTemplateName: template } = claim;
    if (name !== undefined && template !== undefined) {
      yield e.invalid(at, claim, 'at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified');
    }
    if (name === undefined && template === undefined) {
      yield e.invalid(at, claim, 'must specify one of: `resourceClaimName`, `resourceClaimTemplateName`');
    }
    if (name !== undefined) yield* matches(dnsSubdomain, name, [...at, 'resourceClaimName']);
    if (template !== undefined) yield* matches(dnsSubdomain, template, [...at, 'resourceClaimTemplateName']);
  }
}

function* validatePodLevelResources(
  spec: PodSpec,
  claimNames: ReadonlySet<string>,
  path: FieldPath,
): Iterable<FieldError> {
  const resources = spec.resources;
  if (!resources) return;
  if ((resources.claims ?? []).length > 0) {
    yield e.forbidden([...path, 'claims'], 'claims may not be set for Resources at pod-level');
  }
  yield* validateResources(resources, path, claimNames, true);
  for (const [name, sum] of Object.entries(aggregateResources(spec, 'requests'))) {
    const own = resources.requests?.[name];
    if (own !== undefined && compareQuantities(sum, own) > 0) {
      const detail = `must be greater than or equal to aggregate container requests of ${sum}`;
      yield e.invalid([...path, 'requests', { key: name }], own, detail);
    }
  }
  for (const [name, sum] of Object.entries(aggregateResources(spec, 'limits'))) {
    const own = resources.limits?.[name];
    if (isHugePages(name) && own !== undefined && compareQuantities(sum, own) > 0) {
      const detail = `must be greater than or equal to aggregate container limits of ${sum}`;
      yield e.invalid([...path, 'limits', { key: name }], own, detail);
    }
  }
  for (const [i, container] of (spec.containers ?? []).entries()) {
    for (const [name, limit] of Object.entries(container.resources?.limits ?? {})) {
      const own = resources.limits?.[name];
      if (own !== undefined && compareQuantities(limit, own) > 0) {
        const at = [...path, 'containers', i, { key: name }, 'limits'];
        yield e.invalid(at, limit, `must be less than or equal to pod limits of ${own}`);
      }
    }
  }
}

function* validateHostPorts(spec: PodSpec, isPod: boolean, path: FieldPath): Iterable<FieldError> {
  if (!spec.hostNetwork) return;
  for (const [i, container] of (spec.containers ?? []).entries()) {
    for (const [j, one] of (container.ports ?? []).entries()) {
      const host = one.hostPort ?? 0;
      if ((isPod || host !== 0) && host !== one.containerPort) {
        const at = [...path, 'containers', i, 'ports', j, 'hostPort'];
        yield e.invalid(at, host, 'must match `containerPort` when `hostNetwork` is true');
      }
    }
  }
}

function* validateDns(spec: PodSpec, path: FieldPath): Iterable<FieldError> {
  const config = spec.dnsConfig;
  const servers = config?.nameservers ?? [];
  if (spec.dnsPolicy === 'None') {
    if (!config) yield e.required(path, 'must provide `dnsConfig` when `dnsPolicy` is None');
    else if (servers.length === 0) {
      yield e.required([...path, 'nameservers'], 'must provide at least one DNS nameserver when `dnsPolicy` is None');
    }
    if (servers.length === 0) return;
  }
  if (!config) return;
  if (servers.length > 3) yield e.invalid([...path, 'nameservers'], servers, 'must not have more than 3 nameservers');
  for (const [i, server] of servers.entries()) yield* validIP(server, [...path, 'nameservers', i]);
  const searches = config.searches ?? [];
  if (searches.length > 32) yield e.invalid([...path, 'searches'], searches, 'must not have more than 32 search paths');
  if (searches.join(' ').length > 2048) {
    const detail = 'must not have more than 2048 characters (including spaces) in the search list';
    yield e.invalid([...path, 'searches'], searches, detail);
  }
  for (const [i, search] of searches.entries()) {
    if (search !== '.') yield* matches(dnsSubdomainWithUnderscore, search.replace(/\.$/, ''), [...path, 'searches', i]);
  }
  for (const [i, option] of (config.options ?? []).entries()) {
    if (!option.name) yield e.required([...path, 'options', i], 'must not be empty');
  }
}

function* validateGates(spec: PodSpec, path: FieldPath): Iterable<FieldError> {
  for (const [i, gate] of (spec.readinessGates ?? []).entries()) {
    yield* matches(qualifiedName, gate.conditionType, [...path, 'readinessGates', i, 'conditionType']);
  }
  const seen = new Set<string>();
  for (const [i, gate] of (spec.schedulingGates ?? []).entries()) {
    yield* matches(qualifiedName, gate.name, [...path, 'schedulingGates', i]);
    if (seen.has(gate.name ?? '')) yield e.duplicate([...path, 'schedulingGates', i], gate.name);
    seen.add(gate.name ?? '');
  }
}

function* validateFileKeyVolumes(spec: PodSpec, path: FieldPath): Iterable<FieldError> {
  for (const field of ['initContainers', 'containers', 'ephemeralContainers'] as const) {
    for (const [i, container] of (spec[field] ?? []).entries()) {
      for (const [j, variable] of (container.env ?? []).entries()) {
        const name = variable.valueFrom?.fileKeyRef?.volumeName;
        if (name === undefined) continue;
        const at = [...path, field, i, 'env', j, 'valueFrom', 'fileKeyRef', 'volumeName'];
        const volume = spec.volumes?.find((one) => one.name === name);
        if (!volume) yield e.notFound(at, name);
        else if (!volume.emptyDir) yield e.invalid(at, name, 'referenced volume must be of type emptyDir');
      }
    }
  }
}
