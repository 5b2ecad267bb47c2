/** PodTopologySpread: pods of a kind evenly over zones, hosts or other topologies. */
import type { TopologySpreadConstraint } from '../schema/generated/index.ts';
import { type LabelRequirements, matchesLabels, requirementsOfLabels } from '../schema/index.ts';
import type { NodeInfo } from './node-info.ts';
import type { NodeTable } from './node-table.ts';
import { type Labels, type PlacedPod, type PodInfo, requirementsOf } from './pod-info.ts';
import { type Rejection, reasons, reject } from './plugins.ts';
import { isKeptOff } from './taints.ts';

const hostname = 'kubernetes.io/hostname';
const zone = 'topology.kubernetes.io/zone';

interface Constraint {
  maxSkew: number;
  topologyKey: string;
  minDomains: number;
  selector: LabelRequirements;
  honorsAffinity: boolean;
  honorsTaints: boolean;
}

/** For pods of controllers and services that say nothing themselves. */
const defaults = (selector: LabelRequirements): Constraint[] =>
  [
    { maxSkew: 3, topologyKey: hostname },
    { maxSkew: 5, topologyKey: zone },
  ].map((constraint) => ({ ...constraint, minDomains: 1, selector, honorsAffinity: true, honorsTaints: false }));

function constraintsOf(pod: PodInfo, action: TopologySpreadConstraint['whenUnsatisfiable']): Constraint[] {
  return pod.spread
    .filter(({ whenUnsatisfiable }) => whenUnsatisfiable === action)
    .map(({ maxSkew, topologyKey, minDomains = 1, nodeAffinityPolicy, nodeTaintsPolicy, ...rest }) => ({
      maxSkew,
      topologyKey,
      minDomains,
      selector: selectorOf(rest, pod.labels),
      honorsAffinity: nodeAffinityPolicy !== 'Ignore',
      honorsTaints: nodeTaintsPolicy === 'Honor',
    }));
}

function selectorOf(
  { labelSelector, matchLabelKeys = [] }: Pick<TopologySpreadConstraint, 'labelSelector' | 'matchLabelKeys'>,
  labels: Labels,
): LabelRequirements {
  const selector = requirementsOf(labelSelector);
  const same = Object.fromEntries(matchLabelKeys.flatMap((key) => (key in labels ? [[key, labels[key]!]] : [])));
  return selector && [...requirementsOfLabels(same), ...selector];
}

const takesPart = ({ honorsAffinity, honorsTaints }: Constraint, pod: PodInfo, { facts }: NodeInfo): boolean =>
  (!honorsAffinity || !pod.nodeRequirement || pod.nodeRequirement.matches(facts)) &&
  (!honorsTaints || !isKeptOff(pod.tolerations, facts.taints));

const hasAllKeys = (constraints: readonly Constraint[], { facts }: NodeInfo): boolean =>
  constraints.every(({ topologyKey }) => facts.labels[topologyKey] !== undefined);

/** A selector that selects everything counts nothing. */
function isCounted({ selector }: Constraint, pod: PodInfo, other: PlacedPod): boolean {
  return (
    selector?.length !== 0 &&
    !other.isDeleted &&
    other.namespace === pod.namespace &&
    matchesLabels(selector, other.labels)
  );
}

function countOn(node: NodeInfo, constraint: Constraint, pod: PodInfo): number {
  let count = 0;
  for (const other of node.pods.values()) if (isCounted(constraint, pod, other)) count++;
  return count;
}

/** What required constraints say about one pod. Changes when pods are tried out on nodes. */
export class SpreadState {
  readonly #pod: PodInfo;
  readonly #constraints: readonly Constraint[];
  /** By constraint: matching pods by topology value, and the least of them while that is known. */
  readonly #counts: readonly Map<string, number>[];
  readonly #least: (number | undefined)[] = [];

  /** `undefined` when the pod has none. */
  static of(pod: PodInfo, table: NodeTable): SpreadState | undefined {
    const constraints = constraintsOf(pod, 'DoNotSchedule');
    return constraints.length > 0 ? new SpreadState(pod, constraints, table.nodes()) : undefined;
  }

  constructor(pod: PodInfo, constraints: readonly Constraint[], nodes: Iterable<NodeInfo>) {
    this.#pod = pod;
    this.#constraints = constraints;
    this.#counts = constraints.map(() => new Map<string, number>());
    for (const node of nodes) {
      if (!hasAllKeys(constraints, node)) continue;
      for (const [i, constraint] of constraints.entries()) {
        if (takesPart(constraint, pod, node)) this.#add(i, node, countOn(node, constraint, pod));
      }
    }
  }

  #add(i: number, { facts }: NodeInfo, amount: number): void {
    const value = facts.labels[this.#constraints[i]!.topologyKey]!;
    const counts = this.#counts[i]!;
    counts.set(value, (counts.get(value) ?? 0) + amount);
    this.#least[i] = undefined;
  }

