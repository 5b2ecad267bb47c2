/** A node with the pods on it, and what they take. */
import type { Node, Taint } from '../schema/generated/index.ts';
import { addAmounts, type Amounts, amountsOf } from './amounts.ts';
import type { HostPort } from './host-ports.ts';
import { type Labels, normalizedImage, type PlacedPod } from './pod-info.ts';

/** What is known of the node itself. */
export interface NodeFacts {
  readonly name: string;
  readonly labels: Labels;
  readonly taints: readonly Taint[];
  readonly unschedulable: boolean;
  readonly allocatable: Amounts;
  /** Bytes by name. */
  readonly images: ReadonlyMap<string, number>;
}

export function nodeFacts({ metadata, spec, status }: Node): NodeFacts {
  const images = new Map<string, number>();
  for (const { names, sizeBytes = 0 } of status?.images ?? []) {
    for (const name of names ?? []) images.set(normalizedImage(name), sizeBytes);
  }
  return {
    name: metadata.name ?? '',
    labels: metadata.labels ?? {},
    taints: spec?.taints ?? [],
    unschedulable: spec?.unschedulable ?? false,
    allocatable: amountsOf(status?.allocatable),
    images,
  };
}

const unknownNode = (name: string): NodeFacts => ({
  name,
  labels: {},
  taints: [],
  unschedulable: false,
  allocatable: new Map(),
  images: new Map(),
});

export class NodeInfo {
  facts: NodeFacts;
  /** Place in the columns; -1 for a node that there are pods on, but no Node. */
  slot = -1;
  readonly pods = new Map<string, PlacedPod>();
  readonly requested: Amounts = new Map();
  nonZeroCpu = 0;
  nonZeroMemory = 0;
  /** Pods that want others far, without exception. */
  repelling = 0;
  /** Pods that want others near or far. */
  related = 0;

  constructor(name: string) {
    this.facts = unknownNode(name);
  }

  get name(): string {
    return this.facts.name;
  }

  allocatable(resource: string): number {
    return this.facts.allocatable.get(resource) ?? 0;
  }

  free(resource: string): number {
    return this.allocatable(resource) - (this.requested.get(resource) ?? 0);
  }

  *hostPorts(): Iterable<HostPort> {
    for (const { hostPorts } of this.pods.values()) yield* hostPorts;
  }

  add(pod: PlacedPod): void {
    this.pods.set(pod.uid, pod);
    this.#count(pod, 1);
  }

  remove(uid: string): PlacedPod | undefined {
    const pod = this.pods.get(uid);
    if (!pod) return undefined;
    this.pods.delete(uid);
    this.#count(pod, -1);
    return pod;
  }

  #count(pod: PlacedPod, sign: 1 | -1): void {
    addAmounts(this.requested, pod.requests.amounts, sign);
    this.nonZeroCpu += sign * pod.requests.nonZeroCpu;
    this.nonZeroMemory += sign * pod.requests.nonZeroMemory;
    if (pod.far.required.length > 0) this.repelling += sign;
    if (hasTerms(pod)) this.related += sign;
  }

  /** A copy to try things on. */
  copy(): NodeInfo {
    const copy = new NodeInfo(this.name);
    copy.facts = this.facts;
    for (const pod of this.pods.values()) copy.add(pod);
    return copy;
  }

  /** Forgets the node, not the pods on it. */
  forget(): void {
    this.facts = unknownNode(this.name);
    this.slot = -1;
  }
}

const hasTerms = ({ near, far }: PlacedPod): boolean =>
  near.required.length + near.preferred.length + far.required.length + far.preferred.length > 0;
