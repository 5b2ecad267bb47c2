/** What a pod that is to run wants next (pkg/kubelet/kuberuntime computePodActions). */
import type { Container, Probe } from '../../../schema/generated/index.ts';
import { decideStart } from '../back-off.ts';
import { containerHash } from '../../config/index.ts';
import { newest, restartsOnFailure, shouldStart } from '../containers.ts';
import { currentSandbox } from '../sandbox.ts';
import type { ContainerKind, LaneAction, ObservedContainer, PodView } from '../types.ts';
import { collectGarbage } from './garbage.ts';
import { planInit } from './init.ts';
import { isAlive, killAll, type WantedKill } from './kills.ts';
import { planResize } from './resize.ts';

export interface WantedStart {
  kind: ContainerKind;
  container: Container;
}

/** Filled step by step by the rules below. */
export class RunPlan {
  readonly kills: WantedKill[] = [];
  readonly starts: WantedStart[] = [];
  next: LaneAction | undefined;
  wakeAtMs = Number.POSITIVE_INFINITY;
  readonly backingOff: string[] = [];
  /** Limits of running containers are to change, or would if they could. */
  isResizing = false;
  readonly #graceMs: number;

  constructor(graceMs: number) {
    this.#graceMs = graceMs;
  }

  kill(
    container: ObservedContainer,
    message: string,
    { probe, restart = false }: { probe?: Probe | undefined; restart?: boolean } = {},
  ): void {
    const seconds = probe?.terminationGracePeriodSeconds;
    const graceMs = seconds === undefined ? this.#graceMs : seconds * 1000;
    this.kills.push({ container, message, graceMs, restart, after: [] });
  }

  wake(atMs: number): void {
    this.wakeAtMs = Math.min(this.wakeAtMs, atMs);
  }
}

/** The kills, and the one thing to start or remove next. */
export function planRun(view: PodView): RunPlan {
  const graceMs = (view.pod.spec.terminationGracePeriodSeconds ?? 2) * 1000;
  const plan = new RunPlan(graceMs);
  if (!currentSandbox(view)) {
    planSandbox(view, plan, graceMs);
    return plan;
  }
  planStraySandboxes(view, plan);
  planEphemeral(view, plan);
  const initialization = isOver(view) ? 'over' : planInit(view, plan);
  planOngoingKills(view, plan);
  if (initialization === 'done') resize(view, plan);
  const keepsRunning = initialization === 'underWay' || (initialization === 'done' && planRegular(view, plan));
  if (!keepsRunning) {
    // Nothing is left to wait for: sidecars end too, and the sandbox with them.
    plan.starts.length = 0;
    plan.kills.splice(0, plan.kills.length, ...killAll(view, graceMs));
    if (plan.kills.length === 0) plan.next = stopSandboxes(view);
    return plan;
  }
  plan.next ??= nextStart(view, plan) ?? collectGarbage(view);
  return plan;
}

// --- sandbox ----------------------------------------------------------------------------------------------------

/** There is none, or it is of no use any more: everything ends, then a new one is made, if anything is to run in it. */
function planSandbox(view: PodView, plan: RunPlan, graceMs: number): void {
  const { pod, observed, memory, monotonicMs } = view;
  plan.kills.push(...killAll(view, graceMs));
  if (plan.kills.length > 0) return;
  plan.next = stopSandboxes(view);
  if (plan.next || !wantsSandbox(view)) return;
  const initNames = new Set((pod.spec.initContainers ?? []).map(({ name }) => name));
  const oldInit = observed.containers.filter(({ name, state }) => initNames.has(name) && state !== 'running');
  if (oldInit.length > 0) {
    plan.next = { do: 'removeContainers', ids: oldInit.map(({ id }) => id) };
    return;
  }
  if (monotonicMs < memory.sandboxRetryAtMs) {
    plan.wake(memory.sandboxRetryAtMs);
    return;
  }
  const lastAttempt = Math.max(-1, ...observed.sandboxes.map(({ attempt }) => attempt));
  const attempt = Math.max(lastAttempt + 1, memory.sandboxAttemptFloor);
  plan.next = { do: 'createSandbox', attempt, replaces: observed.sandboxes.length > 0 };
}

