/** All nodes and the pods on them, as objects and, kept in step, as columns for scoring. */
import type { Taint, Toleration } from '../schema/generated/index.ts';
import { maxSlots, type NodeColumns, type Scoring, type ScoringFactory, untolerated } from '../wasm/index.ts';
import { isScalar } from './amounts.ts';
import { type NodeFacts, NodeInfo } from './node-info.ts';
import type { NodeRequirement } from './node-selector.ts';
import type { PlacedPod } from './pod-info.ts';
import { isKeptOff, toleratesUnschedulable, unwelcome } from './taints.ts';

const firstSize = { slots: 64, resources: 8 };
/** Resources that have a column. Further ones are compared one node at a time. */
const maxResources = 64;
/** Of node requirements that are remembered, by what they select. */
const selectionLimit = 64;

interface TaintSet {
  number: number;
  taints: readonly Taint[];
  unschedulable: boolean;
  nodes: number;
}

const noTaints = '[[],false]';

export class NodeTable {
  /** By name. Some may have no Node, only pods. */
  readonly #nodes = new Map<string, NodeInfo>();
  readonly #bySlot: (NodeInfo | undefined)[] = [];
  readonly #nodeOf = new Map<string, NodeInfo>();
  readonly #freeSlots: number[] = [];
  readonly #repelling = new Set<NodeInfo>();
  readonly #related = new Set<NodeInfo>();
  /** Resources that have a column, in order. */
  readonly #resources = new Map<string, number>([
    ['pods', 0],
    ['ephemeral-storage', 1],
  ]);
  readonly #taintSets = new Map<string, TaintSet>();
  readonly #freeTaintSets: number[] = [];
  readonly #create: ScoringFactory;
  readonly #selections = new Map<string, Uint32Array>();
  /** Nodes by image. */
  readonly #images = new Map<string, Set<NodeInfo>>();
  #scoring: Scoring;
  #count = 0;
  /** Whose tolerations `verdicts` are about. */
  #judged: { key: string; tainted: boolean } | undefined;

  constructor(create: ScoringFactory) {
    this.#create = create;
    this.#scoring = create(firstSize);
    this.#taintSets.set(noTaints, { number: 0, taints: [], unschedulable: false, nodes: 1 });
  }

  get scoring(): Scoring {
    return this.#scoring;
  }

  get columns(): NodeColumns {
    return this.#scoring.columns;
  }

  /** Nodes that there are. */
  get size(): number {
    return this.#count;
  }

  /** Highest slot in use, and one. */
  get slots(): number {
    return this.#bySlot.length;
  }

  *nodes(): Iterable<NodeInfo> {
    for (const node of this.#bySlot) if (node) yield node;
  }

  /** Nodes that have pods which want others far, without exception. */
  get repelling(): Iterable<NodeInfo> {
    return this.#repelling;
  }

  /** Nodes that have pods which want others near or far. */
  get related(): Iterable<NodeInfo> {
    return this.#related;
  }

  node(name: string): NodeInfo | undefined {
    const node = this.#nodes.get(name);
    return node && node.slot >= 0 ? node : undefined;
  }

  at(slot: number): NodeInfo {
    return this.#bySlot[slot]!;
  }

  nodesWithImage(image: string): ReadonlySet<NodeInfo> | undefined {
    return this.#images.get(image);
  }

  /** Column of a resource, or undefined when it has none. */
  column(resource: string): number | undefined {
    return this.#resources.get(resource);
  }

  // --- nodes ----------------------------------------------------------------------------------------------------------

  /** Adds or changes a node. Returns what was known of it before. Nodes beyond `maxSlots` are not seen. */
  setNode(facts: NodeFacts): NodeFacts | undefined {
    if (this.#count >= maxSlots && !this.node(facts.name)) return undefined;
    const node = this.#nodeNamed(facts.name);
    const previous = node.slot >= 0 ? node.facts : undefined;
    if (!previous) this.#place(node);
    const sameLabels = previous && sameRecord(previous.labels, facts.labels);
    if (!sameLabels) this.#selections.clear();
    this.#leaveTaintSet(node, previous);
    this.#forgetImages(node);
    node.facts = facts;
    this.#enterTaintSet(node);
    for (const image of facts.images.keys()) this.#nodesOfImage(image).add(node);
    for (const resource of facts.allocatable.keys()) if (isScalar(resource)) this.#addResource(resource);
    this.#noteRelations(node);
    this.#writeNode(node);
    return previous;
  }

  removeNode(name: string): NodeFacts | undefined {
    const node = this.node(name);
    if (!node) return undefined;
    const { facts, slot } = node;
    this.#leaveTaintSet(node, facts);
    this.#forgetImages(node);
    this.columns.present[slot >> 5]! &= ~(1 << (slot & 31));
    this.#bySlot[slot] = undefined;
    this.#freeSlots.push(slot);
    this.#count--;
    this.#selections.clear();
    node.forget();
    this.#noteRelations(node);
    if (node.pods.size === 0) this.#nodes.delete(name);
    return facts;
  }

  #nodeNamed(name: string): NodeInfo {
    let node = this.#nodes.get(name);
    if (!node) {
      node = new NodeInfo(name);
      this.#nodes.set(name, node);
    }
    return node;
  }

  #place(node: NodeInfo): void {
    const free = this.#freeSlots.length > 0;
    // First of all what may fail: for want of memory.
    if (!free && this.#bySlot.length >= this.columns.slots) {
      this.#resize(Math.min(2 * this.columns.slots, maxSlots), this.columns.resources);
    }
    const slot = this.#freeSlots.pop() ?? this.#bySlot.length;
    node.slot = slot;
    this.#bySlot[slot] = node;
    this.#count++;
    this.columns.present[slot >> 5]! |= 1 << (slot & 31);
  }

  #nodesOfImage(image: string): Set<NodeInfo> {
    let nodes = this.#images.get(image);
    if (!nodes) {
      nodes = new Set();
      this.#images.set(image, nodes);
    }
    return nodes;
  }

  #forgetImages(node: NodeInfo): void {
    for (const image of node.facts.images.keys()) {
      const nodes = this.#images.get(image);
      nodes?.delete(node);
      if (nodes?.size === 0) this.#images.delete(image);
    }
  }

  // --- pods -----------------------------------------------------------------------------------------------------------

  /** The pod as it counts on its node. */
  pod(uid: string): PlacedPod | undefined {
    return this.#nodeOf.get(uid)?.pods.get(uid);
  }

  /** UIDs of all pods that are on nodes. */
  podUids(): Iterable<string> {
    return this.#nodeOf.keys();
  }

  /** Puts a pod on its node, in place of what was known of it. */
  setPod(pod: PlacedPod): void {
    this.removePod(pod.uid);
    const node = this.#nodeNamed(pod.nodeName);
    this.#nodeOf.set(pod.uid, node);
    node.add(pod);
    for (const resource of pod.requests.amounts.keys()) if (isScalar(resource)) this.#addResource(resource);
    this.#noteRelations(node);
    if (node.slot >= 0) this.#writeRequests(node, pod);
  }

  removePod(uid: string): PlacedPod | undefined {
    const node = this.#nodeOf.get(uid);
    const pod = node?.remove(uid);
    if (!node || !pod) return undefined;
    this.#nodeOf.delete(uid);
    this.#noteRelations(node);
    if (node.slot >= 0) this.#writeRequests(node, pod);
    else if (node.pods.size === 0) this.#nodes.delete(node.name);
    return pod;
  }

  #noteRelations(node: NodeInfo): void {
    const isHere = node.slot >= 0;
    if (isHere && node.repelling > 0) this.#repelling.add(node);
    else this.#repelling.delete(node);
    if (isHere && node.related > 0) this.#related.add(node);
    else this.#related.delete(node);
  }

  // --- columns --------------------------------------------------------------------------------------------------------

  #addResource(resource: string): void {
    if (this.#resources.has(resource) || this.#resources.size >= maxResources) return;
    if (this.#resources.size >= this.columns.resources) {
      this.#resize(this.columns.slots, Math.min(2 * this.columns.resources, maxResources));
    }
    this.#resources.set(resource, this.#resources.size);
    for (const node of this.nodes()) this.#writeNode(node);
  }

  #resize(slots: number, resources: number): void {
    this.#scoring = this.#create({ slots, resources });
    this.#judged = undefined;
    this.#selections.clear();
    for (const node of this.nodes()) {
      this.columns.present[node.slot >> 5]! |= 1 << (node.slot & 31);
      this.#writeNode(node);
    }
  }

  #writeNode(node: NodeInfo): void {
    const { slot } = node;
    const { allocatable, otherAllocatable, slots, taintSet } = this.columns;
    allocatable[2 * slot] = node.allocatable('cpu');
    allocatable[2 * slot + 1] = node.allocatable('memory');
    for (const [resource, column] of this.#resources) {
      otherAllocatable[column * slots + slot] = node.allocatable(resource);
      this.#writeOther(node, resource, column);
    }
    taintSet[slot] = this.#taintSets.get(taintKey(node.facts))?.number ?? 0;
    this.#writePair(node);
  }

  /** Only what the pod asked for has changed. */
  #writeRequests(node: NodeInfo, pod: PlacedPod): void {
    this.#writePair(node);
    this.#writeOther(node, 'pods', 0);
    for (const resource of pod.requests.amounts.keys()) {
      const column = this.#resources.get(resource);
      if (column !== undefined) this.#writeOther(node, resource, column);
    }
  }

  #writePair(node: NodeInfo): void {
    const { slot, requested: amounts } = node;
    const { requested, nonZeroRequested } = this.columns;
    requested[2 * slot] = amounts.get('cpu') ?? 0;
    requested[2 * slot + 1] = amounts.get('memory') ?? 0;
    nonZeroRequested[2 * slot] = node.nonZeroCpu;
    nonZeroRequested[2 * slot + 1] = node.nonZeroMemory;
  }

  #writeOther(node: NodeInfo, resource: string, column: number): void {
    const amount = resource === 'pods' ? node.pods.size : (node.requested.get(resource) ?? 0);
    this.columns.otherRequested[column * this.columns.slots + node.slot] = amount;
  }

  // --- taints ---------------------------------------------------------------------------------------------------------

  #enterTaintSet(node: NodeInfo): void {
    const key = taintKey(node.facts);
    const found = this.#taintSets.get(key);
    if (found) {
      found.nodes++;
      return;
    }
    const number = this.#freeTaintSets.pop() ?? this.#taintSets.size;
    const { taints, unschedulable } = node.facts;
    this.#taintSets.set(key, { number, taints, unschedulable, nodes: 1 });
    this.#judged = undefined;
  }

  #leaveTaintSet(node: NodeInfo, facts: NodeFacts | undefined): void {
    if (!facts || node.slot < 0) return;
    const key = taintKey(facts);
    const set = this.#taintSets.get(key);
    if (!set || --set.nodes > 0) return;
    this.#taintSets.delete(key);
    this.#freeTaintSets.push(set.number);
  }

  /** Fills `verdicts` for these tolerations. Returns whether some taints are unwelcome without keeping pods off. */
  judgeTaints(tolerations: readonly Toleration[]): boolean {
    const key = this.#taintSets.size > 1 ? JSON.stringify(tolerations) : '';
    if (this.#judged?.key === key) return this.#judged.tainted;
    let tainted = false;
    const { verdicts } = this.columns;
    for (const { number, taints, unschedulable } of this.#taintSets.values()) {
      const isOff = (unschedulable && !toleratesUnschedulable(tolerations)) || isKeptOff(tolerations, taints);
      const count = Math.min(unwelcome(tolerations, taints), untolerated - 1);
      verdicts[number] = isOff ? untolerated : count;
      tainted ||= !isOff && count > 0;
    }
    this.#judged = { key, tainted };
    return tainted;
  }

  // --- selections -----------------------------------------------------------------------------------------------------

  /** A bit a slot: nodes that fulfil the requirement. */
  select(requirement: NodeRequirement): Uint32Array {
    const found = this.#selections.get(requirement.key);
    if (found) return found;
    const bits = new Uint32Array(this.columns.present.length);
    for (const { facts, slot } of this.nodes()) {
      if (requirement.matches(facts)) bits[slot >> 5]! |= 1 << (slot & 31);
    }
    if (this.#selections.size >= selectionLimit) this.#selections.clear();
    this.#selections.set(requirement.key, bits);
    return bits;
  }
}

const taintKey = ({ taints, unschedulable }: NodeFacts): string =>
  taints.length === 0 && !unschedulable
    ? noTaints
    : JSON.stringify([taints.map(({ key, value = '', effect }) => [key, value, effect]), unschedulable]);

export const sameRecord = (a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean => {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
};
