import type { Container, ContainerStatus, Pod, PodStatus, Probe } from '../../schema/generated/index.ts';
import { Slots } from '../../kernel/index.ts';
import type { KubeletEnv, ProbeManager, ProbeResults } from '../types.ts';
import { runProbe } from './prober.ts';
import type { Outcome } from './types.ts';
import { isOlder, type Observation, type ProbeType, type ProbeResult, ProbeWorker } from './worker.ts';

export interface ProbeManagerOptions {
  /** Spreads the first probes after a restart; for tests. */
  random?(): number;
  /** Carries out a probe; for tests. */
  run?: typeof runProbe;
}

interface ProbedPod {
  observation: Observation;
  /** By container and type. */
  workers: Map<string, ProbeWorker>;
}

/** After the start of a container. A server needs a moment until it listens; most are there after the first. */
const earlyReadinessMs = [200, 1_000];

const types: readonly ProbeType[] = ['startup', 'readiness', 'liveness'];
const nameOf: Readonly<Record<ProbeType, string>> = {
  liveness: 'Liveness',
  readiness: 'Readiness',
  startup: 'Startup',
};

/** Liveness, readiness and startup probes of all pods. `onResult` is told which pod's status may have changed. */
export function createProbeManager(
  env: KubeletEnv,
  onResult: (podUid: string) => void,
  options: ProbeManagerOptions = {},
): ProbeManager {
  return new Manager(env, onResult, options);
}

class Manager implements ProbeManager {
  readonly #env: KubeletEnv;
  readonly #onResult: (podUid: string) => void;
  readonly #random: () => number;
  readonly #run: typeof runProbe;
  readonly #slots: Slots;
  readonly #pods = new Map<string, ProbedPod>();
  readonly #beganMs: number;

  constructor(
    env: KubeletEnv,
    onResult: (podUid: string) => void,
    { random = Math.random, run = runProbe }: ProbeManagerOptions,
  ) {
    this.#env = env;
    this.#onResult = onResult;
    this.#random = random;
    this.#run = run;
    this.#slots = new Slots(env.budget.parallelProbes);
    this.#beganMs = env.clock.nowMs();
  }

  observe(pod: Pod, status: PodStatus): void {
    const uid = pod.metadata.uid ?? '';
    const known = this.#pods.get(uid);
    const observation = { pod, status };
    if (known) known.observation = observation;
    const probed = known ?? { observation, workers: new Map() };
    const isOver = status.phase === 'Failed' || status.phase === 'Succeeded';
    for (const container of probedContainers(pod)) {
      if (!isOver) this.#startWorkers(uid, probed, container);
      this.#hurryReadiness(probed, container);
    }
    if (probed.workers.size > 0) this.#pods.set(uid, probed);
  }

  forget(podUid: string): void {
    for (const worker of this.#pods.get(podUid)?.workers.values() ?? []) worker.stop();
    this.#pods.delete(podUid);
  }

  results(pod: Pod, container: Container, containerID: string): ProbeResults {
    const resultOf = (type: ProbeType): ProbeResult | undefined =>
      this.#pods
        .get(pod.metadata.uid ?? '')
        ?.workers.get(keyOf(container, type))
        ?.resultOf(containerID);
    const before = previousStatus(pod, container, containerID);
    const startup = resultOf('startup');
    const started = startup !== undefined ? startup === 'success' : !container.startupProbe || before?.started === true;
    const readiness = resultOf('readiness');
    const ready =
      readiness !== undefined ? readiness === 'success' : !container.readinessProbe || this.#wasReady(before);
    const failed = resultOf('liveness') === 'failure' ? 'liveness' : startup === 'failure' ? 'startup' : undefined;
    return {
      started,
      ready: started && ready,
      ...(failed && { failed: { probe: failed, message: `Container ${container.name} failed ${failed} probe` } }),
    };
  }

  stop(): void {
    for (const uid of [...this.#pods.keys()]) this.forget(uid);
  }

  /** Before the first probe after a restart, what the predecessor found holds. */
  #wasReady(before: ContainerStatus | undefined): boolean {
    const startedAt = before?.state?.running?.startedAt;
    return before?.ready === true && startedAt !== undefined && this.#isOlder(startedAt);
  }

  #isOlder = (startedAt: string): boolean => isOlder(startedAt, this.#beganMs);

  #startWorkers(uid: string, probed: ProbedPod, container: Container): void {
    const isGoing = probed.observation.pod.metadata.deletionTimestamp !== undefined;
    for (const type of types) {
      const probe = probeOf(container, type);
      if (!probe || probed.workers.has(keyOf(container, type)) || (isGoing && type !== 'readiness')) continue;
      const options = {
        clock: this.#env.clock,
        type,
        container,
        probe,
        look: () => probed.observation,
        run: (id: string, seen: Observation) => this.#slots.run(() => this.#probe(type, probe, container, id, seen)),
        changed: () => this.#onResult(uid),
        beganMs: this.#beganMs,
      };
      const delayMs = this.#firstDelay(probed.observation, container, probe);
      probed.workers.set(keyOf(container, type), new ProbeWorker(options, delayMs));
    }
  }

  /** After a restart of the kubelet not all containers are probed in the same moment. */
  #firstDelay({ status }: Observation, container: Container, probe: Probe): number {
    const periodMs = (probe.periodSeconds || 10) * 1000;
    const startedAt = statusOf(status, container)?.state?.running?.startedAt;
    const isRecent = this.#env.clock.nowMs() - this.#beganMs < periodMs;
    return isRecent && startedAt && this.#isOlder(startedAt) ? this.#random() * periodMs : 0;
  }