  #leastOf(i: number): number {
    const counts = this.#counts[i]!;
    if (counts.size < this.#constraints[i]!.minDomains) return 0;
    this.#least[i] ??= counts.values().reduce((least, count) => Math.min(least, count), maxInt32);
    return this.#least[i];
  }

  /** Takes a pod on a node into account, or (-1) no longer. */
  count(other: PlacedPod, node: NodeInfo, amount: 1 | -1): void {
    if (other.namespace !== this.#pod.namespace || !hasAllKeys(this.#constraints, node)) return;
    for (const [i, constraint] of this.#constraints.entries()) {
      if (matchesLabels(constraint.selector, other.labels) && takesPart(constraint, this.#pod, node)) {
        this.#add(i, node, amount);
      }
    }
  }

  check({ facts }: NodeInfo): Rejection | undefined {
    for (const [i, { topologyKey, maxSkew, selector }] of this.#constraints.entries()) {
      const value = facts.labels[topologyKey];
      if (value === undefined) return reject('PodTopologySpread', reasons.spreadLabel);
      const count = this.#counts[i]!.get(value) ?? 0;
      const itself = matchesLabels(selector, this.#pod.labels) ? 1 : 0;
      if (count + itself - this.#leastOf(i) > maxSkew) return reject('PodTopologySpread', reasons.spread, true);
    }
    return undefined;
  }
}

/** Where no node takes part, nothing is far from the least. */
const maxInt32 = 2 ** 31 - 1;

/** Constraints that are wishes only. `similar` selects the pod's like, in case it says nothing itself. */
export function spreadWishes(pod: PodInfo, similar: LabelRequirements): Constraint[] {
  if (pod.spread.length > 0) return constraintsOf(pod, 'ScheduleAnyway');
  return similar?.length ? defaults(similar) : [];
}

/** Scores of each of `candidates`, 0 to 100. */
export function spreadScores(
  pod: PodInfo,
  constraints: readonly Constraint[],
  candidates: readonly NodeInfo[],
  table: NodeTable,
): Float64Array {
  const own = pod.spread.length > 0;
  // Nodes without a zone still spread by host, where the pod does not ask for zones itself.
  const isIgnored = (node: NodeInfo): boolean => own && !hasAllKeys(constraints, node);
  const scored = candidates.filter((node) => !isIgnored(node));
  const domains = constraints.map((constraint) => domainsOf(constraint, pod, scored, table.nodes(), isIgnored));
  const scores = Float64Array.from(candidates, (node) => {
    if (isIgnored(node)) return ignored;
    let score = 0;
    for (const [i, constraint] of constraints.entries()) score += scoreOf(node, constraint, domains[i]!, pod);
    return Math.round(score);
  });
  normalize(scores);
  return scores;
}

interface Domains {
  counts: ReadonlyMap<string, number>;
  weight: number;
}

/** Matching pods by topology value; hosts are counted when they are scored. */
function domainsOf(
  constraint: Constraint,
  pod: PodInfo,
  scored: readonly NodeInfo[],
  nodes: Iterable<NodeInfo>,
  isIgnored: (node: NodeInfo) => boolean,
): Domains {
  const { topologyKey } = constraint;
  const counts = new Map<string, number>();
  if (topologyKey === hostname) return { counts, weight: Math.log(scored.length + 2) };
  const domainOf = ({ facts }: NodeInfo): string => facts.labels[topologyKey] ?? '';
  for (const node of scored) counts.set(domainOf(node), 0);
  for (const node of nodes) {
    const count = counts.get(domainOf(node));
    if (count === undefined || isIgnored(node) || !takesPart(constraint, pod, node)) continue;
    counts.set(domainOf(node), count + countOn(node, constraint, pod));
  }
  return { counts, weight: Math.log(counts.size + 2) };
}

function scoreOf(node: NodeInfo, constraint: Constraint, { counts, weight }: Domains, pod: PodInfo): number {
  const value = node.facts.labels[constraint.topologyKey];
  if (value === undefined) return 0;
  const isHost = constraint.topologyKey === hostname;
  const count = isHost ? countOn(node, constraint, pod) : (counts.get(value) ?? 0);
  return count * weight + constraint.maxSkew - 1;
}

const ignored = -1;

/** Fewer pods, higher scores. */
function normalize(scores: Float64Array): void {
  let [least, most] = [Number.POSITIVE_INFINITY, 0];
  for (const score of scores) {
    if (score === ignored) continue;
    least = Math.min(least, score);
    most = Math.max(most, score);
  }
  for (const [i, score] of scores.entries()) {
    if (score === ignored) scores[i] = 0;
    else scores[i] = most === 0 ? 100 : Math.trunc((100 * (most + least - score)) / most);
  }
}
