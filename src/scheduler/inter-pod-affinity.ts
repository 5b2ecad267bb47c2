/** InterPodAffinity: pods that want others near, or far, by the topology of their nodes. */
import type { NodeInfo } from './node-info.ts';
import type { NodeTable } from './node-table.ts';
import { type AffinityTerm, isMeant, type Labels, type PlacedPod, type PodInfo } from './pod-info.ts';
import { type Rejection, reasons, reject } from './plugins.ts';

export type NamespaceLabels = (namespace: string) => Labels | undefined;

/** Of existing pods' required terms that speak of the pod: upstream's default for `hardPodAffinityWeight`. */
const requiredWeight = 1;

/** Numbers by topology: `zone=a`. */
class TopologyCounts {
  readonly #counts = new Map<string, Map<string, number>>();

  get isEmpty(): boolean {
    return this.#counts.size === 0;
  }

  add(topologyKey: string, labels: Labels, amount: number): void {
    const value = labels[topologyKey];
    if (value === undefined) return;
    let values = this.#counts.get(topologyKey);
    if (!values) {
      values = new Map();
      this.#counts.set(topologyKey, values);
    }
    const next = (values.get(value) ?? 0) + amount;
    if (next !== 0) values.set(value, next);
    else values.delete(value);
    if (values.size === 0) this.#counts.delete(topologyKey);
  }

  of(topologyKey: string, labels: Labels): number {
    const value = labels[topologyKey];
    return value === undefined ? 0 : (this.#counts.get(topologyKey)?.get(value) ?? 0);
  }

  keys(): Iterable<string> {
    return this.#counts.keys();
  }

  /** Of all topologies of a node. */
  sum(labels: Labels): number {
    let sum = 0;
    for (const key of this.#counts.keys()) sum += this.of(key, labels);
    return sum;
  }
}

/** What required terms say about one pod. Changes when pods are tried out on nodes. */
export class AffinityState {
  readonly #pod: PodInfo;
  readonly #labelsOf: NamespaceLabels;
  /** Existing pods that want this one far. */
  readonly #repelled = new TopologyCounts();
  readonly #near = new TopologyCounts();
  readonly #far = new TopologyCounts();

  /** `undefined` when neither the pod nor any other has such terms. */
  static of(pod: PodInfo, table: NodeTable, labelsOf: NamespaceLabels): AffinityState | undefined {
    const state = new AffinityState(pod, labelsOf);
    const hasTerms = pod.near.required.length + pod.far.required.length > 0;
    for (const node of hasTerms ? table.nodes() : table.repelling) {
      for (const other of node.pods.values()) state.count(other, node, 1);
    }
    return hasTerms || !state.#repelled.isEmpty ? state : undefined;
  }

  constructor(pod: PodInfo, labelsOf: NamespaceLabels) {
    this.#pod = pod;
    this.#labelsOf = labelsOf;
  }

  /** Takes a pod on a node into account, or (-1) no longer. */
  count(other: PlacedPod, { facts }: NodeInfo, amount: 1 | -1): void {
    const { near, far } = this.#pod;
    for (const term of other.far.required) {
      if (isMeant(term, this.#pod, this.#labelsOf)) this.#repelled.add(term.topologyKey, facts.labels, amount);
    }
    if (near.required.length > 0 && this.#meetsAll(near.required, other)) {
      for (const term of near.required) this.#near.add(term.topologyKey, facts.labels, amount);
    }
    for (const term of far.required) {
      if (isMeant(term, other, this.#labelsOf)) this.#far.add(term.topologyKey, facts.labels, amount);
    }
  }

  #meetsAll(terms: readonly AffinityTerm[], pod: PlacedPod): boolean {
    return terms.every((term) => isMeant(term, pod, this.#labelsOf));
  }

  check({ facts: { labels } }: NodeInfo): Rejection | undefined {
    if (!this.#isNear(labels)) return reject('InterPodAffinity', reasons.affinity);
    const { far } = this.#pod;
    if (far.required.some(({ topologyKey }) => this.#far.of(topologyKey, labels) > 0)) {
      return reject('InterPodAffinity', reasons.antiAffinity, true);
    }
    for (const key of this.#repelled.keys()) {
      if (this.#repelled.of(key, labels) > 0) {
        return reject('InterPodAffinity', reasons.existingAntiAffinity, true);
      }
    }
    return undefined;
  }

  /** The first of a group that wants to be together may go anywhere. */
  #isNear(labels: Labels): boolean {
    const { required } = this.#pod.near;
    if (required.some(({ topologyKey }) => labels[topologyKey] === undefined)) return false;
    if (required.every(({ topologyKey }) => this.#near.of(topologyKey, labels) > 0)) return true;
    return this.#near.isEmpty && this.#meetsAll(required, this.#pod);
  }
}

/** Sums of weights by node, of terms that are wishes only; `undefined` when there are none. */
export function affinityWishes(
  pod: PodInfo,
  table: NodeTable,
  labelsOf: NamespaceLabels,
): ((node: NodeInfo) => number) | undefined {
  const wishes = new TopologyCounts();
  const hasWishes = pod.near.preferred.length + pod.far.preferred.length > 0;
  for (const node of hasWishes ? table.nodes() : table.related) {
    const { labels } = node.facts;
    const wish = (term: AffinityTerm, about: PlacedPod, weight: number): void => {
      if (isMeant(term, about, labelsOf)) wishes.add(term.topologyKey, labels, weight);
    };
    for (const other of node.pods.values()) {
      for (const term of pod.near.preferred) wish(term, other, term.weight);
      for (const term of pod.far.preferred) wish(term, other, -term.weight);
      for (const term of other.near.required) wish(term, pod, requiredWeight);
      for (const term of other.near.preferred) wish(term, pod, term.weight);
      for (const term of other.far.preferred) wish(term, pod, -term.weight);
    }
  }
  return wishes.isEmpty ? undefined : ({ facts }) => wishes.sum(facts.labels);
}

/** From the least wished for, 0, to the most, 100. */
export function normalizeWishes(scores: Float64Array): void {
  let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const score of scores) {
    least = Math.min(least, score);
    most = Math.max(most, score);
  }
  const range = most - least;
  for (let i = 0; i < scores.length; i++) scores[i] = range > 0 ? Math.trunc(100 * ((scores[i]! - least) / range)) : 0;
}
