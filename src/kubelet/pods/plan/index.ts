/** The plan of one pod: what to do next, and what to tell. A function of what is seen, without I/O. */
import type { PodStatus } from '../../../schema/generated/index.ts';
import { timeToMs } from '../../../schema/index.ts';
import { finalStatus, isTerminal, podStatus, type ResizeCondition } from '../status/index.ts';
import type { LaneAction, Plan, PodView, Verdict } from '../types.ts';
import { collectGarbage } from './garbage.ts';
import { isAlive, killAll, type KillPlan, planKills, terminationGraceMs } from './kills.ts';
import { planRun, type RunPlan } from './run.ts';

const deadlineMessage = 'Pod was active on the node longer than the specified deadline';

/** Plans one step of a pod. Carrying it out changes the view; then it is planned again. */
export function planPod(view: PodView): Plan {
  const { monotonicMs, memory } = view;
  const plan = planStep(view);
  // What could not be stopped or removed is left alone for a while.
  if (!plan.next || !isCleaning(plan.next) || monotonicMs >= memory.cleanRetryAtMs) return plan;
  return { ...plan, next: undefined, wakeAtMs: Math.min(plan.wakeAtMs, memory.cleanRetryAtMs) };
}

const cleaning: ReadonlySet<LaneAction['do']> = new Set([
  'removeContainers',
  'stopSandboxes',
  'removeSandboxes',
  'cleanUp',
]);

/** It takes something away, which the runtime may refuse for now. */
export const isCleaning = ({ do: what }: LaneAction): boolean => cleaning.has(what);

function planStep(view: PodView): Plan {
  const verdict = verdictOf(view);
  const isEnding =
    view.isRemoved || !!view.pod.metadata.deletionTimestamp || !!verdict || isTerminal(view.status.phase);
  if (isEnding) return planTermination(view, verdict);
  const running = planRun(view);
  const status = podStatus(view, {
    isStopped: isStopped(view),
    isEnding: false,
    verdict: undefined,
    resize: resizeCondition(view, running),
  });
  // The status says that the pod has ended: only cleaning up is left.
  if (isTerminal(status.phase)) return planTermination({ ...view, status }, undefined);
  const kills = planKills(view, running.kills);
  return {
    status,
    kills: kills.actions,
    next: view.isBusy ? undefined : running.next,
    backingOff: running.backingOff,
    stage: 'running',
    verdict: undefined,
    wakeAtMs: Math.min(kills.wakeAtMs, running.wakeAtMs, view.monotonicMs + untilDeadlineMs(view)),
  };
}

/** What is told of a change of resources until it is done. */
function resizeCondition({ resizeProblem, memory }: PodView, { isResizing }: RunPlan): ResizeCondition | undefined {
  if (!isResizing && resizeProblem !== 'unchecked') return undefined;
  if (typeof resizeProblem === 'object') return { type: 'PodResizePending', ...resizeProblem };
  const failure = memory.resizeFailure;
  return { type: 'PodResizeInProgress', ...(failure && { reason: 'Error', message: failure.message }) };
}

/** Nothing runs, and nothing holds an address. */
const isStopped = ({ observed, memory, isBusy }: PodView): boolean =>
  !isBusy &&
  !observed.containers.some(isAlive) &&
  observed.sandboxes.every(({ id, ready }) => !ready || memory.stoppedSandboxes.has(id));

function verdictOf(view: PodView): Verdict | undefined {
  if (view.refusal) {
    const { reason, message } = view.refusal;
    return { phase: 'Failed', reason, message: `Pod was rejected: ${message}` };
  }
  // What has ended in time is not judged by what time it is now.
  if (isTerminal(view.status.phase) || untilDeadlineMs(view) > 0) return undefined;
  return { phase: 'Failed', reason: 'DeadlineExceeded', message: deadlineMessage };
}

/** How much of activeDeadlineSeconds is left. */
function untilDeadlineMs({ pod, status, nowMs }: PodView): number {
  const seconds = pod.spec.activeDeadlineSeconds;
  const startedMs = status.startTime ? timeToMs(status.startTime) : undefined;
  if (seconds === undefined || startedMs === undefined) return Number.POSITIVE_INFINITY;
  return startedMs + seconds * 1000 - nowMs;
}

function planTermination(view: PodView, verdict: Verdict | undefined): Plan {
  const { pod, observed, memory, isBusy } = view;
  const isOrphan = view.isRemoved && !pod.metadata.deletionTimestamp && !view.isStatic;
  const kills = planKills(view, killAll(view, terminationGraceMs(pod, isOrphan)));
  const stopped = isStopped(view);
  const status = podStatus(view, { isStopped: stopped, isEnding: true, verdict, resize: undefined });
  const base = { backingOff: [], kills: kills.actions, verdict };
  if (observed.containers.some(isAlive) || isBusy) {
    return { ...base, status, next: undefined, stage: 'terminating', wakeAtMs: kills.wakeAtMs };
  }
  if (memory.isCleaned && stopped) return { ...finished(view, status, kills), verdict };
  const unstopped = observed.sandboxes.filter(({ id }) => !memory.stoppedSandboxes.has(id)).map(({ id }) => id);
  const next: LaneAction = unstopped.length > 0 ? { do: 'stopSandboxes', ids: unstopped } : { do: 'cleanUp' };
  return { ...base, status, next, stage: 'terminating', wakeAtMs: kills.wakeAtMs };
}

/** When the pod is gone from its source, nothing of it is kept in the runtime. */
function finished(view: PodView, status: PodStatus, kills: KillPlan): Omit<Plan, 'verdict'> {
  const { pod, observed, isRemoved, isStatic } = view;
  const final = finalStatus(pod, status, isStatic);
  const next = isRemoved ? removal() : collectGarbage(view);
  return {
    status: final,
    kills: kills.actions,
    backingOff: [],
    stage: 'finished',
    next,
    wakeAtMs: Number.POSITIVE_INFINITY,
  };

  function removal(): LaneAction | undefined {
    if (observed.containers.length > 0) {
      return { do: 'removeContainers', ids: observed.containers.map(({ id }) => id) };
    }
    if (observed.sandboxes.length > 0) return { do: 'removeSandboxes', ids: observed.sandboxes.map(({ id }) => id) };
    return undefined;
  }
}