function wantsSandbox({ pod, observed }: PodView): boolean {
  const { spec } = pod;
  const haveRun = observed.containers.some(({ state }) => state !== 'created');
  if (!haveRun) return true;
  if (spec.restartPolicy === 'Never' && !anyRestarts(spec.containers)) return false;
  const toStart = spec.containers.filter((container) => {
    const seen = newest(observed, container.name);
    const policy = container.restartPolicy ?? spec.restartPolicy;
    return !(policy === 'OnFailure' && seen?.state === 'exited' && seen.exitCode === 0);
  });
  const wasInitialized = spec.containers.some(({ name }) => newest(observed, name) !== undefined);
  return toStart.length > 0 || !wasInitialized;
}

const anyRestarts = (containers: readonly Container[]): boolean =>
  containers.some(
    ({ restartPolicy, restartPolicyRules }) => (restartPolicy ?? 'Never') !== 'Never' || restartPolicyRules,
  );

/** Those that may still hold an address or a namespace. */
function stopSandboxes({ observed, memory }: PodView): LaneAction | undefined {
  const ids = observed.sandboxes.filter(({ id }) => !memory.stoppedSandboxes.has(id)).map(({ id }) => id);
  return ids.length > 0 ? { do: 'stopSandboxes', ids } : undefined;
}

/** Sandboxes beside the present one: of a creation whose answer was lost. What runs in them is stopped first. */
function planStraySandboxes(view: PodView, plan: RunPlan): void {
  const [, ...strays] = view.observed.sandboxes.filter(({ ready }) => ready);
  if (strays.length === 0) return;
  const ids = new Set(strays.map(({ id }) => id));
  const living = view.observed.containers.filter((one) => isAlive(one) && ids.has(one.sandboxId));
  for (const container of living) plan.kill(container, `Stopping container ${container.name}`);
  if (living.length === 0) plan.next = { do: 'stopSandboxes', ids: [...ids] };
}

function resize(view: PodView, plan: RunPlan): void {
  const { updates, restarts } = planResize(view);
  plan.isResizing = updates.length + restarts.length > 0;
  if (!plan.isResizing || view.resizeProblem) return;
  for (const seen of restarts) plan.kill(seen, `Container ${seen.name} resize requires restart`, { restart: true });
  const retryAtMs = view.memory.resizeFailure?.retryAtMs ?? 0;
  if (view.monotonicMs < retryAtMs) plan.wake(retryAtMs);
  else if (updates.length > 0) plan.next ??= { do: 'resize', containers: updates };
}

/** The regular containers have ended for good: sidecars are not started again. */
const isOver = ({ pod, observed, memory }: PodView): boolean =>
  pod.spec.containers.every((container) => {
    const seen = newest(observed, container.name);
    return seen?.state === 'exited' && !shouldStart(pod, container, seen) && !memory.kills.get(seen.id)?.restart;
  });

/** A kill that has begun is carried through, also when its cause is gone. */
function planOngoingKills({ observed, memory }: PodView, plan: RunPlan): void {
  for (const container of observed.containers) {
    const kill = memory.kills.get(container.id);
    const isPlanned = plan.kills.some((one) => one.container.id === container.id);
    if (!kill || isPlanned || !isAlive(container)) continue;
    plan.kills.push({ container, message: '', graceMs: kill.graceMs, restart: kill.restart, after: [] });
  }
}

// --- containers -------------------------------------------------------------------------------------------------

/** Ephemeral containers run once, whatever the others do. */
function planEphemeral({ pod, observed }: PodView, plan: RunPlan): void {
  for (const container of pod.spec.ephemeralContainers ?? []) {
    const seen = newest(observed, container.name);
    if (!seen || seen.state === 'created') plan.starts.push({ kind: 'ephemeral', container: container as Container });
  }
}

