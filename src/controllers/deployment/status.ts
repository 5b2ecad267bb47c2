/** The status of a Deployment: what its ReplicaSets have, and whether the rollout gets on. */
import type { Deployment, DeploymentStatus } from '../../schema/generated/index.ts';
import { desiredReplicas, maxUnavailable, progressDeadlineMs } from './bounds.ts';
import { type Conditions, conditionOf, news, replaced, withFailure, withNews, withoutCondition } from './conditions.ts';
import { availableOf, type Draft, type Member, sizeOf, sum } from './draft.ts';

/** Counts of the ReplicaSets, and whether enough pods are available. `conditions`: those known so far. */
export function countedStatus(
  { deployment, all, current }: Draft,
  conditions: Conditions,
  nowMs: number,
): DeploymentStatus {
  const { metadata, status } = deployment;
  const availableReplicas = sum(all, availableOf);
  const terminatingReplicas = terminatingOf(all);
  const isEnough = availableReplicas >= desiredReplicas(deployment) - maxUnavailable(deployment);
  return {
    observedGeneration: metadata.generation ?? 0,
    replicas: sum(all, actualOf),
    updatedReplicas: current ? actualOf(current) : 0,
    readyReplicas: sum(all, ({ object }) => object.status?.readyReplicas ?? 0),
    availableReplicas,
    unavailableReplicas: Math.max(0, sum(all, sizeOf) - availableReplicas),
    ...(terminatingReplicas !== undefined && { terminatingReplicas }),
    ...(status?.collisionCount !== undefined && { collisionCount: status.collisionCount }),
    conditions: [...withNews(conditions, news.available(isEnough), nowMs)],
  };
}

const actualOf = ({ object }: Member): number => object.status?.replicas ?? 0;

/** Undefined when one that was looked at does not say it. */
function terminatingOf(all: readonly Member[]): number | undefined {
  const seen = all.filter(({ object }) => object.status?.observedGeneration);
  if (seen.some(({ object }) => object.status?.terminatingReplicas === undefined)) return undefined;
  return sum(seen, ({ object }) => object.status?.terminatingReplicas ?? 0);
}

/** `countedStatus`, and what can be said of progress during a rollout. */
export function rolloutStatus(draft: Draft, conditions: Conditions, nowMs: number): DeploymentStatus {
  const { deployment } = draft;
  const status = countedStatus(draft, conditions, nowMs);
  const counted: Conditions = status.conditions ?? [];
  const progress =
    progressDeadlineMs(deployment) === undefined
      ? withoutCondition(counted, 'Progressing')
      : withProgress(draft, status, counted, nowMs);
  return { ...status, conditions: [...withFailure(progress, failureOf(draft))] };
}

function withProgress(draft: Draft, status: DeploymentStatus, conditions: Conditions, nowMs: number): Conditions {
  const { deployment, current } = draft;
  const known = conditionOf(conditions, 'Progressing');
  // The rollout has ended before: nothing is to be estimated when pods come and go.
  if (status.replicas === status.updatedReplicas && known?.reason === 'NewReplicaSetAvailable') return conditions;
  const what = current ? `ReplicaSet "${current.object.metadata.name}"` : `Deployment "${deployment.metadata.name}"`;
  if (isComplete(deployment, status)) return withNews(conditions, news.complete(what), nowMs);
  if (hasProgressed(deployment.status ?? {}, status)) return replaced(conditions, news.moving(what), nowMs);
  if (isTimedOut(deployment, conditions, nowMs)) return withNews(conditions, news.timedOut(what), nowMs);
  return conditions;
}

/** All wanted pods are of the current template and available, and no others are left. */
export function isComplete(deployment: Deployment, status: DeploymentStatus): boolean {
  const desired = desiredReplicas(deployment);
  const { updatedReplicas = 0, replicas = 0, availableReplicas = 0, observedGeneration = 0 } = status;
  const counts = [updatedReplicas, replicas, availableReplicas];
  return counts.every((count) => count === desired) && observedGeneration >= (deployment.metadata.generation ?? 0);
}

function hasProgressed(before: DeploymentStatus, after: DeploymentStatus): boolean {
  const old = ({ replicas = 0, updatedReplicas = 0 }: DeploymentStatus): number => replicas - updatedReplicas;
  const grew = (field: 'updatedReplicas' | 'readyReplicas' | 'availableReplicas'): boolean =>
    (after[field] ?? 0) > (before[field] ?? 0);
  return grew('updatedReplicas') || old(after) < old(before) || grew('readyReplicas') || grew('availableReplicas');
}

function isTimedOut(deployment: Deployment, conditions: Conditions, nowMs: number): boolean {
  const known = conditionOf(conditions, 'Progressing');
  if (!known || known.reason === 'NewReplicaSetAvailable') return false;
  if (known.reason === 'ProgressDeadlineExceeded') return true;
  const deadlineMs = progressDeadlineMs(deployment) ?? Number.POSITIVE_INFINITY;
  return Date.parse(known.lastUpdateTime ?? '') + deadlineMs < nowMs;
}

/** The current ReplicaSet's failure before those of the others. */
const failureOf = ({ old, current }: Draft) =>
  [...(current ? [current] : []), ...old]
    .flatMap(({ object }) => object.status?.conditions ?? [])
    .find(({ type }) => type === 'ReplicaFailure');

/** When a rollout that shows no progress is to be looked at again; undefined: it cannot get stuck. */
export function stuckInMs(deployment: Deployment, status: DeploymentStatus, nowMs: number): number | undefined {
  const deadlineMs = progressDeadlineMs(deployment);
  const known = conditionOf(status.conditions ?? [], 'Progressing');
  if (deadlineMs === undefined || !known || isComplete(deployment, status)) return undefined;
  // The one has been stuck, the other cannot be: see `isTimedOut`.
  if (known.reason === 'ProgressDeadlineExceeded' || known.reason === 'NewReplicaSetAvailable') return undefined;
  // A second more than the deadline: times are whole seconds.
  return Math.max(0, Date.parse(known.lastUpdateTime ?? '') + deadlineMs - nowMs) + 1000;
}
