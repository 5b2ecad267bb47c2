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
import { type HostPort, hostPortsOf } from './host-ports.ts';
import { Interned } from './intern.ts';
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

/** What a pod on a node means to others. */
export interface PlacedPod {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly generation: number;
  readonly labels: Labels;
  readonly priority: number;
  /** Later than all others until it has started. */
  readonly startedMs: number;
  readonly isDeleted: boolean;
  /** Being deleted to make room for another pod. */
  readonly isPreempted: boolean;
  /** '' until it is bound. */
  readonly nodeName: string;
  readonly requests: Requests;
  readonly hostPorts: readonly HostPort[];
  readonly near: Terms;
  readonly far: Terms;
  /** Volumes that need a claim. */
  readonly claims: readonly Volume[];
}

/** What decides where a pod may go as well. */
export interface PodInfo extends PlacedPod {
  readonly resourceVersion: string;
  readonly owner: { apiVersion: string; kind: string; name: string } | undefined;
  readonly neverPreempts: boolean;
  readonly nominatedNode: string;
  readonly gates: number;
  readonly scheduled: PodCondition | undefined;
  readonly images: readonly string[];
  /** Containers and init containers. */
  readonly containers: number;
  readonly tolerations: readonly Toleration[];
  readonly nodeRequirement: NodeRequirement | undefined;
  readonly nodePreferences: readonly NodePreference[];
  readonly spread: readonly TopologySpreadConstraint[];
  readonly hasResourceClaims: boolean;
}

export interface Terms {
  required: readonly AffinityTerm[];
  preferred: readonly WeightedTerm[];
}

/** Equal ones are shared. */
export interface Requests {
  readonly amounts: ReadonlyMap<string, number>;
  /** With defaults for containers that ask for nothing. */
  readonly nonZeroCpu: number;
  readonly nonZeroMemory: number;
}

const none: readonly never[] = [];
const noLabels: Labels = {};
const noTerms = { required: none, preferred: none };
const internLimit = 512;
const internedRequests = new Interned<Requests>(internLimit);
const internedTolerations = new Interned<readonly Toleration[]>(internLimit);

/** Of a pod that is on a node. */
export function placedPod(pod: Pod): PlacedPod {
  const { metadata, spec, status } = pod;
  const { namespace = '', labels = noLabels } = metadata;
  const isDeleted = metadata.deletionTimestamp !== undefined;
  const affinity = spec?.affinity;
  return {
    uid: metadata.uid ?? '',
    namespace,
    name: metadata.name ?? '',
    generation: metadata.generation ?? 0,
    labels,
    priority: spec?.priority ?? 0,
    startedMs: status?.startTime ? Date.parse(status.startTime) : Number.MAX_SAFE_INTEGER,
    isDeleted,
    isPreempted: isDeleted && isPreempted(status?.conditions),
    nodeName: spec?.nodeName ?? '',
    requests: requestsOf(pod),
    hostPorts: hostPortsOf(pod),
    near: affinity?.podAffinity ? termsOf(affinity.podAffinity, namespace) : noTerms,
    far: affinity?.podAntiAffinity ? termsOf(affinity.podAntiAffinity, namespace) : noTerms,
    claims: spec?.volumes?.some(needsClaim) ? spec.volumes.filter(needsClaim) : none,
  };
}

/** Of a pod that waits for a node. */
export function podInfo(pod: Pod): PodInfo {
  const { metadata, spec, status } = pod;
  const owner = metadata.ownerReferences?.find(({ controller }) => controller);
  const nodeAffinity = spec?.affinity?.nodeAffinity;
  const { tolerations = none } = spec ?? {};
  return {
    ...placedPod(pod),
    resourceVersion: metadata.resourceVersion ?? '',
    owner: owner && { apiVersion: owner.apiVersion, kind: owner.kind, name: owner.name },
    neverPreempts: spec?.preemptionPolicy === 'Never',
    nominatedNode: status?.nominatedNodeName ?? '',
    gates: spec?.schedulingGates?.length ?? 0,
    scheduled: status?.conditions?.find(({ type }) => type === 'PodScheduled'),
    images: imagesOf(pod),
    containers: (spec?.containers?.length ?? 0) + (spec?.initContainers?.length ?? 0),
    tolerations: internedTolerations.get(JSON.stringify(tolerations), () => tolerations),
    nodeRequirement: nodeRequirement(spec?.nodeSelector, nodeAffinity),
    nodePreferences: nodeAffinity ? nodePreferences(nodeAffinity) : none,
    spread: spec?.topologySpreadConstraints ?? none,
    hasResourceClaims: Boolean(spec?.resourceClaims?.length),
  };
}

/** The pod, as it is once it is on a node. */
export const onNode = (pod: PodInfo, nodeName: string): PlacedPod => ({
  uid: pod.uid,
  namespace: pod.namespace,
  name: pod.name,
  generation: pod.generation,
  labels: pod.labels,
  priority: pod.priority,
  startedMs: pod.startedMs,
  isDeleted: pod.isDeleted,
  isPreempted: pod.isPreempted,
  nodeName,
  requests: pod.requests,
  hostPorts: pod.hostPorts,
  near: pod.near,
  far: pod.far,
  claims: pod.claims,
});

/** What runs may have been resized. */
function requestsOf(pod: Pod): Requests {
  const options = { fromStatus: Boolean(pod.spec?.nodeName) };
  const amounts = podRequests(pod, options);
  const nonZero = asksForAll(pod) ? amounts : podRequests(pod, { ...options, withDefaults: true });
  const nonZeroCpu = nonZero.get('cpu') ?? 0;
  const nonZeroMemory = nonZero.get('memory') ?? 0;
  let key = `${nonZeroCpu},${nonZeroMemory}`;
  for (const [name, amount] of amounts) key += `,${name}=${amount}`;
  return internedRequests.get(key, () => ({ amounts, nonZeroCpu, nonZeroMemory }));
}

export const keyOf = ({ namespace, name }: PlacedPod): string => `${namespace}/${name}`;

/** Whether a term of one pod speaks of another. `labelsOf` tells the labels of a namespace. */
export function isMeant(
  term: AffinityTerm,
  pod: PlacedPod,
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

function termsOf(affinity: Affinities, namespace: string): Terms {
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
