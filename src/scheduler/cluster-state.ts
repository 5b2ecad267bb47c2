/** What the scheduler knows, kept in step with what it is told. Does nothing by itself and asks nobody. */
import type { Namespace, Node, Pod, PodDisruptionBudget } from '../schema/generated/index.ts';
import type { LabelRequirements } from '../schema/index.ts';
import type { ScoringFactory } from '../wasm/index.ts';
import type { ClusterEvent } from './hints.ts';
import { nodeFacts } from './node-info.ts';
import { NodeTable, sameRecord } from './node-table.ts';
import { Nominations } from './nominations.ts';
import type { Snapshot } from './pass.ts';
import { type Labels, onNode, type PlacedPod, type PodInfo, placedPod, podInfo, requirementsOf } from './pod-info.ts';
import type { Disruptions } from './preemption.ts';
import { SchedulingQueue } from './queue.ts';
import { Selectors } from './similar.ts';
import { Volumes } from './volumes.ts';

/** The one scheduler that pods get when they name none. */
export const schedulerName = 'default-scheduler';

export interface ClusterStateOptions {
  scoring: ScoringFactory;
  /** Pods that may wait in memory; more wait in the store. */
  pendingPods: number;
  nowMs(): number;
}

export class ClusterState implements Snapshot {
  readonly table: NodeTable;
  readonly queue: SchedulingQueue;
  readonly nominations = new Nominations();
  readonly volumes = new Volumes();
  readonly selectors = new Selectors();
  readonly #budgets = new Map<string, Disruptions>();
  readonly #namespaces = new Map<string, Labels>();
  /** UIDs of pods that have a node here, and are being bound to it. */
  readonly #assumed = new Set<string>();
  readonly #nowMs: () => number;

  constructor({ scoring, pendingPods, nowMs }: ClusterStateOptions) {
    this.table = new NodeTable(scoring);
    this.queue = new SchedulingQueue({ pods: pendingPods }, this.labelsOf);
    this.#nowMs = nowMs;
  }

  readonly labelsOf = (namespace: string): Labels | undefined => this.#namespaces.get(namespace);

  get budgets(): readonly Disruptions[] {
    return [...this.#budgets.values()];
  }

  nominated(node: string, pod: PodInfo): readonly PlacedPod[] {
    return this.nominations.before(node, pod);
  }

  nominatedNodes(): Iterable<string> {
    return this.nominations.nodes();
  }

  similar(pod: PodInfo): LabelRequirements {
    return this.selectors.of(pod);
  }

  happened(event: ClusterEvent, but?: string): void {
    this.queue.happened(event, this.#nowMs(), but);
  }

  // --- pods -----------------------------------------------------------------------------------------------------------

  podChanged(pod: Pod): void {
    const phase = pod.status?.phase;
    if (phase === 'Succeeded' || phase === 'Failed') this.podRemoved(pod.metadata.uid ?? '');
    else if (pod.spec?.nodeName) this.#podOnNode(this.#arrived(pod) ?? placedPod(pod));
    else if (pod.spec?.schedulerName === schedulerName) this.#podWaits(podInfo(pod));
  }

  /** What is known of a pod that came to the node that it was sent to. */
  #arrived({ metadata, spec }: Pod): PlacedPod | undefined {
    const { uid = '', labels = {}, deletionTimestamp } = metadata;
    const assumed = this.#assumed.has(uid) && !deletionTimestamp ? this.table.pod(uid) : undefined;
    return assumed?.nodeName === spec?.nodeName && assumed && sameRecord(assumed.labels, labels) ? assumed : undefined;
  }

  #podOnNode(pod: PlacedPod): void {
    const previous = this.table.pod(pod.uid);
    const wasAssumed = this.#assumed.delete(pod.uid);
    this.queue.delete(pod.uid);
    this.nominations.delete(pod.uid);
    if (pod !== previous) this.table.setPod(pod);
    if (!previous || wasAssumed) this.happened({ type: 'podAdded', pod });
    else if (isOther(previous, pod)) this.happened({ type: 'podChanged', pod, previous });
  }

  #podWaits(pod: PodInfo): void {
    if (this.#assumed.has(pod.uid)) {
      if (pod.isDeleted) this.forget(pod.uid);
      return;
    }
    const previous = this.queue.get(pod.uid)?.pod;
    this.queue.set(pod, this.#nowMs());
    this.nominations.set(pod);
    const gaveUp = previous?.nominatedNode && previous.nominatedNode !== pod.nominatedNode;
    if (gaveUp) this.happened({ type: 'podRemoved', pod: previous }, pod.uid);
  }

  podRemoved(uid: string): void {
    const waiting = this.queue.get(uid)?.pod;
    this.queue.delete(uid);
    this.nominations.delete(uid);
    this.#assumed.delete(uid);
    const pod = this.table.removePod(uid) ?? (waiting?.nominatedNode ? waiting : undefined);
    if (pod) this.happened({ type: 'podRemoved', pod });
  }

  podsListed(uids: ReadonlySet<string>): void {
    this.queue.endList();
    for (const uid of [...this.table.podUids(), ...this.queue.uids()]) if (!uids.has(uid)) this.podRemoved(uid);
  }

  /** Counts a pod on its node from now on; the API is yet to be told. */
  assume(pod: PodInfo, node: string): void {
    this.nominations.delete(pod.uid);
    this.#assumed.add(pod.uid);
    this.table.setPod(onNode(pod, node));
  }

  /** The pod does not come to its node after all. False when it has been seen there, or is gone. */
  forget(uid: string): boolean {
    if (!this.#assumed.delete(uid)) return false;
    const pod = this.table.removePod(uid);
    if (pod) this.happened({ type: 'podRemoved', pod }, uid);
    return pod !== undefined;
  }

  nominate(pod: PodInfo, node: string): void {
    const nominated = { ...pod, nominatedNode: node };
    const entry = this.queue.get(pod.uid);
    if (entry) entry.pod = nominated;
    this.nominations.set(nominated);
  }

  // --- everything else ------------------------------------------------------------------------------------------------

  nodeChanged(object: Node): void {
    const node = nodeFacts(object);
    const previous = this.table.setNode(node);
    this.happened({ type: 'node', node, previous });
  }

  nodeRemoved(name: string): void {
    const node = this.table.removeNode(name);
    if (node) this.happened({ type: 'nodeRemoved', node });
  }

  namespaceChanged({ metadata }: Namespace): void {
    this.#namespaces.set(metadata.name ?? '', metadata.labels ?? {});
  }

  namespaceRemoved(name: string): void {
    this.#namespaces.delete(name);
  }

  budgetChanged({ metadata, spec, status }: PodDisruptionBudget): void {
    this.#budgets.set(metadata.uid ?? '', {
      namespace: metadata.namespace ?? '',
      selector: requirementsOf(spec?.selector),
      allowed: status?.disruptionsAllowed ?? 0,
      disrupted: new Set(Object.keys(status?.disruptedPods ?? {})),
    });
  }

  budgetRemoved(uid: string): void {
    this.#budgets.delete(uid);
  }
}

const isOther = (previous: PlacedPod, pod: PlacedPod): boolean =>
  !sameRecord(previous.labels, pod.labels) ||
  [...previous.requests.amounts].some(([name, amount]) => (pod.requests.amounts.get(name) ?? 0) !== amount);