  /** A container that has started is asked soon whether it is ready, not only when its period happens to begin. */
  #hurryReadiness({ observation, workers }: ProbedPod, container: Container): void {
    const worker = workers.get(keyOf(container, 'readiness'));
    const found = statusOf(observation.status, container);
    if (!worker || !found?.containerID || !found.started) return;
    const startedAt = found.state?.running?.startedAt;
    if (!startedAt || this.#isOlder(startedAt)) return;
    worker.hurry(found.containerID, container.startupProbe ? [0] : earlyReadinessMs);
  }

  async #probe(
    type: ProbeType,
    probe: Probe,
    container: Container,
    containerID: string,
    { pod, status }: Observation,
  ): Promise<Outcome> {
    const { cri, clock, log } = this.#env;
    const subject = { pod, container, containerId: containerID.replace(/^[^:]*:\/\//, ''), podIP: status.podIP ?? '' };
    const outcome = await this.#run(cri, clock, probe, subject);
    if (outcome.result !== 'success') {
      log.debug('probe did not succeed', { pod: pod.metadata.name, container: container.name, type, ...outcome });
      this.#tell(pod, container, type, outcome);
    }
    return outcome;
  }

  #tell({ metadata, spec }: Pod, { name }: Container, type: ProbeType, { result, output }: Outcome): void {
    const list = spec?.initContainers?.some((one) => one.name === name) ? 'initContainers' : 'containers';
    const subject = { apiVersion: 'v1', kind: 'Pod', metadata, fieldPath: `spec.${list}{${name}}` };
    const what = nameOf[type];
    const [reason, message] =
      result === 'warning'
        ? ['ProbeWarning', `${what} probe warning: ${output}`]
        : result === 'error'
          ? ['Unhealthy', `${what} probe errored and resulted in unknown state: ${output}`]
          : ['Unhealthy', `${what} probe failed: ${output}`];
    this.#env.recorder.event(subject, 'Warning', reason, message);
  }
}

const keyOf = ({ name }: Container, type: ProbeType): string => `${name}/${type}`;

function probeOf(container: Container, type: ProbeType): Probe | undefined {
  if (type === 'startup') return container.startupProbe;
  return type === 'readiness' ? container.readinessProbe : container.livenessProbe;
}

/** Those that go on running: containers, and init containers that restart. */
const probedContainers = ({ spec }: Pod): Container[] => [
  ...(spec?.containers ?? []),
  ...(spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always'),
];

function statusOf(status: PodStatus | undefined, { name }: Container): ContainerStatus | undefined {
  const all = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])];
  return all.find((one) => one.name === name);
}

function previousStatus({ status }: Pod, container: Container, containerID: string): ContainerStatus | undefined {
  const found = statusOf(status, container);
  return found?.containerID === containerID ? found : undefined;
}
