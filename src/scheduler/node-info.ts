/** A node with the pods on it, and what they take. */
import type { Node, Taint } from '../schema/generated/index.ts';
import { addAmounts, type Amounts, amountsOf } from './amounts.ts';
import type { HostPort } from './host-ports.ts';
import { Interned } from './intern.ts';
import { type Labels, normalizedImage, type PlacedPod } from './pod-info.ts';

/** What is known of the node itself. */
export interface NodeFacts {
  readonly name: string;
  readonly labels: Labels;
  readonly taints: readonly Taint[];
  readonly unschedulable: boolean;
  readonly allocatable: ReadonlyMap<string, number>;
  /** Bytes by name. */
  readonly images: ReadonlyMap<string, number>;
}

const none: readonly never[] = [];
const nothing: ReadonlyMap<string, number> = new Map();
/** Nodes of one make offer the same. */
const internedAllocatable = new Interned<ReadonlyMap<string, number>>(512);

export function nodeFacts({ metadata, spec, status }: Node): NodeFacts {
  const { allocatable = {} } = status ?? {};
  return {
    name: metadata.name ?? '',
    labels: metadata.labels ?? {},
    taints: spec?.taints?.length ? spec.taints : none,
    unschedulable: spec?.unschedulable ?? false,
    allocatable: internedAllocatable.get(JSON.stringify(allocatable), () => amountsOf(allocatable)),
    images: imagesOf(status?.images),
  };
}

function imagesOf(images: NonNullable<Node['status']>['images']): ReadonlyMap<string, number> {
  if (!images?.length) return nothing;
  return new Map(
    images.flatMap(({ names, sizeBytes = 0 }) => (names ?? []).map((name) => [normalizedImage(name), sizeBytes])),
  );
}

const unknownNode = (name: string): NodeFacts => ({
  name,
  labels: {},
  taints: none,
  unschedulable: false,
  allocatable: nothing,
  images: nothing,
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
