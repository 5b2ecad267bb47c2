/**
 * Pods that wait for a node. Active ones are tried in order of priority and arrival. One that fits nowhere waits for an
 * event that may help it, then for its back-off, which doubles; one that failed otherwise waits for its back-off only.
 */
import { Heap } from './heap.ts';
import { type ClusterEvent, concerns, mayHelp } from './hints.ts';
import type { NamespaceLabels } from './inter-pod-affinity.ts';
import { sameRecord } from './node-table.ts';
import type { PluginName } from './plugins.ts';
import type { PodInfo } from './pod-info.ts';

export interface QueuedPod {
  pod: PodInfo;
  /** Since when it waits, and in which order pods came that wait since then. */
  sinceMs: number;
  order: number;
  /** Attempts at which it fitted nowhere. */
  refusals: number;
  /** Attempts in a row that failed otherwise. */
  errors: number;
  backoffEndMs: number;
  refusedBy: ReadonlySet<PluginName>;
}

/** A list of all pods that wait. */
interface Sweep {
  offered: number;
  /** How many had been offered when there was no room any more. */
  stoppedAt: number | undefined;
}

export interface QueueLimits {
  /** Pods that may wait. Of more, those that fit nowhere are forgotten first. */
  pods: number;
}

const firstBackoffMs = 1_000;
const maxBackoffMs = 10_000;
/** A pod that no event has helped for this long is tried again all the same. */
const maxWaitMs = 5 * 60_000;

const noOne: ReadonlySet<PluginName> = new Set();

const byPriority = (a: QueuedPod, b: QueuedPod): boolean => {
  if (a.pod.priority !== b.pod.priority) return a.pod.priority > b.pod.priority;
  return a.sinceMs !== b.sinceMs ? a.sinceMs < b.sinceMs : a.order < b.order;
};
const byBackoff = (a: QueuedPod, b: QueuedPod): boolean => a.backoffEndMs < b.backoffEndMs;

export class SchedulingQueue {
  readonly #limits: QueueLimits;
  readonly #labelsOf: NamespaceLabels;
  readonly #known = new Map<string, QueuedPod>();
  readonly #active = new Heap<QueuedPod>(byPriority);
  /** Refused, and to be tried again. */
  readonly #backoff = new Heap<QueuedPod>(byBackoff);
  /** Failed otherwise. */
  readonly #errors = new Heap<QueuedPod>(byBackoff);
  /** Waiting for an event, the longest waiting first. */
  readonly #refused = new Set<QueuedPod>();
  /** Of those that wait for an event, how many each plugin refused. */
  readonly #refusals = new Map<PluginName, number>();
  readonly #gated = new Set<QueuedPod>();
  #order = 0;
  #hasForgotten = false;
  #sweep: Sweep | undefined;
  /** Pods of the next list that had their turn in the one before. */
  #skip = 0;

  constructor(limits: QueueLimits, labelsOf: NamespaceLabels) {
    this.#limits = limits;
    this.#labelsOf = labelsOf;
  }

  /** Pods that wait, and those that are being tried. */
  get size(): number {
    return this.#known.size;
  }

  /**
   * Whether there are pods that were forgotten for want of room, and it is time to list them again: when there is room
   * now, or some have not had their turn yet. `patient`: those that had it may have it again.
   */
  wantsList(patient: boolean): boolean {
    const hasRoom = this.#known.size <= this.#limits.pods / 2;
    return this.#hasForgotten && !this.#sweep && this.#active.size === 0 && (hasRoom || this.#skip > 0 || patient);
  }

  /** All pods that wait are going to be told, in the same order each time. What does not fit in has its turn next time. */
  beginList(): void {
    this.#sweep = { offered: 0, stoppedAt: undefined };
    this.#hasForgotten = false;
  }

  endList(): void {
    this.#skip = this.#sweep?.stoppedAt ?? 0;
    this.#sweep = undefined;
  }

  get(uid: string): QueuedPod | undefined {
    return this.#known.get(uid);
  }

  uids(): Iterable<string> {
    return this.#known.keys();
  }

  /** Adds a pod, or takes note of how it is now. */
  set(pod: PodInfo, nowMs: number): void {
    const entry = this.#known.get(pod.uid);
    const hasTurn = this.#hasTurn();
    if (entry) this.#change(entry, pod, nowMs);
    else if (hasTurn) this.#add(pod, nowMs);
    else this.#hasForgotten = true;
  }

  #hasTurn(): boolean {
    if (!this.#sweep) return true;
    return ++this.#sweep.offered > this.#skip && this.#sweep.stoppedAt === undefined;
  }

  #add(pod: PodInfo, nowMs: number): void {
    if (this.#known.size >= this.#limits.pods && !this.#makeRoom()) {
      if (this.#sweep) this.#sweep.stoppedAt = this.#sweep.offered - 1;
      return;
    }
    const order = this.#order++;
    const entry = { pod, sinceMs: nowMs, order, refusals: 0, errors: 0, backoffEndMs: 0, refusedBy: noOne };
    this.#known.set(pod.uid, entry);
    if (pod.gates > 0) this.#gated.add(entry);
    else this.#active.push(entry);
  }

  #makeRoom(): boolean {
    this.#hasForgotten = true;
    for (const waiting of [this.#refused, this.#gated]) {
      for (const oldest of waiting) return this.delete(oldest.pod.uid);
    }
    return false;
  }

