/** The status of a pod as the API shows it. */
import { formatTime } from '../../../kernel/index.ts';
import type { Container, ContainerStatus, Pod, PodStatus } from '../../../schema/generated/index.ts';
import { findContainer, isHostNetwork, isSidecar } from '../containers.ts';
import { currentSandbox } from '../sandbox.ts';
import type { PodView, Verdict } from '../types.ts';
import { podConditions, type ResizeCondition } from './conditions.ts';
import { containerStatuses, unknownEnd } from './container-status.ts';
import { isTerminal, phaseOf } from './phase.ts';
import { limitMessages } from './limit.ts';

export type { ResizeCondition } from './conditions.ts';
export { isTerminal } from './phase.ts';

export interface StatusOptions {
  /** Nothing of the pod runs, and its sandboxes are stopped. */
  isStopped: boolean;
  /** Nothing will be started again, whatever the restart policy says. */
  isEnding: boolean;
  verdict: Verdict | undefined;
  resize: ResizeCondition | undefined;
}

/**
 * The next status from the view, which holds the one before. A pod becomes Succeeded or Failed only when nothing of
 * it runs any more (`isStopped`); until then it keeps its phase.
 */
export function podStatus(view: PodView, { isStopped, isEnding, verdict, resize }: StatusOptions): PodStatus {
  const { pod, status: before, nowMs, node } = view;
  const { spec } = pod;
  const containerStatuses_ = withReadiness(
    view,
    containerStatuses(view, 'regular', spec.containers, before.containerStatuses ?? []),
  );
  const initStatuses = withReadiness(
    view,
    containerStatuses(view, 'init', spec.initContainers ?? [], before.initContainerStatuses ?? []),
  );
  const ephemeral = containerStatuses(
    view,
    'ephemeral',
    (spec.ephemeralContainers ?? []) as Container[],
    before.ephemeralContainerStatuses ?? [],
  );
  const computed = phaseOf(pod, [...initStatuses, ...containerStatuses_], {
    isStatic: view.isStatic,
    isOver: isStopped && isEnding,
    wasInitialized: hasRegularContainer(view),
  });
  const ending = settlePhase(view, computed, isStopped, verdict);
  const next: PodStatus = {
    ...kept(before),
    ...ending,
    ...(pod.metadata.generation && { observedGeneration: pod.metadata.generation }),
    hostIP: node.ips[0] ?? '',
    hostIPs: node.ips.map((ip) => ({ ip })),
    ...podIPs(view),
    startTime: before.startTime ?? formatTime(nowMs),
    containerStatuses: containerStatuses_,
    ...(initStatuses.length > 0 && { initContainerStatuses: initStatuses }),
    ...(ephemeral.length > 0 && { ephemeralContainerStatuses: ephemeral }),
  };
  const hasSandbox = currentSandbox(view) !== undefined;
  return limitMessages(pod, { ...next, conditions: podConditions(pod, next, { hasSandbox, resize, nowMs }) });
}

/** What others wrote, or what never changes. */
function kept(before: PodStatus): PodStatus {
  const {
    phase: _phase,
    reason: _reason,
    message: _message,
    podIP: _podIP,
    podIPs: _podIPs,
    initContainerStatuses: _init,
    ephemeralContainerStatuses: _ephemeral,
    ...rest
  } = before;
  return rest;
}

function settlePhase(
  { status: before, pod }: PodView,
  computed: NonNullable<PodStatus['phase']>,
  isStopped: boolean,
  verdict: Verdict | undefined,
): Pick<PodStatus, 'phase' | 'reason' | 'message'> {
  const reasons = (of: PodStatus): Pick<PodStatus, 'reason' | 'message'> => ({
    ...(of.reason && { reason: of.reason }),
    ...(of.message && { message: of.message }),
  });
  const shown = [before, pod.status ?? {}].find(({ phase }) => isTerminal(phase));
  if (shown?.phase) return { phase: shown.phase, ...reasons(shown) };
  const next = verdict ? { phase: verdict.phase, ...reasons(verdict) } : { phase: computed, ...samePhase() };
  if (isTerminal(next.phase) && !isStopped) return { phase: before.phase ?? 'Pending', ...reasons(before) };
  return next;

  function samePhase(): Pick<PodStatus, 'reason' | 'message'> {
    return computed === before.phase ? reasons(before) : {};
  }
}

