import type { Clock, Timer } from '../../kernel/index.ts';
import { timeToMs } from '../../schema/index.ts';
import type { Container, ContainerStatus, Pod, PodStatus, Probe } from '../../schema/generated/index.ts';
import type { Outcome } from './types.ts';

export type ProbeType = 'liveness' | 'readiness' | 'startup';
export type ProbeResult = 'success' | 'failure' | 'unknown';

export interface Observation {
  pod: Pod;
  status: PodStatus;
}

export interface WorkerOptions {
  clock: Clock;
  type: ProbeType;
  container: Container;
  probe: Probe;
  /** What is known of the pod now. */
  look(): Observation;
  /** Carries out the probe in the container with this id, as the status has it. */
  run(containerID: string, observation: Observation): Promise<Outcome>;
  /** What the probe amounts to has changed. */
  changed(): void;
  /** When the kubelet began: containers that are older were probed by its predecessor. */
  beganMs: number;
}

const initialResult: Readonly<Record<ProbeType, ProbeResult>> = {
  liveness: 'success',
  readiness: 'failure',
  startup: 'unknown',
};

/** Probes one container, one container after the other, until no further one can come. */
export class ProbeWorker {
  readonly #options: WorkerOptions;
  readonly #periodMs: number;
  #containerID = '';
  #result: ProbeResult | undefined;
  #lastFound: ProbeResult | undefined;
  #sameInARow = 0;
  /** Nothing more to learn of this container. */
  #onHold = false;
  #ended = false;
  #busy = false;
  #missedTick = false;
  #nextMs: number;
  /** Looks before the next tick. */
  #earlyMs: number[] = [];
  #hurriedFor = '';
  #timer: Timer | undefined;

  /** The first look is `delayMs` away. */
  constructor(options: WorkerOptions, delayMs: number) {
    this.#options = options;
    this.#periodMs = (options.probe.periodSeconds || 10) * 1000;
    this.#nextMs = options.clock.monotonicMs() + delayMs;
    this.#schedule();
  }

  /** What the probe says of this container; undefined when it has not said anything yet. */
  resultOf(containerID: string): ProbeResult | undefined {
    return containerID === this.#containerID ? this.#result : undefined;
  }

