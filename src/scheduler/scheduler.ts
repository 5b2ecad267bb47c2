/** Takes pods from the queue one by one, places them, and binds several at once while the next are placed. */
import { pods } from '../client/index.ts';
import type { Client, EventRecorder, EventSubject } from '../client/types.ts';
import type { Budget } from '../config/budget.ts';
import { type Clock, isReason, type Logger, nextTurn, type Timer } from '../kernel/index.ts';
import type { Binding } from '../schema/generated/index.ts';
import type { ScoringFactory } from '../wasm/index.ts';
import { ClusterState, schedulerName } from './cluster-state.ts';
import { describeFit } from './fit-error.ts';
import { type PassResult, schedulePass } from './pass.ts';
import { keyOf, type PlacedPod, type PodInfo } from './pod-info.ts';
import { notScheduled, patchStatus, type StatusChange } from './pod-status.ts';
import { planPreemption } from './preemption.ts';
import type { QueuedPod } from './queue.ts';
import { watchCluster, type Watches } from './watches.ts';

export interface SchedulerOptions {
  /** Acts as `system:kube-scheduler`. */
  client: Client;
  clock: Clock;
  log: Logger;
  recorder: EventRecorder;
  scoring: ScoringFactory;
  budget: Pick<Budget, 'inFlightWrites' | 'pendingWrites'>;
  /** Pods that may wait in memory; more wait in the store. */
  pendingPods?: number;
  /** Uniform in [0, 1); chooses among nodes that are equally good. */
  random?: () => number;
}

const defaultPendingPods = 5_000;
/** How long pods are placed before others have their turn. */
const sliceMs = 2;
const flushIntervalMs = 30_000;
/** Of an Event's message. */
const messageLimit = 1_024;

/** Starts to schedule pods that name the default scheduler. Catches up by itself when the API answers. */
export function startScheduler(options: SchedulerOptions): { stop(): Promise<void> } {
  return new Scheduler(options);
}

