/** What a pod's status says to controllers. */
import type { Pod, PodCondition } from '../schema/generated/index.ts';

export const conditionOf = ({ status }: Pod, type: string): PodCondition | undefined =>
  status?.conditions?.find((condition) => condition.type === type);

/** All its containers have ended, for good. */
export const isTerminal = ({ status }: Pod): boolean => status?.phase === 'Succeeded' || status?.phase === 'Failed';

/** Counts as a replica: neither ended nor being deleted. */
export const isActive = (pod: Pod): boolean => !isTerminal(pod) && !pod.metadata.deletionTimestamp;

/** Being deleted, and its containers have not ended yet. */
export const isTerminating = (pod: Pod): boolean => !isTerminal(pod) && Boolean(pod.metadata.deletionTimestamp);

export const isReady = (pod: Pod): boolean => conditionOf(pod, 'Ready')?.status === 'True';

/** Since when the pod is ready; undefined when it is not, or nobody knows. */
export function readySinceMs(pod: Pod): number | undefined {
  const condition = conditionOf(pod, 'Ready');
  const ms = Date.parse(condition?.lastTransitionTime ?? '');
  return condition?.status === 'True' && Number.isFinite(ms) ? ms : undefined;
}

/** Ready for at least `minReadySeconds`. */
export function isAvailable(pod: Pod, minReadySeconds: number, nowMs: number): boolean {
  if (!isReady(pod)) return false;
  const sinceMs = readySinceMs(pod);
  return minReadySeconds === 0 || (sinceMs !== undefined && sinceMs + minReadySeconds * 1000 <= nowMs);
}

/** How long until the next of the ready pods becomes available; undefined when none will. */
export function nextAvailableInMs(pods: readonly Pod[], minReadySeconds: number, nowMs: number): number | undefined {
  const waits = pods
    .map((pod) => (readySinceMs(pod) ?? Number.NEGATIVE_INFINITY) + minReadySeconds * 1000 - nowMs)
    .filter((waitMs) => waitMs > 0);
  return waits.length ? Math.min(...waits) : undefined;
}
