/** The decision: which node one pod goes to, given what is on the nodes now. Reads no clock and writes no object. */
import type { LabelRequirements } from '../schema/index.ts';
import type { Want } from '../wasm/index.ts';
import { isScalar } from './amounts.ts';
import { Cycle, type Surroundings } from './cycle.ts';
import type { FitError } from './fit-error.ts';
import { affinityWishes, normalizeWishes } from './inter-pod-affinity.ts';
import type { NodeInfo } from './node-info.ts';
import type { NodeTable } from './node-table.ts';
import type { PluginName, Rejection } from './plugins.ts';
import type { PlacedPod, PodInfo } from './pod-info.ts';
import { spreadScores, spreadWishes } from './topology-spread.ts';

/** All that a decision depends on besides the pod. */
export interface Snapshot extends Surroundings {
  table: NodeTable;
  /** Pods of priority `priority` or above that are to come to a node when others have left it. */
  nominated(node: string, pod: PodInfo): readonly PlacedPod[];
  /** Names of nodes that such pods wait for. */
  nominatedNodes(): Iterable<string>;
  /** Selects the pods of the same services and controller. */
  similar(pod: PodInfo): LabelRequirements;
}

export interface PassOptions {
  /** Slot to begin with: every node gets its turn to be looked at first. */
  start: number;
  /** Uniform in [0, 1). */
  random(): number;
}

export type PassResult =
  | { node: string; nextStart: number }
  | { node: undefined; fitError: FitError; cycle: Cycle; nextStart: number };

const minFeasibleNodes = 100;
const minFeasiblePercentage = 5;
const maxScore = 100;
const weights = { spread: 2, affinity: 2 };

export function schedulePass(pod: PodInfo, snapshot: Snapshot, { start, random }: PassOptions): PassResult {
  const { table } = snapshot;
  const cycle = new Cycle(pod, table, snapshot);
  const refused = cycle.beforehand();
  if (refused) {
    const fitError: FitError = {
      nodes: table.size,
      beforehand: refused.message,
      rejections: new Map(),
      plugins: new Set([refused.plugin]),
    };
    return { node: undefined, fitError, cycle, nextStart: start };
  }
  const nominated = nominatedNode(cycle, snapshot);
  if (nominated) return { node: nominated.name, nextStart: start };

  const names = pod.nodeRequirement?.names;
  const tainted = table.judgeTaints(pod.tolerations);
  const masked = fillMask(cycle, snapshot);
  const limit = enoughNodes(names ? Math.min(names.size, table.size) : table.size);
  const { amounts, nonZeroCpu, nonZeroMemory } = pod.requests;
  const [cpu, memory] = [amounts.get('cpu') ?? 0, amounts.get('memory') ?? 0];
  const { found } = table.scoring.filter({ masked, start, limit, cpu, memory, wants: wantsOf(pod, table) });
  if (found === 0) return { node: undefined, fitError: explain(cycle, snapshot), cycle, nextStart: start };

  const nextStart = (table.columns.feasible[found - 1]! + 1) % table.slots;
  if (found === 1) return { node: table.at(table.columns.feasible[0]!).name, nextStart };
  const slot = table.scoring.select(found, {
    cpu,
    memory,
    leastCpu: nonZeroCpu,
    leastMemory: nonZeroMemory,
    balanced: cpu > 0 || memory > 0,
    tainted,
    affinity: fillAffinity(pod, table, found),
    extra: fillExtra(pod, snapshot, found),
    seed: 1 + Math.floor(random() * (2 ** 32 - 1)),
  });
  return { node: table.at(slot).name, nextStart };
}

/** Feasible nodes that are enough to choose from: fewer of all the more there are. */
export function enoughNodes(nodes: number): number {
  if (nodes < minFeasibleNodes) return Math.max(1, nodes);
  const percentage = Math.max(minFeasiblePercentage, 50 - Math.floor(nodes / 125));
  return Math.max(minFeasibleNodes, Math.floor((nodes * percentage) / 100));
}

/** The node that was made free for the pod, if it still fits there. */
function nominatedNode(cycle: Cycle, snapshot: Snapshot): NodeInfo | undefined {
  const node = cycle.pod.nominatedNode && snapshot.table.node(cycle.pod.nominatedNode);
  return node && !checkNode(cycle, node, snapshot) ? node : undefined;
}

/** A pod must fit beside those that wait for the node, and, as they may never come, without them too. */
function checkNode(cycle: Cycle, node: NodeInfo, snapshot: Snapshot): Rejection | undefined {
  const waiting = snapshot.nominated(node.name, cycle.pod);
  return (waiting.length > 0 ? cycle.checkWith(node, waiting) : undefined) ?? cycle.check(node);
}