/** False when no regular container runs or is to run. */
function planRegular(view: PodView, plan: RunPlan): boolean {
  let keeps = false;
  for (const container of view.pod.spec.containers) {
    const seen = newest(view.observed, container.name);
    if (seen?.state === 'unknown') {
      plan.kill(seen, 'Container is in "unknown" state, try killing it before restart');
      keeps = true;
    } else if (seen?.state === 'running') {
      keeps = planRunning(view, plan, container, seen) || keeps;
    } else if (shouldStart(view.pod, container, seen) || (seen && view.memory.kills.get(seen.id)?.restart)) {
      plan.starts.push({ kind: 'regular', container });
      keeps = true;
    }
  }
  return keeps;
}

/** True when the container stays, or comes back. */
function planRunning(view: PodView, plan: RunPlan, container: Container, seen: ObservedContainer): boolean {
  const { name } = container;
  if (view.memory.kills.has(seen.id)) return true;
  if (seen.hash !== containerHash(container)) {
    plan.kill(seen, `Container ${name} definition changed, will be restarted`, { restart: true });
    return true;
  }
  const { failed } = view.probes(container, `${view.node.runtimeName}://${seen.id}`);
  if (!failed) return true;
  const comesBack = restartsOnFailure(container, view.pod.spec);
  const probe = failed.probe === 'startup' ? container.startupProbe : container.livenessProbe;
  const message = `Container ${name} failed ${failed.probe} probe${comesBack ? ', will be restarted' : ''}`;
  plan.kill(seen, message, { probe });
  return true;
}

/** The first start that nothing holds back. An init container that is held back holds back all that follow. */
function nextStart(view: PodView, plan: RunPlan): LaneAction | undefined {
  const { memory, observed, nowMs, monotonicMs } = view;
  const dying = new Set(plan.kills.map(({ container }) => container.name));
  let next: LaneAction | undefined;
  for (const { kind, container } of plan.starts) {
    if (dying.has(container.name)) continue;
    const holdsBack = kind === 'init' && container.restartPolicy !== 'Always';
    const seen = newest(observed, container.name);
    if (seen?.state === 'created') {
      // Whether it would start is not known; nothing of it has run.
      if (monotonicMs >= memory.cleanRetryAtMs) {
        next ??= { do: 'removeContainers', ids: [seen.id] };
        continue;
      }
      plan.wake(memory.cleanRetryAtMs);
      if (holdsBack) break;
      continue;
    }
    const decision = decideStart(container, seen, memory.backOffs.get(container.name), nowMs);
    if (!decision.start) plan.backingOff.push(container.name);
    const failure = memory.failures.get(container.name);
    const backOffMs = decision.start ? 0 : decision.untilMs - nowMs;
    const readyAtMs = Math.max(monotonicMs + backOffMs, failure?.retryAtMs ?? 0);
    if (readyAtMs > monotonicMs) {
      plan.wake(readyAtMs);
      if (holdsBack) break;
      continue;
    }
    if (decision.start) {
      const restartCount = nextRestartCount(view, container.name, seen);
      next ??= { do: 'startContainer', kind, container, restartCount, backOff: decision.entry };
    }
  }
  return next;
}

/** One more than ever before: the runtime's record may be gone, the API's status may be behind. */
function nextRestartCount({ status }: PodView, name: string, seen: ObservedContainer | undefined): number {
  const shown = [
    ...(status.containerStatuses ?? []),
    ...(status.initContainerStatuses ?? []),
    ...(status.ephemeralContainerStatuses ?? []),
  ].find((one) => one.name === name);
  const fromRuntime = seen ? seen.restartCount + 1 : 0;
  const hasRun = shown?.state?.running || shown?.state?.terminated;
  return Math.max(fromRuntime, (shown?.restartCount ?? 0) + (hasRun && !seen ? 1 : 0));
}
