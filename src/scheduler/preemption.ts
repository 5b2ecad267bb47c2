/** DefaultPreemption: which pods of less priority would have to go for a pod that fits nowhere, and on which node. */
import { type LabelRequirements, matchesLabels } from '../schema/index.ts';
import type { Cycle } from './cycle.ts';
import { describeFit, type FitError } from './fit-error.ts';
import type { NodeInfo } from './node-info.ts';
import type { NodeTable } from './node-table.ts';
import type { Snapshot } from './pass.ts';
import type { PlacedPod, PodInfo } from './pod-info.ts';
import type { Rejection } from './plugins.ts';

/** A PodDisruptionBudget. */
export interface Disruptions {
  namespace: string;
  selector: LabelRequirements;
  allowed: number;
  /** Names of pods whose eviction has been counted already. */
  disrupted: ReadonlySet<string>;
}

export type Preemption =
  | { node: string; victims: readonly PlacedPod[] }
  /** `keepsNomination`: the pod waits for its victims to end. */
  | { node: undefined; message: string; keepsNomination: boolean };

interface Candidate {
  node: string;
  /** Most important first. */
  victims: readonly PlacedPod[];
  violations: number;
}

/** Nodes on which victims are found are enough when they are this share, or this many. */
const minCandidatesPercentage = 10;
const minCandidates = 100;

/** What upstream's DynamicResources, which has its turn first, says of pods without claims. */
const noClaims = 'no new claims to deallocate';
/** What it says when it has not seen the pod, as something was wrong with it beforehand. */
const unseen = 'not found';

export function planPreemption(
  cycle: Cycle,
  fitError: FitError,
  snapshot: Snapshot,
  budgets: readonly Disruptions[],
  random: () => number,
): Preemption {
  const { pod } = cycle;
  const { table } = snapshot;
  const hopeless = (message: string, keepsNomination = true): Preemption => ({
    node: undefined,
    message: `${noClaims}, preemption: ${message}`,
    keepsNomination,
  });
  if (fitError.beforehand) return { node: undefined, message: unseen, keepsNomination: true };
  if (pod.neverPreempts) return hopeless('not eligible due to preemptionPolicy=Never.');
  if (isWaiting(pod, fitError, table)) {
    return hopeless('not eligible due to a terminating pod on the nominated node.');
  }
  const { candidates, rejections } = findCandidates(cycle, fitError, snapshot, budgets, random);
  const best = pickCandidate(candidates);
  if (best) return { node: best.node, victims: best.victims };
  const elsewhere = 'Preemption is not helpful for scheduling';
  const failure = { nodes: table.size, rejections, elsewhere, plugins: fitError.plugins };
  return hopeless(describeFit(failure), false);
}

/** Whether pods that were made to go still are on the node that the pod is to have. */
function isWaiting(pod: PodInfo, fitError: FitError, table: NodeTable): boolean {
  if (!pod.nominatedNode) return false;
  const rejection = fitError.rejections.get(pod.nominatedNode);
  if (rejection && !rejection.resolvable) return false;
  const node = table.node(pod.nominatedNode);
  return [...(node?.pods.values() ?? [])].some((other) => other.priority < pod.priority && other.isPreempted);
}

function findCandidates(
  cycle: Cycle,
  fitError: FitError,
  snapshot: Snapshot,
  budgets: readonly Disruptions[],
  random: () => number,
): { candidates: Candidate[]; rejections: Map<string, Rejection> } {
  const { table } = snapshot;
  const potential = [...fitError.rejections].flatMap(([name, { resolvable }]) =>
    resolvable ? (table.node(name) ?? []) : [],
  );
  const wanted = Math.max(minCandidates, Math.floor((potential.length * minCandidatesPercentage) / 100));
  const offset = Math.floor(random() * potential.length);
  const candidates: Candidate[] = [];
  const rejections = new Map<string, Rejection>();
  for (let i = 0; i < potential.length; i++) {
    const node = potential[(offset + i) % potential.length]!;
    const found = selectVictims(cycle, node, snapshot, budgets);
    if ('plugin' in found) rejections.set(node.name, found);
    else candidates.push(found);
    if (candidates.length >= wanted && candidates.some(({ violations }) => violations === 0)) break;
  }
  return { candidates, rejections };
}