/** Leaves nodes out that the columns cannot tell about. Returns false when there are none: the mask is not to be used. */
function fillMask(cycle: Cycle, snapshot: Snapshot): boolean {
  const { table } = snapshot;
  const { pod } = cycle;
  const { mask, present } = table.columns;
  const nominatedNodes = [...snapshot.nominatedNodes()];
  const unlisted = [...pod.requests.amounts].filter(([name]) => isScalar(name) && table.column(name) === undefined);
  const isSlow = cycle.isIntricate || unlisted.some(([, amount]) => amount > 0);
  if (!pod.nodeRequirement && !isSlow && nominatedNodes.length === 0) return false;
  mask.set(present);
  const leaveOut = ({ slot }: NodeInfo): void => {
    mask[slot >> 5]! &= ~(1 << (slot & 31));
  };
  if (pod.nodeRequirement) {
    const selected = table.select(pod.nodeRequirement);
    for (let word = 0; word < mask.length; word++) mask[word]! &= selected[word]!;
  }
  if (isSlow) {
    for (const node of table.nodes()) {
      const isSelected = (mask[node.slot >> 5]! >>> (node.slot & 31)) & 1;
      const lacks = unlisted.some(([name, amount]) => amount > node.free(name));
      if (isSelected && (lacks || cycle.checkIntricate(node))) leaveOut(node);
    }
  }
  for (const name of nominatedNodes) {
    const node = table.node(name);
    if (node && checkNode(cycle, node, snapshot)) leaveOut(node);
  }
  return true;
}

function wantsOf({ requests }: PodInfo, table: NodeTable): Want[] {
  const wants: Want[] = [{ resource: table.column('pods')!, amount: 1 }];
  for (const [name, amount] of requests.amounts) {
    const resource = amount > 0 ? table.column(name) : undefined;
    if (resource !== undefined) wants.push({ resource, amount });
  }
  return wants;
}

function fillAffinity({ nodePreferences }: PodInfo, table: NodeTable, found: number): boolean {
  if (nodePreferences.length === 0) return false;
  const { affinity, feasible } = table.columns;
  for (let i = 0; i < found; i++) {
    const slot = feasible[i]!;
    const { facts } = table.at(slot);
    affinity[slot] = nodePreferences.reduce((sum, one) => sum + (one.matches(facts) ? one.weight : 0), 0);
  }
  return true;
}

/** ImageLocality, PodTopologySpread and InterPodAffinity. Returns whether any of them makes a difference. */
function fillExtra(pod: PodInfo, snapshot: Snapshot, found: number): boolean {
  const { table, labelsOf } = snapshot;
  const { extra, feasible } = table.columns;
  const images = pod.images.filter((image) => table.nodesWithImage(image));
  const wish = affinityWishes(pod, table, labelsOf);
  const constraints = spreadWishes(pod, snapshot.similar(pod));
  if (constraints.length === 0 && !wish && images.length === 0) return false;
  const nodes = Array.from(feasible.subarray(0, found), (slot) => table.at(slot));
  const spread = constraints.length > 0 ? spreadScores(pod, constraints, nodes, table) : undefined;
  const wishes = wish && Float64Array.from(nodes, wish);
  if (wishes) normalizeWishes(wishes);
  for (const [i, node] of nodes.entries()) {
    const image = images.length > 0 ? imageScore(pod, images, node, table) : 0;
    extra[node.slot] = image + weights.spread * (spread?.[i] ?? 0) + weights.affinity * (wishes?.[i] ?? 0);
  }
  return true;
}

const mib = 2 ** 20;
const smallImages = 23 * mib;
const largeContainer = 1_000 * mib;

/** By the size of the pod's images that the node has; less for images that few nodes have, lest all pods follow them. */
function imageScore(pod: PodInfo, images: readonly string[], node: NodeInfo, table: NodeTable): number {
  let sum = 0;
  for (const image of images) {
    const size = node.facts.images.get(image);
    if (size !== undefined) sum += Math.trunc(size * (table.nodesWithImage(image)!.size / table.size));
  }
  const most = largeContainer * pod.containers;
  const within = Math.min(Math.max(sum, smallImages), most);
  return Math.trunc((maxScore * (within - smallImages)) / (most - smallImages));
}

/** Why the pod fits no node. */
function explain(cycle: Cycle, snapshot: Snapshot): FitError {
  const { table } = snapshot;
  const names = cycle.pod.nodeRequirement?.names;
  const rejections = new Map<string, Rejection>();
  const plugins = new Set<PluginName>();
  const nodes = names ? [...names].flatMap((name) => table.node(name) ?? []) : table.nodes();
  for (const node of nodes) {
    const rejection = checkNode(cycle, node, snapshot);
    if (!rejection) throw new Error(`the columns of node ${node.name} are out of step`);
    rejections.set(node.name, rejection);
    plugins.add(rejection.plugin);
  }
  if (!names) return { nodes: table.size, rejections, plugins };
  plugins.add('NodeAffinity');
  return { nodes: table.size, rejections, plugins, elsewhere: "node(s) didn't satisfy plugin(s) [NodeAffinity]" };
}