class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #random: () => number;
  readonly #state: ClusterState;
  readonly #watches: Watches;
  /** Binds, evictions and changes of status that are under way. */
  readonly #writes = new Set<Promise<void>>();
  readonly #writesLimit: number;
  /** UIDs of pods whose victims are being evicted; true when the pod was to be tried meanwhile. */
  readonly #preempting = new Map<string, boolean>();
  #start = 0;
  #isReady = false;
  #isWoken = false;
  #isStopped = false;
  #backoffTimer: Timer | undefined;
  #flushTimer: Timer | undefined;

  constructor(options: SchedulerOptions) {
    this.#options = options;
    const { scoring, clock, budget, pendingPods = defaultPendingPods, random = Math.random } = options;
    this.#random = random;
    this.#writesLimit = Math.max(1, Math.min(budget.inFlightWrites, Math.floor(budget.pendingWrites / 2)));
    this.#state = new ClusterState({ scoring, pendingPods, nowMs: () => clock.monotonicMs() });
    this.#watches = watchCluster(options, this.#state, () => this.#wake());
    void this.#watches.ready.then(() => {
      this.#isReady = true;
      this.#wake();
    });
    this.#flushLater();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#watches.stop();
    this.#backoffTimer?.cancel();
    this.#flushTimer?.cancel();
    await Promise.allSettled(this.#writes);
  }

  #flushLater(): void {
    const { clock } = this.#options;
    this.#flushTimer = clock.after(flushIntervalMs, () => {
      this.#state.queue.flush(clock.monotonicMs());
      if (this.#state.queue.wantsList(true)) this.#watches.relistPods();
      this.#wake();
      this.#flushLater();
    });
  }

  /** Pods are placed in turns of their own: this is called from within the store's publication. */
  #wake(): void {
    if (this.#isWoken || !this.#isReady || this.#isStopped) return;
    this.#isWoken = true;
    void nextTurn().then(() => {
      this.#isWoken = false;
      if (!this.#isStopped) this.#slice();
    });
  }

  #slice(): void {
    const { clock } = this.#options;
    const { queue } = this.#state;
    const endMs = clock.monotonicMs() + sliceMs;
    while (this.#writes.size < this.#writesLimit) {
      const nowMs = clock.monotonicMs();
      const entry = nowMs < endMs ? queue.pop(nowMs) : undefined;
      if (!entry) {
        if (nowMs < endMs) this.#rest();
        else this.#wake();
        return;
      }
      this.#scheduleOne(entry);
    }
  }

  #rest(): void {
    const { clock } = this.#options;
    const { queue } = this.#state;
    if (queue.wantsList(false)) this.#watches.relistPods();
    this.#backoffTimer?.cancel();
    const { nextMs } = queue;
    if (nextMs !== undefined) this.#backoffTimer = clock.after(nextMs - clock.monotonicMs(), () => this.#wake());
  }

  #scheduleOne(entry: QueuedPod): void {
    const { pod } = entry;
    if (pod.isDeleted) {
      this.#state.queue.delete(pod.uid);
      this.#tell(pod, 'Warning', 'FailedScheduling', `skip schedule deleting pod: ${keyOf(pod)}`);
    } else if (this.#preempting.has(pod.uid)) {
      this.#preempting.set(pod.uid, true);
      this.#state.queue.hold(entry);
    } else {
      this.#place(entry);
    }
  }

  #place(entry: QueuedPod): void {
    const { pod } = entry;
    try {
      if (this.#state.table.size === 0) throw new Error('no nodes available to schedule pods');
      const result = schedulePass(pod, this.#state, { start: this.#start, random: this.#random });
      this.#start = result.nextStart;
      if (result.node === undefined) {
        this.#refuse(entry, result);
      } else {
        this.#state.assume(pod, result.node);
        this.#write(this.#bind(entry, result.node));
      }
    } catch (error) {
      this.#fail(entry, error);
    }
  }

  async #bind(entry: QueuedPod, node: string): Promise<void> {
    const { uid, name, namespace } = entry.pod;
    const binding: Binding = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name, namespace, uid },
      target: { kind: 'Node', name: node },
    };
    try {
      await this.#options.client.create(pods, binding, { subresource: 'binding', name, namespace });
      this.#tell(entry.pod, 'Normal', 'Scheduled', `Successfully assigned ${keyOf(entry.pod)} to ${node}`);
    } catch (error) {
      if (!this.#state.forget(uid)) return;
      this.#fail(entry, new Error(`running Bind plugin "DefaultBinder": ${messageOf(error)}`));
    }
  }

  /** The pod fits nowhere: makes room for it, if it may have it, and says so. */
  #refuse(entry: QueuedPod, { fitError, cycle }: Extract<PassResult, { node: undefined }>): void {
    const { pod } = entry;
    const { queue, budgets } = this.#state;
    const plan = planPreemption(cycle, fitError, this.#state, budgets, this.#random);
    queue.refuse(entry, fitError.plugins, this.#options.clock.monotonicMs());
    const text = describeFit(fitError);
    if (plan.node !== undefined) {
      this.#report(entry, 'Unschedulable', text, plan.node);
      this.#state.nominate(pod, plan.node);
      this.#write(this.#preempt(pod, plan.node, plan.victims));
    } else {
      const gaveUp = !plan.keepsNomination && pod.nominatedNode !== '';
      this.#report(entry, 'Unschedulable', `${text} ${plan.message}`, gaveUp ? '' : undefined);
    }
  }

  /** Something went wrong: the pod is tried again after a while. */
  #fail(entry: QueuedPod, error: unknown): void {
    const { log, clock } = this.#options;
    const text = messageOf(error);
    const reason = this.#state.table.size === 0 ? 'Unschedulable' : 'SchedulerError';
    if (reason === 'SchedulerError') log.warn('scheduling failed', { pod: keyOf(entry.pod), error: text });
    this.#state.queue.fail(entry, clock.monotonicMs());
    this.#report(entry, reason, text, entry.pod.nominatedNode ? '' : undefined);
  }

  /** Tells the pod's owner, by an Event and in the pod's status, and drops a nomination (''), or makes one. */
  #report(entry: QueuedPod, reason: 'Unschedulable' | 'SchedulerError', message: string, nominatedNode?: string): void {
    const { pod } = entry;
    this.#tell(pod, 'Warning', 'FailedScheduling', message);
    const condition = notScheduled(pod, reason, message);
    const change: StatusChange = {
      ...(condition && { condition, previous: pod.scheduled }),
      ...(nominatedNode !== undefined && { nominatedNode }),
    };
    if (Object.keys(change).length > 0) this.#write(this.#setStatus(pod, change));
  }

  async #setStatus(pod: PlacedPod, change: StatusChange): Promise<void> {
    const { client, clock, log } = this.#options;
    try {
      await patchStatus(client, pod, change, clock.nowMs());
    } catch (error) {
      if (isReason(error, 'NotFound') || isReason(error, 'Conflict')) return;
      log.warn('could not change the status of a pod', { pod: keyOf(pod), error: messageOf(error) });
    }
  }

  /** Evicts the victims. Meanwhile the pod is not tried again: each that goes would seem to make room. */
  async #preempt(pod: PodInfo, node: string, victims: readonly PlacedPod[]): Promise<void> {
    const { queue, nominations } = this.#state;
    this.#preempting.set(pod.uid, false);
    let failed = false;
    try {
      const displaced = nominations.after(node, pod).map((other) => this.#setStatus(other, { nominatedNode: '' }));
      await Promise.all([...displaced, ...victims.map((victim) => this.#evict(victim, pod, node))]);
    } catch (error) {
      failed = true;
      this.#options.log.warn('preemption failed', { pod: keyOf(pod), node, error: messageOf(error) });
    }
    const wasHeld = this.#preempting.get(pod.uid);
    this.#preempting.delete(pod.uid);
    if (failed || wasHeld) queue.activate(pod.uid);
  }

  async #evict(victim: PlacedPod, preemptor: PodInfo, node: string): Promise<void> {
    const { client, clock } = this.#options;
    const { uid, name, namespace, generation, isDeleted } = victim;
    if (isDeleted) return;
    const condition = {
      type: 'DisruptionTarget',
      status: 'True',
      reason: 'PreemptionByScheduler',
      message: `${schedulerName}: preempting to accommodate a higher priority pod`,
      observedGeneration: generation,
    };
    try {
      await patchStatus(client, victim, { condition }, clock.nowMs());
      await client.delete(pods, name, { namespace, preconditions: { uid } });
    } catch (error) {
      if (isReason(error, 'NotFound')) return;
      throw error;
    }
    this.#tell(victim, 'Normal', 'Preempted', `Preempted by pod ${preemptor.uid} on node ${node}`);
  }

  #write(work: Promise<void>): void {
    const failed = (error: unknown): void =>
      this.#options.log.error('a write ended unexpectedly', { error: error instanceof Error ? error.stack : error });
    const done = work.catch(failed).finally(() => {
      this.#writes.delete(done);
      this.#wake();
    });
    this.#writes.add(done);
  }

  #tell(
    pod: PlacedPod & { resourceVersion?: string },
    type: 'Normal' | 'Warning',
    reason: string,
    message: string,
  ): void {
    this.#options.recorder.event(subjectOf(pod), type, reason, truncated(message));
  }
}

const subjectOf = ({
  name,
  namespace,
  uid,
  resourceVersion,
}: PlacedPod & { resourceVersion?: string }): EventSubject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace, uid, ...(resourceVersion && { resourceVersion }) },
});

const truncated = (text: string): string =>
  Buffer.byteLength(text) <= messageLimit ? text : `${text.slice(0, messageLimit - 4)} ...`;

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
