// Cells of `kubectl get pods`.
import type { Column } from '../../define.ts';
import { orNone, since } from '../../shared/cells.ts';
import { ageColumn, nameColumn } from '../../shared/resource.ts';
import type { ContainerState, ContainerStatus, Pod } from '../../typings/core.ts';
import { isSidecar } from './resources.ts';

export const podColumns: readonly Column<Pod>[] = [
  nameColumn,
  { name: 'Ready', type: 'string', value: (pod) => readyCell(summarise(pod)) },
  { name: 'Status', type: 'string', value: (pod) => summarise(pod).reason },
  { name: 'Restarts', type: 'string', value: (pod, nowMs) => restartsCell(summarise(pod), nowMs) },
  ageColumn,
  { name: 'IP', type: 'string', priority: 1, value: (pod) => orNone(pod.status?.podIPs?.[0]?.ip) },
  { name: 'Node', type: 'string', priority: 1, value: (pod) => orNone(pod.spec?.nodeName) },
  { name: 'Nominated Node', type: 'string', priority: 1, value: (pod) => orNone(pod.status?.nominatedNodeName) },
  { name: 'Readiness Gates', type: 'string', priority: 1, value: (pod) => readinessGatesCell(pod) },
];

export function podRowConditions(
  pod: Pod,
): readonly { type: string; status: string; reason: string; message: string }[] {
  if (pod.status?.phase === 'Succeeded') {
    return [{ type: 'Completed', status: 'True', reason: 'Succeeded', message: 'The pod has completed successfully.' }];
  }
  if (pod.status?.phase === 'Failed') {
    return [{ type: 'Completed', status: 'True', reason: 'Failed', message: 'The pod failed.' }];
  }
  return [];
}

interface Summary {
  reason: string;
  ready: number;
  total: number;
  restarts: number;
  lastRestart: string;
}

const readyCell = (summary: Summary): string => `${summary.ready}/${summary.total}`;

const restartsCell = (summary: Summary, nowMs: number): string =>
  summary.restarts !== 0 && summary.lastRestart
    ? `${summary.restarts} (${since(summary.lastRestart, nowMs)} ago)`
    : String(summary.restarts);

const summaries = new WeakMap<Pod, Summary>();

/** Three cells need it, so it is kept for as long as the (frozen) pod lives. */
function summarise(pod: Pod): Summary {
  let summary = summaries.get(pod);
  if (!summary) {
    summary = summarisePod(pod);
    if (Object.isFrozen(pod)) summaries.set(pod, summary);
  }
  return summary;
}

function summarisePod(pod: Pod): Summary {
  const status = pod.status ?? {};
  const conditions = status.conditions ?? [];
  const gated = conditions.some((one) => one.type === 'PodScheduled' && one.reason === 'SchedulingGated');
  const initial = summariseInit(pod, gated ? 'SchedulingGated' : status.reason || status.phase || '');
  const initialized = conditions.find((one) => one.type === 'Initialized')?.status === 'True';
  const summary = initial.initializing && !initialized ? initial.summary : summariseContainers(pod, initial);
  if (pod.metadata.deletionTimestamp) {
    if (status.reason === 'NodeLost') summary.reason = 'Unknown';
    else if (status.phase !== 'Failed' && status.phase !== 'Succeeded') summary.reason = 'Terminating';
  }
  return summary;
}

interface InitSummary {
  summary: Summary;
  initializing: boolean;
  sidecarRestarts: number;
  sidecarLastRestart: string;
}

function summariseInit(pod: Pod, reason: string): InitSummary {
  const initContainers = pod.spec?.initContainers ?? [];
  const byName = new Map(initContainers.map((container) => [container.name, container]));
  const total = (pod.spec?.containers ?? []).length + initContainers.filter(isSidecar).length;
  const summary: Summary = { reason, ready: 0, total, restarts: 0, lastRestart: '' };
  const result: InitSummary = { summary, initializing: false, sidecarRestarts: 0, sidecarLastRestart: '' };
  for (const [i, container] of (pod.status?.initContainerStatuses ?? []).entries()) {
    const sidecar = isSidecar(byName.get(container.name));
    summary.restarts += container.restartCount ?? 0;
    summary.lastRestart = laterRestart(summary.lastRestart, container);
    if (sidecar) {
      result.sidecarRestarts += container.restartCount ?? 0;
      result.sidecarLastRestart = laterRestart(result.sidecarLastRestart, container);
    }
    const terminated = container.state?.terminated;
    if (terminated && (terminated.exitCode ?? 0) === 0) continue;
    if (sidecar && container.started) {
      if (container.ready) summary.ready++;
      continue;
    }
    summary.reason = initReason(container.state, i, initContainers.length);
    result.initializing = true;
    break;
  }
  return result;
}

function initReason(state: ContainerState | undefined, index: number, count: number): string {
  if (state?.terminated) return `Init:${terminationReason(state.terminated)}`;
  const waiting = state?.waiting?.reason;
  return waiting && waiting !== 'PodInitializing' ? `Init:${waiting}` : `Init:${index}/${count}`;
}

const terminationReason = (terminated: NonNullable<ContainerState['terminated']>): string =>
  terminated.reason || (terminated.signal ? `Signal:${terminated.signal}` : `ExitCode:${terminated.exitCode ?? 0}`);

function summariseContainers(pod: Pod, initial: InitSummary): Summary {
  const summary: Summary = {
    ...initial.summary,
    restarts: initial.sidecarRestarts,
    lastRestart: initial.sidecarLastRestart,
  };
  let running = false;
  let errorReason = '';
  for (const container of [...(pod.status?.containerStatuses ?? [])].reverse()) {
    summary.restarts += container.restartCount ?? 0;
    summary.lastRestart = laterRestart(summary.lastRestart, container);
    const { waiting, terminated } = container.state ?? {};
    if (waiting?.reason) summary.reason = waiting.reason;
    else if (terminated) {
      summary.reason = terminationReason(terminated);
      if ((terminated.exitCode ?? 0) !== 0) errorReason = summary.reason;
    } else if (container.ready && container.state?.running) {
      running = true;
      summary.ready++;
    }
  }
  if (summary.reason === 'Completed') {
    const ready = (pod.status?.conditions ?? []).some((one) => one.type === 'Ready' && one.status === 'True');
    if (running && ready) summary.reason = 'Running';
    else if (errorReason) summary.reason = errorReason;
    else if (running) summary.reason = 'NotReady';
  }
  return summary;
}

/** RFC 3339 times in UTC with whole seconds compare as text. */
function laterRestart(known: string, container: ContainerStatus): string {
  const finished = container.lastState?.terminated?.finishedAt ?? '';
  return finished > known ? finished : known;
}

function readinessGatesCell(pod: Pod): string {
  const gates = pod.spec?.readinessGates ?? [];
  if (gates.length === 0) return '<none>';
  const open = gates.filter(
    (gate) => pod.status?.conditions?.find((one) => one.type === gate.conditionType)?.status === 'True',
  );
  return `${open.length}/${gates.length}`;
}
