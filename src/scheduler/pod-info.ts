/** What scheduling needs to know of a pod; the pod itself is not kept. */
import type {
  LabelSelector,
  Pod,
  PodAffinityTerm,
  PodCondition,
  Toleration,
  TopologySpreadConstraint,
  Volume,
} from '../schema/generated/index.ts';
import { type LabelRequirements, matchesLabels, requirementsOfSelector } from '../schema/index.ts';
import type { Amounts } from './amounts.ts';
import { type HostPort, hostPortsOf } from './host-ports.ts';
import { type NodePreference, type NodeRequirement, nodePreferences, nodeRequirement } from './node-selector.ts';
import { podRequests } from './requests.ts';

export type Labels = Readonly<Record<string, string>>;

/** Other pods that a pod wants near, or far. */
export interface AffinityTerm {
  topologyKey: string;
  namespaces: ReadonlySet<string>;
  namespaceSelector: LabelRequirements;
  selector: LabelRequirements;
}

export interface WeightedTerm extends AffinityTerm {
  weight: number;
}

export interface PodInfo {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly resourceVersion: string;
  readonly generation: number;
  readonly labels: Labels;
  readonly owner: { apiVersion: string; kind: string; name: string } | undefined;
  readonly priority: number;
  readonly neverPreempts: boolean;
  /** Later than all others until it has started. */
  readonly startedMs: number;
  readonly isDeleted: boolean;
  /** Being deleted to make room for another pod. */
  readonly isPreempted: boolean;
  /** '' until it is bound. */
  readonly nodeName: string;
  readonly nominatedNode: string;
  readonly gates: number;
  readonly scheduled: PodCondition | undefined;
  readonly requests: Amounts;
  readonly nonZeroCpu: number;
  readonly nonZeroMemory: number;
  readonly hostPorts: readonly HostPort[];
  readonly images: readonly string[];
  /** Containers and init containers. */
  readonly containers: number;
  readonly tolerations: readonly Toleration[];
  readonly nodeRequirement: NodeRequirement | undefined;
  readonly nodePreferences: readonly NodePreference[];
  readonly near: { required: readonly AffinityTerm[]; preferred: readonly WeightedTerm[] };
  readonly far: { required: readonly AffinityTerm[]; preferred: readonly WeightedTerm[] };
  readonly spread: readonly TopologySpreadConstraint[];
  /** Those that need a claim. */
  readonly claims: readonly Volume[];
  readonly hasResourceClaims: boolean;
}

const none: readonly never[] = [];
const noLabels: Labels = {};
const noTerms = { required: none, preferred: none };

export function podInfo(pod: Pod): PodInfo {
  const { metadata, spec, status } = pod;
  const { namespace = '', labels = noLabels } = metadata;
  const nodeName = spec?.nodeName ?? '';
  const options = { fromStatus: nodeName !== '' };
  const requests = podRequests(pod, options);
  const nonZero = asksForAll(pod) ? requests : podRequests(pod, { ...options, withDefaults: true });
  const affinity = spec?.affinity;
  const owner = metadata.ownerReferences?.find(({ controller }) => controller);
  const hasVolumes = spec?.volumes?.some(needsClaim);
  return {
    uid: metadata.uid ?? '',
    namespace,
    name: metadata.name ?? '',
    resourceVersion: metadata.resourceVersion ?? '',
    generation: metadata.generation ?? 0,
    labels,
    owner: owner && { apiVersion: owner.apiVersion, kind: owner.kind, name: owner.name },
    priority: spec?.priority ?? 0,
    neverPreempts: spec?.preemptionPolicy === 'Never',
    startedMs: status?.startTime ? Date.parse(status.startTime) : Number.MAX_SAFE_INTEGER,
    isDeleted: metadata.deletionTimestamp !== undefined,
    isPreempted: metadata.deletionTimestamp !== undefined && isPreempted(status?.conditions),
    nodeName,
    nominatedNode: status?.nominatedNodeName ?? '',
    gates: spec?.schedulingGates?.length ?? 0,
    scheduled: status?.conditions?.find(({ type }) => type === 'PodScheduled'),
    requests,
    nonZeroCpu: nonZero.get('cpu') ?? 0,
    nonZeroMemory: nonZero.get('memory') ?? 0,
    hostPorts: hostPortsOf(pod),
    images: imagesOf(pod),
    containers: (spec?.containers?.length ?? 0) + (spec?.initContainers?.length ?? 0),
    tolerations: spec?.tolerations ?? none,
    nodeRequirement: nodeRequirement(spec?.nodeSelector, affinity?.nodeAffinity),
    nodePreferences: affinity?.nodeAffinity ? nodePreferences(affinity.nodeAffinity) : none,
    near: affinity?.podAffinity ? termsOf(affinity.podAffinity, namespace) : noTerms,
    far: affinity?.podAntiAffinity ? termsOf(affinity.podAntiAffinity, namespace) : noTerms,
    spread: spec?.topologySpreadConstraints ?? none,
    claims: hasVolumes ? spec!.volumes!.filter(needsClaim) : none,
    hasResourceClaims: Boolean(spec?.resourceClaims?.length),
  };
}

