/** One attempt to place one pod: what the plugins find out beforehand, and whether a node passes all of them. */
import { anyCollide } from './host-ports.ts';
import { AffinityState, type NamespaceLabels } from './inter-pod-affinity.ts';
import { isScalar } from './amounts.ts';
import type { NodeInfo } from './node-info.ts';
import type { NodeTable } from './node-table.ts';
import type { PlacedPod, PodInfo } from './pod-info.ts';
import { type PluginName, type Rejection, reasons, reject } from './plugins.ts';
import { isKeptOff, toleratesUnschedulable } from './taints.ts';
import { SpreadState } from './topology-spread.ts';
import { ClaimState, type Volumes } from './volumes.ts';

/** What there is besides nodes and pods. */
export interface Surroundings {
  labelsOf: NamespaceLabels;
  volumes: Volumes;
}

export class Cycle {
  readonly pod: PodInfo;
  readonly #surroundings: Surroundings;
  #affinity: AffinityState | undefined;
  #spread: SpreadState | undefined;
  readonly #claims: ClaimState | undefined;

  constructor(pod: PodInfo, table: NodeTable, surroundings: Surroundings) {
    this.pod = pod;
    this.#surroundings = surroundings;
    this.#claims = pod.claims.length > 0 ? new ClaimState(pod, surroundings.volumes, table) : undefined;
    this.#affinity = AffinityState.of(pod, table, surroundings.labelsOf);
    this.#spread = SpreadState.of(pod, table);
  }

  /** What keeps the pod from all nodes alike. */
  beforehand(): { plugin: PluginName; message: string; resolvable: boolean } | undefined {
    const { nodeRequirement, hasResourceClaims } = this.pod;
    if (hasResourceClaims) return { plugin: 'DynamicResources', message: reasons.resourceClaims, resolvable: false };
    if (nodeRequirement?.names?.size === 0) {
      return { plugin: 'NodeAffinity', message: reasons.affinityConflict, resolvable: false };
    }
    return this.#claims?.beforehand();
  }

  /** Whether more than columns can tell decides where the pod may go. */
  get isIntricate(): boolean {
    return Boolean(this.#affinity || this.#spread || this.#claims || this.pod.hostPorts.length > 0);
  }

  /** Everything that columns cannot tell. */
  checkIntricate(node: NodeInfo): Rejection | undefined {
    return (
      this.#checkPorts(node) ?? this.#claims?.check(node) ?? this.#spread?.check(node) ?? this.#affinity?.check(node)
    );
  }

  /** Every plugin, in upstream's order; the first that refuses. */
  check(node: NodeInfo): Rejection | undefined {
    const { tolerations, nodeRequirement } = this.pod;
    const { facts } = node;
    if (facts.unschedulable && !toleratesUnschedulable(tolerations)) {
      return reject('NodeUnschedulable', reasons.unschedulable);
    }
    if (isKeptOff(tolerations, facts.taints)) return reject('TaintToleration', reasons.taints);
    if (nodeRequirement && !nodeRequirement.matches(facts)) return reject('NodeAffinity', reasons.nodeAffinity);
    return (
      this.#checkPorts(node) ??
      checkResources(this.pod, node) ??
      this.#claims?.check(node) ??
      this.#spread?.check(node) ??
      this.#affinity?.check(node)
    );
  }

  #checkPorts(node: NodeInfo): Rejection | undefined {
    const { hostPorts } = this.pod;
    if (hostPorts.length === 0 || !anyCollide(hostPorts, node.hostPorts())) return undefined;
    return reject('NodePorts', reasons.hostPorts, true);
  }

  /** As `check`, with other pods on the node as well. */
  checkWith(node: NodeInfo, added: readonly PlacedPod[]): Rejection | undefined {
    const trial = node.copy();
    for (const pod of added) this.tryAdding(pod, trial);
    const rejection = this.check(trial);
    for (const pod of added) this.tryRemoving(pod, trial);
    return rejection;
  }

  tryAdding(pod: PlacedPod, node: NodeInfo): void {
    node.add(pod);
    this.#count(pod, node, 1);
  }

  tryRemoving(pod: PlacedPod, node: NodeInfo): void {
    node.remove(pod.uid);
    this.#count(pod, node, -1);
  }

  #count(pod: PlacedPod, node: NodeInfo, amount: 1 | -1): void {
    this.#spread?.count(pod, node, amount);
    if (!this.#affinity && pod.far.required.length > 0) {
      this.#affinity = new AffinityState(this.pod, this.#surroundings.labelsOf);
    }
    this.#affinity?.count(pod, node, amount);
  }
}

/** NodeResourcesFit. */
export function checkResources({ requests: { amounts } }: PodInfo, node: NodeInfo): Rejection | undefined {
  const missing: string[] = [];
  let resolvable = true;
  const compare = (resource: string, amount: number): void => {
    if (amount <= 0 || amount <= node.free(resource)) return;
    missing.push(`Insufficient ${resource}`);
    if (amount > node.allocatable(resource)) resolvable = false;
  };
  if (node.pods.size + 1 > node.allocatable('pods')) missing.push(reasons.tooManyPods);
  for (const resource of ['cpu', 'memory', 'ephemeral-storage']) compare(resource, amounts.get(resource) ?? 0);
  for (const [resource, amount] of amounts) if (isScalar(resource)) compare(resource, amount);
  return missing.length > 0 ? { plugin: 'NodeResourcesFit', reasons: missing, resolvable } : undefined;
}
