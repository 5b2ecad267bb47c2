/** The conditions that the kubelet owns (pkg/kubelet/status/generate.go), and how they are merged with others'. */
import { formatTime } from '../../../kernel/index.ts';
import type { ContainerStatus, Pod, PodCondition, PodStatus } from '../../../schema/generated/index.ts';
import { isSidecar } from '../containers.ts';

const ownTypes = new Set([
  'PodScheduled',
  'Ready',
  'Initialized',
  'ContainersReady',
  'PodReadyToStartContainers',
  'PodResizePending',
  'PodResizeInProgress',
]);

/** A change of resources that is not done yet. */
export interface ResizeCondition {
  type: 'PodResizePending' | 'PodResizeInProgress';
  reason?: string;
  message?: string;
}

export interface ConditionFacts {
  hasSandbox: boolean;
  resize: ResizeCondition | undefined;
  nowMs: number;
}

/** Those that the kubelet does not own: readiness gates, DisruptionTarget … */
export const othersConditions = (conditions: readonly PodCondition[] | undefined): PodCondition[] =>
  (conditions ?? []).filter(({ type }) => !ownTypes.has(type));

type Verdict = { status: string; reason?: string | undefined; message?: string | undefined };

const yes: Verdict = { status: 'True' };
const no = (reason?: string, message?: string): Verdict => ({
  status: 'False',
  ...(reason && { reason }),
  ...(message && { message }),
});

/** Go prints a list of strings as `[a b]`. */
const listText = (names: readonly string[]): string => `[${names.join(' ')}]`;

/** All conditions of the next status: the kubelet's own, computed; those of others, kept. */
export function podConditions(
  pod: Pod,
  next: PodStatus,
  { hasSandbox, resize, nowMs }: ConditionFacts,
): PodCondition[] {
  const kept = othersConditions(pod.status?.conditions);
  const containersReady = containersReadyVerdict(pod, next);
  const verdicts: [string, Verdict][] = [
    ...(resize ? [[resize.type, { ...yes, reason: resize.reason, message: resize.message }] as [string, Verdict]] : []),
    ['PodReadyToStartContainers', hasSandbox ? yes : no()],
    ['Initialized', initializedVerdict(pod, next)],
    ['Ready', readyVerdict(pod, kept, containersReady)],
    ['ContainersReady', containersReady],
    ['PodScheduled', yes],
  ];
  const before = new Map((next.conditions ?? []).map((condition) => [condition.type, condition]));
  const { generation } = pod.metadata;
  const own = verdicts.map(([type, verdict]): PodCondition => {
    const last = before.get(type);
    const isSame = last?.status === verdict.status && last.lastTransitionTime !== undefined;
    return {
      type,
      ...(generation && { observedGeneration: generation }),
      status: verdict.status,
      ...(verdict.reason && { reason: verdict.reason }),
      ...(verdict.message && { message: verdict.message }),
      lastTransitionTime: (isSame ? last.lastTransitionTime : undefined) ?? formatTime(nowMs),
    };
  });
  return [...kept, ...own];
}

const statusesOf = ({ initContainerStatuses = [], containerStatuses = [] }: PodStatus): Map<string, ContainerStatus> =>
  new Map([...initContainerStatuses, ...containerStatuses].map((status) => [status.name, status]));

function containersReadyVerdict({ spec }: Pod, status: PodStatus): Verdict {
  const byName = statusesOf(status);
  const names = [...(spec.initContainers ?? []).filter(isSidecar), ...spec.containers].map(({ name }) => name);
  const unknown = names.filter((name) => !byName.has(name));
  const unready = names.filter((name) => byName.get(name)?.ready === false);
  if (status.phase === 'Succeeded' && unknown.length === 0) return no('PodCompleted');
  if (status.phase === 'Failed') return no('PodFailed');
  const message = problems(unknown, unready, 'unready');
  return message ? no('ContainersNotReady', message) : yes;
}

function readyVerdict({ spec }: Pod, others: readonly PodCondition[], containersReady: Verdict): Verdict {
  if (containersReady.status !== 'True') return containersReady;
  const byType = new Map(others.map((condition) => [condition.type, condition]));
  const missing = (spec.readinessGates ?? []).flatMap(({ conditionType }) => {
    const condition = byType.get(conditionType);
    const gate = `pod readiness gate ${JSON.stringify(conditionType)}`;
    if (!condition) return [`corresponding condition of ${gate} does not exist.`];
    return condition.status === 'True' ? [] : [`the status of ${gate} is not "True", but ${condition.status}`];
  });
  return missing.length > 0 ? no('ReadinessGatesNotReady', missing.join(', ')) : yes;
}

function initializedVerdict({ spec }: Pod, status: PodStatus): Verdict {
  const byName = statusesOf(status);
  const containers = spec.initContainers ?? [];
  const unknown = containers.filter(({ name }) => !byName.has(name));
  const incomplete = containers.filter((container) => {
    const one = byName.get(container.name);
    return one && !(isSidecar(container) ? one.started : one.ready);
  });
  if (status.phase === 'Succeeded' && unknown.length === 0) return { ...yes, reason: 'PodCompleted' };
  const hasStarted = (status.containerStatuses ?? []).some(({ state }) => state?.running || state?.terminated);
  if (hasStarted) return yes;
  const names = (of: readonly { name: string }[]): string[] => of.map(({ name }) => name);
  const message = problems(names(unknown), names(incomplete), 'incomplete');
  return message ? no('ContainersNotInitialized', message) : yes;
}

function problems(unknown: readonly string[], others: readonly string[], word: string): string {
  return [
    ...(unknown.length > 0 ? [`containers with unknown status: ${listText(unknown)}`] : []),
    ...(others.length > 0 ? [`containers with ${word} status: ${listText(others)}`] : []),
  ].join(', ');
}
