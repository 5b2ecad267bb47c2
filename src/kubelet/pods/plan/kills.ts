/** How the containers of a pod are stopped: hooks first, sidecars last, the grace period shared by all steps. */
import type { Pod } from '../../../schema/generated/index.ts';
import { isSidecar } from '../containers.ts';
import type { Kill, KillAction, ObservedContainer, PodView } from '../types.ts';

/** A container is always given this long between the signal to stop and the kill. */
const minStopMs = 2_000;
/** A deadline that moves by less is left alone. */
const slackMs = 1_000;

export interface WantedKill {
  container: ObservedContainer;
  message: string;
  graceMs: number;
  restart: boolean;
  /** Names of containers that must have ended first, as long as the grace period lasts. */
  after: readonly string[];
}

export interface KillPlan {
  actions: KillAction[];
  wakeAtMs: number;
}

/** What the wanted kills ask for now. Those under way whose grace has become shorter are hastened. */
export function planKills({ memory, observed, monotonicMs }: PodView, wanted: readonly WantedKill[]): KillPlan {
  const alive = new Set(observed.containers.filter(isAlive).map(({ name }) => name));
  const plan: KillPlan = { actions: [], wakeAtMs: Number.POSITIVE_INFINITY };
  for (const want of wanted) {
    const kill = memory.kills.get(want.container.id);
    if (!kill) {
      plan.actions.push({ do: 'beginKill', ...beginning(want) });
      continue;
    }
    const step = nextStep(want, kill, alive, monotonicMs);
    if (typeof step === 'number') plan.wakeAtMs = Math.min(plan.wakeAtMs, step);
    else plan.actions.push(step);
  }
  return plan;
}

export const isAlive = ({ state }: ObservedContainer): boolean => state === 'running' || state === 'unknown';

const beginning = ({ container, message, graceMs, restart }: WantedKill) => ({ container, message, graceMs, restart });

/** An action, or when to look again. */
function nextStep(
  { container, graceMs, after }: WantedKill,
  kill: Kill,
  alive: ReadonlySet<string>,
  nowMs: number,
): KillAction | number {
  const endsAtMs = kill.beganAtMs + Math.min(graceMs, kill.graceMs);
  const isHookOver = kill.hook !== 'running' || nowMs >= endsAtMs;
  if (!isHookOver) return endsAtMs;
  if (kill.retryAtMs !== undefined && nowMs < kill.retryAtMs) return kill.retryAtMs;
  const mustWait = after.some((name) => name !== container.name && alive.has(name));
  if (mustWait && nowMs < endsAtMs) return endsAtMs;
  const stopsAtMs = Math.max(endsAtMs, nowMs + minStopMs);
  if (kill.stopsAtMs !== undefined && kill.stopsAtMs <= stopsAtMs + slackMs) return Number.POSITIVE_INFINITY;
  return { do: 'stopContainer', container, graceSeconds: Math.ceil((stopsAtMs - nowMs) / 1000) };
}

/** All living containers of the pod: main ones at once, then sidecars in reverse order. */
export function killAll({ pod, observed }: PodView, graceMs: number): WantedKill[] {
  return observed.containers.filter(isAlive).map((container) => ({
    container,
    message: `Stopping container ${container.name}`,
    graceMs,
    restart: false,
    after: predecessors(pod, container.name),
  }));
}

function predecessors({ spec }: Pod, name: string): string[] {
  const init = spec.initContainers ?? [];
  const index = init.findIndex((container) => container.name === name && isSidecar(container));
  if (index < 0) return [];
  return [...spec.containers, ...init.slice(index + 1).filter(isSidecar)].map((container) => container.name);
}

/** The grace that a terminating pod still has. */
export function terminationGraceMs({ metadata, spec }: Pod, isOrphan: boolean): number {
  if (isOrphan) return 1_000;
  const seconds = metadata.deletionTimestamp
    ? (metadata.deletionGracePeriodSeconds ?? spec.terminationGracePeriodSeconds)
    : spec.terminationGracePeriodSeconds;
  return Math.max(seconds ?? 1, 1) * 1000;
}
