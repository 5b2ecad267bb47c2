/** How many pods a Deployment may have at a time, and how many it must have available. */
import { scaledIntOrPercent } from '../../schema/index.ts';
import type { Deployment } from '../../schema/generated/index.ts';

const never = 2 ** 31 - 1;

export const desiredReplicas = ({ spec }: Deployment): number => spec.replicas ?? 1;

export const isRolling = ({ spec }: Deployment): boolean => spec.strategy?.type !== 'Recreate';

/** Resolves both, so that not both are 0: rounding down may have made it so, and nothing would ever move. */
function fenceposts(deployment: Deployment): { surge: number; unavailable: number } {
  const { maxSurge = 0, maxUnavailable = 0 } = deployment.spec.strategy?.rollingUpdate ?? {};
  const desired = desiredReplicas(deployment);
  const surge = scaledIntOrPercent(maxSurge, desired, 'up');
  const unavailable = scaledIntOrPercent(maxUnavailable, desired, 'down');
  return { surge, unavailable: surge === 0 && unavailable === 0 ? 1 : unavailable };
}

/** Pods that there may be beyond the desired number. */
export const maxSurge = (deployment: Deployment): number => (isRolling(deployment) ? fenceposts(deployment).surge : 0);

/** Pods that may be missing from the desired number. */
export function maxUnavailable(deployment: Deployment): number {
  const desired = desiredReplicas(deployment);
  if (!isRolling(deployment) || desired === 0) return 0;
  return Math.min(fenceposts(deployment).unavailable, desired);
}

/** Milliseconds without progress after which a rollout counts as stuck; undefined: never. */
export function progressDeadlineMs({ spec }: Deployment): number | undefined {
  const { progressDeadlineSeconds } = spec;
  return progressDeadlineSeconds === undefined || progressDeadlineSeconds === never
    ? undefined
    : progressDeadlineSeconds * 1000;
}

/** Old ReplicaSets to keep; undefined: all. */
export const historyLimit = ({ spec }: Deployment): number | undefined =>
  spec.revisionHistoryLimit === never ? undefined : spec.revisionHistoryLimit;
