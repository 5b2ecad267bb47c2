/** Container statuses as the API shows them, from what the runtime has and what was shown before. */
import { formatTime } from '../../../kernel/index.ts';
import type { Container, ContainerState, ContainerStatus, Pod } from '../../../schema/generated/index.ts';
import { isSidecar, podText, shouldStart } from '../containers.ts';
import { decideStart, formatWait } from '../back-off.ts';
import type { ContainerKind, ObservedContainer, PodView } from '../types.ts';
import { containerResources } from './resources.ts';

const lostMessage = 'The container could not be located when the pod was deleted.  The container used to be Running';
const unseenInitMessage =
  'Unable to get init container status from container runtime and pod has been initialized, treat it as exited normally';

/** How a container ended of which the runtime knows nothing. */
export const unknownEnd = (message: string): ContainerState => ({
  terminated: { exitCode: 137, reason: 'ContainerStatusUnknown', message },
});

/** Init containers in the order of the specification, others by name. */
export function containerStatuses(
  view: PodView,
  kind: ContainerKind,
  containers: readonly Container[],
  shown: readonly ContainerStatus[],
): ContainerStatus[] {
  const before = new Map(shown.map((status) => [status.name, status]));
  const statuses = containers.map((container) => containerStatus(view, kind, container, before.get(container.name)));
  return kind === 'init' ? statuses : statuses.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function containerStatus(
  view: PodView,
  kind: ContainerKind,
  container: Container,
  before: ContainerStatus | undefined,
): ContainerStatus {
  const [seen, earlier] = view.observed.containers.filter(({ name }) => name === container.name);
  const status = seen ? seenStatus(view, container, seen, earlier, before) : unseenStatus(view.pod, container, before);
  if (kind === 'init' && !seen && wasInitialized(view) && !isSidecar(container) && status.state?.waiting) {
    return { ...status, state: { terminated: { exitCode: 0, reason: 'Completed', message: unseenInitMessage } } };
  }
  const isDone = kind === 'init' && !isSidecar(container) && seen?.state === 'exited' && seen.exitCode === 0;
  if (isDone || (kind === 'ephemeral' && seen)) return status;
  return withWaiting(view, container, seen, status);
}

/** Any regular container was made, so the init containers are over. */
const wasInitialized = ({ pod, observed }: PodView): boolean =>
  pod.spec.containers.some(({ name }) =>
    observed.containers.some((one) => one.name === name && one.state !== 'unknown'),
  );

function unseenStatus(pod: Pod, container: Container, before: ContainerStatus | undefined): ContainerStatus {
  if (before?.state?.terminated) return before;
  const status: ContainerStatus = {
    ...blankStatus(pod, container),
    restartCount: before?.restartCount ?? 0,
    ...(before?.lastState && { lastState: before.lastState }),
  };
  if (!before?.state?.running || before.lastState?.terminated) return status;
  return {
    ...status,
    restartCount: status.restartCount + (pod.metadata.deletionTimestamp ? 0 : 1),
    lastState: unknownEnd(lostMessage),
  };
}

function blankStatus(pod: Pod, container: Container): ContainerStatus {
  const reason = pod.spec.initContainers?.length ? 'PodInitializing' : 'ContainerCreating';
  return {
    name: container.name,
    state: { waiting: { reason } },
    ready: false,
    restartCount: 0,
    image: container.image ?? '',
    imageID: '',
    ...volumeMounts(container),
  };
}

function volumeMounts(container: Container): Pick<ContainerStatus, 'volumeMounts'> {
  if (!container.volumeMounts?.length) return {};
  return {
    volumeMounts: container.volumeMounts.map(({ name, mountPath, readOnly }) => ({
      name,
      mountPath,
      ...(readOnly && { readOnly, recursiveReadOnly: 'Disabled' }),
    })),
  };
}

function seenStatus(
  view: PodView,
  container: Container,
  seen: ObservedContainer,
  earlier: ObservedContainer | undefined,
  before: ContainerStatus | undefined,
): ContainerStatus {
  const containerID = `${view.node.runtimeName}://${seen.id}`;
  const last = earlier ? stateOf(view, earlier) : lastStateBefore(containerID, before);
  return {
    name: container.name,
    state: stateOf(view, seen),
    ...(last && { lastState: last }),
    ready: false,
    restartCount: Math.max(seen.restartCount, before?.restartCount ?? 0),
    image: seen.image,
    imageID: seen.imageRef,
    containerID,
    ...containerResources(container, seen),
    // What the node has not agreed to is not given.
    ...(view.resizeProblem && before?.allocatedResources && { allocatedResources: before.allocatedResources }),
    ...volumeMounts(container),
    ...(seen.user && { user: seen.user }),
  };
}

/** The instance before is gone from the runtime, but was shown. */
function lastStateBefore(containerID: string, before: ContainerStatus | undefined): ContainerState | undefined {
  if (before?.state?.terminated && before.containerID !== containerID) return { terminated: before.state.terminated };
  return before?.lastState;
}

function stateOf({ node }: PodView, seen: ObservedContainer): ContainerState {
  switch (seen.state) {
    case 'running':
      return { running: { startedAt: formatTime(seen.startedAtMs) } };
    case 'exited':
      return {
        terminated: {
          exitCode: seen.exitCode,
          ...(seen.reason && { reason: seen.reason }),
          ...(seen.message && { message: seen.message }),
          ...(seen.startedAtMs > 0 && { startedAt: formatTime(seen.startedAtMs) }),
          ...(seen.finishedAtMs > 0 && { finishedAt: formatTime(seen.finishedAtMs) }),
          containerID: `${node.runtimeName}://${seen.id}`,
        },
      };
    case 'unknown':
      return unknownEnd('The container could not be located when the pod was terminated');
    case 'created':
      return { waiting: { reason: 'ContainerCreating' } };
  }
}

/** A container that is to be started, and was not for a reason, waits. */
function withWaiting(
  view: PodView,
  container: Container,
  seen: ObservedContainer | undefined,
  status: ContainerStatus,
): ContainerStatus {
  if (!shouldStart(view.pod, container, seen)) return status;
  const waiting = waitingReason(view, container, seen);
  if (!waiting) return status;
  return {
    ...status,
    state: { waiting },
    ...(status.state?.terminated && { lastState: { terminated: status.state.terminated } }),
  };
}

function waitingReason(
  view: PodView,
  container: Container,
  seen: ObservedContainer | undefined,
): ContainerState['waiting'] {
  const { failures, backOffs } = view.memory;
  const decision = decideStart(container, seen, backOffs.get(container.name), view.nowMs);
  if (!decision.start) {
    return {
      reason: 'CrashLoopBackOff',
      message: `back-off ${formatWait(decision.waitMs)} restarting failed container=${container.name} pod=${podText(view.pod)}`,
    };
  }
  const failure = failures.get(container.name);
  if (!failure?.reason) return undefined;
  return { reason: failure.reason, ...(failure.message && { message: failure.message }) };
}