  /** A container that has just started is looked at soon, not only at the next tick. Once for each container. */
  hurry(containerID: string, delaysMs: readonly number[]): void {
    if (this.#ended || this.#hurriedFor === containerID) return;
    this.#hurriedFor = containerID;
    const nowMs = this.#options.clock.monotonicMs();
    this.#earlyMs = delaysMs.map((delayMs) => nowMs + delayMs);
    this.#schedule();
  }

  stop(): void {
    this.#ended = true;
    this.#timer?.cancel();
  }

  #schedule(): void {
    const { clock } = this.#options;
    const dueMs = Math.min(this.#nextMs, this.#earlyMs[0] ?? Number.POSITIVE_INFINITY);
    this.#timer?.cancel();
    this.#timer = clock.after(Math.max(0, dueMs - clock.monotonicMs()), () => this.#tick());
  }

  #tick(): void {
    const nowMs = this.#options.clock.monotonicMs();
    const isEarly = nowMs < this.#nextMs;
    this.#earlyMs = this.#earlyMs.filter((ms) => ms > nowMs);
    // Early looks move the ticks, so that the next one is a period after the last of them.
    this.#nextMs = (isEarly ? nowMs : Math.max(this.#nextMs, nowMs - this.#periodMs)) + this.#periodMs;
    this.#schedule();
    if (this.#busy) this.#missedTick = true;
    else void this.#look();
  }

  async #look(): Promise<void> {
    this.#busy = true;
    do {
      this.#missedTick = false;
      const decision = this.#decide();
      if (decision === 'end') this.stop();
      if (decision === 'probe') await this.#probe();
    } while (this.#missedTick && !this.#ended);
    this.#busy = false;
  }

  async #probe(): Promise<void> {
    const outcome = await this.#options.run(this.#containerID, this.#options.look());
    if (!this.#ended) this.#record(outcome);
  }

  /** Whether there is something to probe now. Takes note of a new container. */
  #decide(): 'probe' | 'wait' | 'end' {
    const { type, probe } = this.#options;
    const { pod, status } = this.#options.look();
    if (status.phase === 'Failed' || status.phase === 'Succeeded') return 'end';
    const container = this.#containerStatus(status);
    if (!container?.containerID) return 'wait';
    if (container.containerID !== this.#containerID) this.#begin(container);
    if (this.#onHold) return 'wait';
    const startedAt = container.state?.running?.startedAt;
    if (!container.state?.running) return this.#notRunning(pod, container);
    if (pod.metadata.deletionTimestamp && type !== 'readiness') {
      // So that a pod that is going is not killed for what it cannot answer any more.
      this.#set('success');
      return 'end';
    }
    const ageMs = this.#options.clock.nowMs() - msOf(startedAt);
    if (Math.floor(ageMs / 1000) < (probe.initialDelaySeconds ?? 0)) return 'wait';
    const isStarted = container.started ?? false;
    return isStarted === (type === 'startup') ? 'wait' : 'probe';
  }

  #containerStatus({ containerStatuses = [], initContainerStatuses = [] }: PodStatus): ContainerStatus | undefined {
    const { name } = this.#options.container;
    const find = (list: readonly ContainerStatus[]): ContainerStatus | undefined =>
      list.find((one) => one.name === name && one.containerID);
    return find(containerStatuses) ?? find(initContainerStatuses);
  }

  #begin({ containerID = '', state, started }: ContainerStatus): void {
    const { type, beganMs } = this.#options;
    const startedAt = state?.running?.startedAt;
    const wasThere = startedAt !== undefined && isOlder(startedAt, beganMs);
    this.#containerID = containerID;
    this.#onHold = false;
    this.#result = wasThere ? (type === 'startup' && started ? 'success' : undefined) : initialResult[type];
  }

  #notRunning({ spec }: Pod, { state }: ContainerStatus): 'wait' | 'end' {
    this.#set('failure');
    const { restartPolicy, restartPolicyRules } = this.#options.container;
    if (!state?.terminated || restartPolicyRules?.length) return 'wait';
    const policy = restartPolicy ?? spec?.restartPolicy ?? 'Always';
    const restarts = policy === 'Always' || (policy === 'OnFailure' && state.terminated.exitCode !== 0);
    return restarts ? 'wait' : 'end';
  }

  #record({ result }: Outcome): void {
    if (result === 'error') return;
    const { type, probe } = this.#options;
    const found: ProbeResult = result === 'failure' ? 'failure' : 'success';
    this.#sameInARow = this.#lastFound === found ? this.#sameInARow + 1 : 1;
    this.#lastFound = found;
    const threshold = found === 'failure' ? (probe.failureThreshold ?? 3) : (probe.successThreshold ?? 1);
    if (this.#sameInARow < threshold) return;
    if (type === 'startup' || (type === 'liveness' && found === 'failure')) {
      // The container is restarted, or has started: until there is another one, there is nothing to ask.
      this.#onHold = true;
      this.#sameInARow = 0;
    }
    this.#set(found);
  }

  #set(result: ProbeResult): void {
    if (this.#result === result) return;
    this.#result = result;
    if (result === 'success' && this.#earlyMs.length > 0) {
      this.#earlyMs = [];
      this.#schedule();
    }
    this.#options.changed();
  }
}

/** Whether a container was there before the kubelet began. Statuses know whole seconds only. */
export const isOlder = (startedAt: string, beganMs: number): boolean =>
  msOf(startedAt) < Math.floor(beganMs / 1000) * 1000;

export const msOf = (time: string | undefined): number => (time && timeToMs(time)) || 0;