const noVictims: Rejection = {
  plugin: 'NodeResourcesFit',
  reasons: ['No preemption victims found for incoming pod'],
  resolvable: false,
};

/** Takes all pods of less priority off the node, then gives back as many as fit, the most important first. */
function selectVictims(
  cycle: Cycle,
  original: NodeInfo,
  snapshot: Snapshot,
  budgets: readonly Disruptions[],
): Candidate | Rejection {
  const { pod } = cycle;
  const lower = [...original.pods.values()].filter(({ priority }) => priority < pod.priority);
  if (lower.length === 0) return noVictims;
  const node = original.copy();
  const waiting = snapshot.nominated(node.name, pod);
  const check = (): Rejection | undefined =>
    (waiting.length > 0 ? cycle.checkWith(node, waiting) : undefined) ?? cycle.check(node);
  const gone = new Set(lower);
  for (const one of lower) cycle.tryRemoving(one, node);
  try {
    const rejection = check();
    if (rejection) return rejection;
    const { violating, others } = byBudget(lower.sort(byImportance), budgets);
    let violations = 0;
    for (const one of [...violating, ...others]) {
      cycle.tryAdding(one, node);
      gone.delete(one);
      if (!check()) continue;
      cycle.tryRemoving(one, node);
      gone.add(one);
      if (violating.includes(one)) violations++;
    }
    return { node: node.name, victims: [...gone].sort(byImportance), violations };
  } finally {
    for (const one of gone) cycle.tryAdding(one, node);
  }
}

/** Higher priority first, then longer running. */
const byImportance = (a: PlacedPod, b: PlacedPod): number => b.priority - a.priority || a.startedMs - b.startedMs;

/** Pods whose disruption budget is used up, and the others; both in the order given. */
function byBudget(pods: readonly PlacedPod[], budgets: readonly Disruptions[]) {
  const left = budgets.map(({ allowed }) => allowed);
  const violates = (pod: PlacedPod): boolean => {
    let violated = false;
    for (const [i, { namespace, selector, disrupted }] of budgets.entries()) {
      if (namespace !== pod.namespace || !selector?.length || disrupted.has(pod.name)) continue;
      if (Object.keys(pod.labels).length === 0 || !matchesLabels(selector, pod.labels)) continue;
      left[i]!--;
      violated ||= left[i]! < 0;
    }
    return violated;
  };
  const violating: PlacedPod[] = [];
  const others: PlacedPod[] = [];
  for (const pod of pods) (violates(pod) ? violating : others).push(pod);
  return { violating, others };
}

/** Added to priorities to make them all positive: few pods are better than many, however low. */
const priorityOffset = 2 ** 31;

/** What makes one node a better choice than another; each counts only where those before are equal. Less is better. */
const criteria: readonly ((candidate: Candidate) => number)[] = [
  ({ violations }) => violations,
  ({ victims }) => victims[0]!.priority,
  ({ victims }) => victims.reduce((sum, { priority }) => sum + priority + priorityOffset, 0),
  ({ victims }) => victims.length,
  ({ victims }) => -earliestStart(victims),
];

/** Of the victims of the highest priority. */
const earliestStart = (victims: readonly PlacedPod[]): number =>
  Math.min(...victims.filter(({ priority }) => priority === victims[0]!.priority).map(({ startedMs }) => startedMs));

function pickCandidate(candidates: readonly Candidate[]): Candidate | undefined {
  let left = candidates.filter(({ victims }) => victims.length > 0);
  for (const criterion of criteria) {
    const least = Math.min(...left.map(criterion));
    left = left.filter((candidate) => criterion(candidate) === least);
  }
  return left[0];
}