  #change(entry: QueuedPod, pod: PodInfo, nowMs: number): void {
    const previous = entry.pod;
    const places = [this.#active, this.#backoff, this.#errors].filter((heap) => heap.has(entry));
    if (previous.priority !== pod.priority) for (const heap of places) heap.delete(entry);
    entry.pod = pod;
    if (previous.priority !== pod.priority) for (const heap of places) heap.push(entry);
    if (this.#gated.has(entry)) {
      if (pod.gates === 0 && this.#gated.delete(entry)) this.#active.push(entry);
    } else if (this.#refused.has(entry) && isOther(previous, pod)) {
      this.#retry(entry, nowMs);
    }
  }

  delete(uid: string): boolean {
    const entry = this.#known.get(uid);
    if (!entry) return false;
    this.#known.delete(uid);
    this.#active.delete(entry);
    this.#backoff.delete(entry);
    this.#errors.delete(entry);
    this.#unrefuse(entry);
    this.#gated.delete(entry);
    return true;
  }

  /** The next pod to try. When none is active, one that is backing off is not kept waiting. */
  pop(nowMs: number): QueuedPod | undefined {
    this.#endBackoffs(this.#backoff, nowMs);
    this.#endBackoffs(this.#errors, nowMs);
    return this.#active.pop() ?? this.#backoff.pop();
  }

  #endBackoffs(heap: Heap<QueuedPod>, nowMs: number): void {
    for (let first = heap.peek(); first && first.backoffEndMs <= nowMs; first = heap.peek()) {
      heap.delete(first);
      this.#active.push(first);
    }
  }

  /** When the next back-off ends that is to be waited for. */
  get nextMs(): number | undefined {
    return this.#errors.peek()?.backoffEndMs;
  }

  /** A pod that was taken out fits nowhere. */
  refuse(entry: QueuedPod, plugins: ReadonlySet<PluginName>, nowMs: number): void {
    if (!this.#isKnown(entry)) return;
    entry.refusals++;
    entry.errors = 0;
    entry.refusedBy = plugins;
    entry.sinceMs = nowMs;
    entry.backoffEndMs = nowMs + backoffMs(entry.refusals);
    this.#waitForEvent(entry);
  }

  /** A pod that was taken out could not be placed for another reason. */
  fail(entry: QueuedPod, nowMs: number): void {
    if (!this.#isKnown(entry)) return;
    entry.errors++;
    entry.refusedBy = noOne;
    entry.sinceMs = nowMs;
    entry.backoffEndMs = nowMs + backoffMs(entry.errors);
    this.#errors.push(entry);
  }

  /** A pod that was taken out is not to be tried now, until it is activated. */
  hold(entry: QueuedPod): void {
    if (this.#isKnown(entry)) this.#waitForEvent(entry);
  }

  /** Whether it is still this entry that stands for the pod, and it waits nowhere. */
  #isKnown(entry: QueuedPod): boolean {
    return this.#known.get(entry.pod.uid) === entry && !this.#active.has(entry);
  }

  /** Tries those again that the event may help. Returns whether there are any. */
  happened(event: ClusterEvent, nowMs: number, but?: string): boolean {
    let any = false;
    if (!concerns[event.type].some((plugin) => this.#refusals.get(plugin))) return any;
    for (const entry of [...this.#refused]) {
      if (entry.pod.uid === but) continue;
      if (!this.#mayHelp(entry, event)) continue;
      this.#retry(entry, nowMs);
      any = true;
    }
    return any;
  }

  /** A hint that fails does not keep the pod from being tried. */
  #mayHelp({ refusedBy, pod }: QueuedPod, event: ClusterEvent): boolean {
    try {
      return [...refusedBy].some((plugin) => mayHelp(plugin, pod, event, this.#labelsOf));
    } catch {
      return true;
    }
  }

  /** Tries a pod again without waiting for an event. */
  activate(uid: string): void {
    const entry = this.#known.get(uid);
    if (!entry || !(this.#unrefuse(entry) || this.#backoff.delete(entry))) return;
    this.#active.push(entry);
  }

  /** Tries those again that have waited too long. */
  flush(nowMs: number): void {
    for (const entry of [...this.#refused]) if (nowMs - entry.sinceMs > maxWaitMs) this.#retry(entry, nowMs);
  }

  #waitForEvent(entry: QueuedPod): void {
    this.#refused.add(entry);
    for (const plugin of entry.refusedBy) this.#refusals.set(plugin, (this.#refusals.get(plugin) ?? 0) + 1);
  }

  #unrefuse(entry: QueuedPod): boolean {
    if (!this.#refused.delete(entry)) return false;
    for (const plugin of entry.refusedBy) this.#refusals.set(plugin, (this.#refusals.get(plugin) ?? 0) - 1);
    return true;
  }

  #retry(entry: QueuedPod, nowMs: number): void {
    this.#unrefuse(entry);
    if (entry.backoffEndMs > nowMs) this.#backoff.push(entry);
    else this.#active.push(entry);
  }
}

const backoffMs = (times: number): number => Math.min(firstBackoffMs * 2 ** Math.min(times - 1, 20), maxBackoffMs);

/** Whether a pod changed in a way that may change where it fits. */
const isOther = (previous: PodInfo, pod: PodInfo): boolean =>
  !sameRecord(previous.labels, pod.labels) ||
  JSON.stringify(previous.tolerations) !== JSON.stringify(pod.tolerations) ||
  previous.nodeRequirement?.key !== pod.nodeRequirement?.key ||
  JSON.stringify([...previous.requests.amounts]) !== JSON.stringify([...pod.requests.amounts]);