/** The same pod, on a node. */
export const onNode = (pod: PodInfo, nodeName: string): PodInfo => ({ ...pod, nodeName });

export const keyOf = ({ namespace, name }: PodInfo): string => `${namespace}/${name}`;

/** Whether a term of one pod speaks of another. `labelsOf` tells the labels of a namespace. */
export function isMeant(
  term: AffinityTerm,
  pod: PodInfo,
  labelsOf: (namespace: string) => Labels | undefined,
): boolean {
  if (!term.namespaces.has(pod.namespace)) {
    if (!term.namespaceSelector || !matchesLabels(term.namespaceSelector, labelsOf(pod.namespace))) return false;
  }
  return matchesLabels(term.selector, pod.labels);
}

const needsClaim = (volume: Volume): boolean => Boolean(volume.persistentVolumeClaim || volume.ephemeral);

const isPreempted = (conditions: readonly PodCondition[] | undefined): boolean =>
  Boolean(
    conditions?.some(
      ({ type, status, reason }) =>
        type === 'DisruptionTarget' && status === 'True' && reason === 'PreemptionByScheduler',
    ),
  );

/** Whether defaults count nowhere. */
const asksForAll = ({ spec }: Pod): boolean =>
  [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])].every(
    ({ resources }) => resources?.requests?.['cpu'] !== undefined && resources.requests['memory'] !== undefined,
  );

interface Affinities {
  requiredDuringSchedulingIgnoredDuringExecution?: PodAffinityTerm[];
  preferredDuringSchedulingIgnoredDuringExecution?: { weight: number; podAffinityTerm: PodAffinityTerm }[];
}

function termsOf(affinity: Affinities, namespace: string): PodInfo['near'] {
  return {
    required: (affinity.requiredDuringSchedulingIgnoredDuringExecution ?? []).map((term) => termOf(term, namespace)),
    preferred: (affinity.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(({ weight, podAffinityTerm }) => ({
      weight,
      ...termOf(podAffinityTerm, namespace),
    })),
  };
}

function termOf(
  { topologyKey, namespaces = [], namespaceSelector, labelSelector }: PodAffinityTerm,
  namespace: string,
) {
  const own = namespaces.length === 0 && !namespaceSelector;
  return {
    topologyKey,
    namespaces: new Set(own ? [namespace] : namespaces),
    namespaceSelector: requirementsOf(namespaceSelector),
    selector: requirementsOf(labelSelector),
  };
}

/** A selector that cannot be understood matches nothing. */
export function requirementsOf(selector: LabelSelector | undefined): LabelRequirements {
  try {
    return requirementsOfSelector(selector);
  } catch {
    return undefined;
  }
}

function imagesOf({ spec }: Pod): string[] {
  const volumes = spec?.volumes?.flatMap(({ image }) => (image?.reference ? [image.reference] : [])) ?? [];
  const containers = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])].map(({ image = '' }) => image);
  return [...containers, ...volumes].map(normalizedImage);
}

/** With a tag, as nodes report their images. */
export const normalizedImage = (name: string): string =>
  name.lastIndexOf(':') <= name.lastIndexOf('/') ? `${name}:latest` : name;
