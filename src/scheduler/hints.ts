/** Which events may help a pod that a plugin refused (KEP-4247): the queue tries it again only then. */
import { isScalar } from './amounts.ts';
import { anyCollide } from './host-ports.ts';
import type { NamespaceLabels } from './inter-pod-affinity.ts';
import type { NodeFacts } from './node-info.ts';
import { sameRecord } from './node-table.ts';
import { isMeant, type PlacedPod, type PodInfo } from './pod-info.ts';
import type { PluginName } from './plugins.ts';
import { isKeptOff, toleratesUnschedulable } from './taints.ts';

/** What happened in the cluster. */
export type ClusterEvent =
  /** `previous` is absent when the node is new. */
  | { type: 'node'; node: NodeFacts; previous?: NodeFacts | undefined }
  | { type: 'nodeRemoved'; node: NodeFacts }
  /** A pod came to a node. */
  | { type: 'podAdded'; pod: PlacedPod }
  /** A pod on a node changed its labels or what it takes. */
  | { type: 'podChanged'; pod: PlacedPod; previous: PlacedPod }
  /** A pod left a node. */
  | { type: 'podRemoved'; pod: PlacedPod }
  /** A claim, a volume or a class. */
  | { type: 'volume' };

type Hint = (pod: PodInfo, event: ClusterEvent, labelsOf: NamespaceLabels) => boolean;

const hints: Readonly<Record<PluginName, Hint>> = {
  NodeUnschedulable: ({ tolerations }, event) =>
    event.type === 'node' &&
    (!event.node.unschedulable || toleratesUnschedulable(tolerations)) &&
    (event.previous?.unschedulable ?? true),

  TaintToleration: ({ tolerations }, event) =>
    event.type === 'node' &&
    !isKeptOff(tolerations, event.node.taints) &&
    (!event.previous || isKeptOff(tolerations, event.previous.taints)),

  NodeAffinity({ nodeRequirement }, event) {
    if (event.type !== 'node' || !nodeRequirement) return event.type === 'node';
    return nodeRequirement.matches(event.node) && !(event.previous && nodeRequirement.matches(event.previous));
  },

  NodePorts: ({ hostPorts }, event) =>
    event.type === 'podRemoved' ? anyCollide(hostPorts, event.pod.hostPorts) : isNew(event),

  NodeResourcesFit(pod, event) {
    if (event.type === 'podRemoved') return true;
    if (event.type === 'podChanged') return hasShrunk(pod, event.previous, event.pod);
    if (event.type !== 'node' || !fitsAlone(pod, event.node)) return false;
    return !event.previous || hasGrown(pod, event.previous, event.node);
  },

  VolumeRestrictions: ({ namespace }, event) =>
    event.type === 'volume' ||
    (event.type === 'podRemoved' && event.pod.namespace === namespace && event.pod.claims.length > 0),

  VolumeBinding: (_pod, event) => event.type === 'volume' || isNew(event) || hasOtherLabels(event),
  VolumeZone: (_pod, event) => event.type === 'volume' || isNew(event) || hasOtherLabels(event),
  DynamicResources: () => false,

  PodTopologySpread({ namespace, spread }, event) {
    const concerns = (labels: Readonly<Record<string, string>>): boolean =>
      spread.every(({ topologyKey }) => labels[topologyKey] !== undefined);
    if (event.type === 'node') {
      return concerns(event.node.labels) && (isNew(event) || hasOtherLabels(event) || hasOtherTaints(event));
    }
    if (event.type === 'nodeRemoved') return concerns(event.node.labels);
    return 'pod' in event && event.pod.namespace === namespace;
  },

  InterPodAffinity(pod, event, labelsOf) {
    const isWanted = (other: PlacedPod): boolean => pod.near.required.some((term) => isMeant(term, other, labelsOf));
    const isShunned = (other: PlacedPod): boolean =>
      pod.far.required.some((term) => isMeant(term, other, labelsOf)) ||
      other.far.required.some((term) => isMeant(term, pod, labelsOf));
    switch (event.type) {
      case 'podAdded':
        return isWanted(event.pod);
      case 'podRemoved':
        return isShunned(event.pod);
      case 'podChanged':
        return isWanted(event.pod) || isShunned(event.previous);
      case 'node':
        return isNew(event) || hasOtherLabels(event);
      default:
        return false;
    }
  },
};

/** Plugins that an event of this type may matter to: those whose hint is not always false. */
export const concerns: Readonly<Record<ClusterEvent['type'], readonly PluginName[]>> = {
  node: [
    'NodeUnschedulable',
    'TaintToleration',
    'NodeAffinity',
    'NodePorts',
    'NodeResourcesFit',
    'VolumeBinding',
    'VolumeZone',
    'PodTopologySpread',
    'InterPodAffinity',
  ],
  nodeRemoved: ['PodTopologySpread'],
  podAdded: ['PodTopologySpread', 'InterPodAffinity'],
  podChanged: ['NodeResourcesFit', 'PodTopologySpread', 'InterPodAffinity'],
  podRemoved: ['NodePorts', 'NodeResourcesFit', 'VolumeRestrictions', 'PodTopologySpread', 'InterPodAffinity'],
  volume: ['VolumeRestrictions', 'VolumeBinding', 'VolumeZone'],
};

/** Whether the event may help a pod that `plugin` refused. */
export const mayHelp = (plugin: PluginName, pod: PodInfo, event: ClusterEvent, labelsOf: NamespaceLabels): boolean =>
  hints[plugin](pod, event, labelsOf);

const isNew = (event: ClusterEvent): boolean => event.type === 'node' && !event.previous;

const hasOtherLabels = (event: ClusterEvent): boolean =>
  event.type === 'node' && event.previous !== undefined && !sameRecord(event.previous.labels, event.node.labels);

const hasOtherTaints = (event: ClusterEvent): boolean =>
  event.type === 'node' && JSON.stringify(event.previous?.taints) !== JSON.stringify(event.node.taints);

/** Those that the scheduler counts. */
function* requestsOf({ requests }: PlacedPod): Iterable<[resource: string, amount: number]> {
  for (const [resource, amount] of requests.amounts) {
    const isCounted = resource === 'cpu' || resource === 'memory' || resource === 'ephemeral-storage';
    if (amount > 0 && (isCounted || isScalar(resource))) yield [resource, amount];
  }
}

function fitsAlone(pod: PodInfo, { allocatable }: NodeFacts): boolean {
  if (!allocatable.get('pods')) return false;
  for (const [resource, amount] of requestsOf(pod)) if (amount > (allocatable.get(resource) ?? 0)) return false;
  return true;
}

function hasGrown(pod: PodInfo, previous: NodeFacts, node: NodeFacts): boolean {
  const grew = (resource: string): boolean =>
    (node.allocatable.get(resource) ?? 0) > (previous.allocatable.get(resource) ?? 0);
  if (grew('pods')) return true;
  for (const [resource] of requestsOf(pod)) if (grew(resource)) return true;
  return false;
}

/** Whether a pod on a node takes less of something that `pod` wants. */
function hasShrunk(pod: PodInfo, previous: PlacedPod, next: PlacedPod): boolean {
  for (const [resource] of requestsOf(pod)) {
    if ((next.requests.amounts.get(resource) ?? 0) < (previous.requests.amounts.get(resource) ?? 0)) return true;
  }
  return false;
}
