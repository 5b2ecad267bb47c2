/** The phase of a pod from its containers' statuses (pkg/kubelet getPhase). */
import type { Container, ContainerStatus, Pod, PodSpec, PodStatus } from '../../../schema/generated/index.ts';
import { isSidecar, restartsAfter } from '../containers.ts';

type Phase = NonNullable<PodStatus['phase']>;

export const isTerminal = (phase: string | undefined): boolean => phase === 'Succeeded' || phase === 'Failed';

export interface PhaseFacts {
  isStatic: boolean;
  /** Its containers have ended for good, whatever the restart policy says. */
  isOver: boolean;
  /** Regular containers were made in the present sandbox. */
  wasInitialized: boolean;
}

interface Count {
  pending: number;
  waiting: number;
  running: number;
  unknown: number;
  stopped: number;
  stoppedForGood: number;
  succeeded: number;
}

/** `statuses` are those of the init and the regular containers. */
export function phaseOf(pod: Pod, statuses: readonly ContainerStatus[], facts: PhaseFacts): Phase {
  const { spec } = pod;
  const byName = new Map(statuses.map((status) => [status.name, status]));
  const init = initialization(spec, byName);
  if (init === 'failed') return 'Failed';
  const count = countContainers(spec, byName);
  if (init === 'pending' || (count.pending > 0 && !facts.wasInitialized) || count.waiting > 0) return 'Pending';
  if (count.unknown > 0) return 'Pending';
  if (count.running > 0) return 'Running';
  if (count.stopped === 0) return 'Pending';
  const outcome = count.stopped === count.succeeded ? 'Succeeded' : 'Failed';
  if (facts.isOver && !facts.isStatic) return outcome;
  return count.stopped === count.stoppedForGood ? outcome : 'Running';
}

/** The code with which the container ended, if it is not running. */
const endOf = ({ state, lastState }: ContainerStatus): number | undefined =>
  state?.terminated ? state.terminated.exitCode : state?.waiting ? lastState?.terminated?.exitCode : undefined;

function initialization(spec: PodSpec, byName: ReadonlyMap<string, ContainerStatus>): 'done' | 'pending' | 'failed' {
  let isPending = false;
  for (const container of spec.initContainers ?? []) {
    if (isSidecar(container)) continue;
    const status = byName.get(container.name);
    const exitCode = status && endOf(status);
    if (exitCode === undefined) isPending = true;
    else if (exitCode !== 0 && !restartsAfter(container, spec, exitCode)) return 'failed';
  }
  return isPending ? 'pending' : 'done';
}

function countContainers(spec: PodSpec, byName: ReadonlyMap<string, ContainerStatus>): Count {
  const count: Count = {
    pending: 0,
    waiting: 0,
    running: 0,
    unknown: 0,
    stopped: 0,
    stoppedForGood: 0,
    succeeded: 0,
  };
  for (const container of spec.initContainers ?? []) {
    if (isSidecar(container)) countSidecar(count, byName.get(container.name));
  }
  for (const container of spec.containers) countRegular(count, spec, container, byName.get(container.name));
  return count;
}

/** A sidecar that has ended does not count. */
function countSidecar(count: Count, status: ContainerStatus | undefined): void {
  if (!status?.state) {
    count.unknown++;
  } else if (status.state.running) {
    if (!status.started) count.pending++;
    count.running++;
  } else if (status.state.waiting && !status.lastState?.terminated) {
    count.pending++;
    count.waiting++;
  }
}

function countRegular(count: Count, spec: PodSpec, container: Container, status: ContainerStatus | undefined): void {
  if (!status?.state) {
    count.unknown++;
    return;
  }
  if (status.state.running) {
    count.running++;
    return;
  }
  const exitCode = endOf(status);
  if (exitCode === undefined) {
    count.waiting++;
    return;
  }
  count.stopped++;
  if (!restartsAfter(container, spec, exitCode)) count.stoppedForGood++;
  if (status.state.terminated?.exitCode === 0) count.succeeded++;
}