/** Regular containers of the present sandbox. */
function hasRegularContainer(view: PodView): boolean {
  const sandbox = currentSandbox(view);
  return view.pod.spec.containers.some(({ name }) =>
    view.observed.containers.some((one) => one.name === name && one.sandboxId === sandbox?.id),
  );
}

function withReadiness(view: PodView, statuses: readonly ContainerStatus[]): ContainerStatus[] {
  return statuses.map((status) => {
    const container = findContainer(view.pod.spec, status.name);
    const isInit = view.pod.spec.initContainers?.some(({ name }) => name === status.name);
    const isRunning = status.state?.running !== undefined && status.containerID !== undefined && container;
    const probed = isRunning ? view.probes(container, status.containerID as string) : { started: false, ready: false };
    if (isInit && container && !isSidecar(container)) {
      return { ...status, started: probed.started, ready: status.state?.terminated?.exitCode === 0 };
    }
    return { ...status, started: probed.started, ready: probed.started && probed.ready };
  });
}

/** The addresses of the newest sandbox; the node's on the host's network; first the node's primary family. */
function podIPs({ pod, observed, node, status: before }: PodView): Pick<PodStatus, 'podIP' | 'podIPs'> {
  if (isHostNetwork(pod)) return addresses(before.podIP ? (before.podIPs ?? []).map(({ ip }) => ip) : node.ips);
  const isV6 = (ip: string): boolean => ip.includes(':');
  const seen = observed.sandboxes[0]?.ips ?? [];
  const primary = seen.find((ip) => isV6(ip) === isV6(node.ips[0] ?? ''));
  const secondary = seen.find((ip) => isV6(ip) !== isV6(node.ips[0] ?? ''));
  return addresses([primary, secondary].filter((ip) => ip !== undefined));
}

const addresses = (ips: readonly string[]): Pick<PodStatus, 'podIP' | 'podIPs'> =>
  ips[0] ? { podIP: ips[0], podIPs: ips.map((ip) => ({ ip })) } : {};

/**
 * The last status of a pod whose containers are gone: one that was never seen to end counts as failed, and so does
 * the pod (status manager's TerminatePod).
 */
export function finalStatus(pod: Pod, status: PodStatus, isStatic: boolean): PodStatus {
  const lost = unknownEnd('The container could not be located when the pod was terminated');
  const ended = (statuses: readonly ContainerStatus[]): ContainerStatus[] =>
    statuses.map((one) => (one.state?.terminated ? one : { ...one, state: lost, ready: false, started: false }));
  const init = status.initContainerStatuses ?? [];
  const began = Math.max(init.findLastIndex(hasBegun) + 1, Math.min(init.length, 1));
  return {
    ...status,
    ...(wasInitialized(pod, status) && { containerStatuses: ended(status.containerStatuses ?? []) }),
    ...(init.length > 0 && { initContainerStatuses: [...ended(init.slice(0, began)), ...init.slice(began)] }),
    ...(!isStatic && !isTerminal(status.phase) && { phase: 'Failed' as const }),
  };
}

const hasBegun = ({ state, lastState }: ContainerStatus): boolean => !state?.waiting || !!lastState?.terminated;

function wasInitialized({ spec }: Pod, { containerStatuses: regular = [], initContainerStatuses }: PodStatus): boolean {
  if (!spec.initContainers?.length || regular.some(hasBegun)) return true;
  const last = initContainerStatuses?.at(-1);
  const container = spec.initContainers.at(-1);
  if (!last || !container) return false;
  if (isSidecar(container)) return last.state?.running !== undefined && last.started === true;
  return last.state?.terminated?.exitCode === 0 || last.lastState?.terminated?.exitCode === 0;
}
