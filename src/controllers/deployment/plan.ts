/** What a Deployment wants next. */
import { isDeepStrictEqual } from 'node:util';
import type { Deployment, DeploymentStatus, Pod, ReplicaSet } from '../../schema/generated/index.ts';
import { isRolling, progressDeadlineMs } from './bounds.ts';
import { type Conditions, conditionOf, news, withNews } from './conditions.ts';
import { Draft } from './draft.ts';
import { revisionKey } from './revisions.ts';
import { cleanUp, isScalingEvent, recreate, rollOut, scale } from './rollout.ts';
import { countedStatus, rolloutStatus, stuckInMs } from './status.ts';

export interface Situation {
  deployment: Deployment;
  /** Those that it controls. */
  replicaSets: readonly ReplicaSet[];
  /** All pods that those own. Only asked for by the strategy Recreate. */
  pods: readonly Pod[];
  nowMs: number;
}

export interface DeploymentPlan {
  updates: { before: ReplicaSet; after: ReplicaSet }[];
  create: ReplicaSet | undefined;
  deletions: readonly ReplicaSet[];
  /** The Deployment with its new status and revision; undefined when both are right. */
  status: Deployment | undefined;
  /** Look again after this time. */
  lookInMs: number | undefined;
}

/** Plans one step. All that it writes is worked out before the first write: each object is written once. */
export function planDeployment({ deployment, replicaSets, pods, nowMs }: Situation): DeploymentPlan {
  const draft = new Draft(deployment, replicaSets);
  const isDeleted = Boolean(deployment.metadata.deletionTimestamp);
  const before: Conditions = deployment.status?.conditions ?? [];
  const known = withFound(draft, isDeleted ? before : withPause(deployment, before, nowMs), nowMs);
  const rolls = !isDeleted && act(draft, pods);
  const created = draft.current?.isNew ? draft.current.object : undefined;
  const hasDeadline = progressDeadlineMs(deployment) !== undefined;
  const conditions = created && hasDeadline ? withNews(known, news.created(created.metadata.name ?? ''), nowMs) : known;
  const status = rolls ? rolloutStatus(draft, conditions, nowMs) : countedStatus(draft, conditions, nowMs);
  return {
    updates: draft.updates,
    create: created,
    deletions: draft.doomed,
    status: withStatus(draft, status),
    lookInMs: rolls ? stuckInMs(deployment, status, nowMs) : undefined,
  };
}

/** Changes the draft. Returns whether that is a part of a rollout. */
function act(draft: Draft, pods: readonly Pod[]): boolean {
  const { spec } = draft.deployment;
  // A share for each is for rolling updates only; here the old ones go anyhow.
  const isShared = !isRolling(draft.deployment) && draft.active.length > 1;
  if (spec.paused || (isScalingEvent(draft) && !isShared)) {
    scale(draft);
    if (spec.paused) cleanUp(draft);
    return false;
  }
  if (spec.strategy?.type === 'Recreate') recreate(draft, pods);
  else rollOut(draft);
  return true;
}

/** Time spent in a pause is not time without progress. */
function withPause(deployment: Deployment, conditions: Conditions, nowMs: number): Conditions {
  if (progressDeadlineMs(deployment) === undefined) return conditions;
  const { spec } = deployment;
  const reason = conditionOf(conditions, 'Progressing')?.reason;
  if (reason === 'ProgressDeadlineExceeded') return conditions;
  const wasPaused = reason === 'DeploymentPaused';
  if (Boolean(spec.paused) === wasPaused) return conditions;
  return withNews(conditions, spec.paused ? news.paused : news.resumed, nowMs);
}

/** Progress is counted from when a ReplicaSet was first seen, where nothing is known of before. */
function withFound({ deployment, current }: Draft, conditions: Conditions, nowMs: number): Conditions {
  const isUnknown = progressDeadlineMs(deployment) !== undefined && !conditionOf(conditions, 'Progressing');
  return current && isUnknown
    ? withNews(conditions, news.found(current.object.metadata.name ?? ''), nowMs)
    : conditions;
}

function withStatus({ deployment, revision }: Draft, status: DeploymentStatus): Deployment | undefined {
  const { metadata } = deployment;
  const isRevised = revision !== undefined && metadata.annotations?.[revisionKey] !== String(revision);
  if (!isRevised && isSameStatus(deployment.status ?? {}, status)) return undefined;
  const annotations = { ...metadata.annotations, ...(isRevised && { [revisionKey]: String(revision) }) };
  return { ...deployment, metadata: { ...metadata, annotations }, status };
}

/** A count of 0 may be left out; that of ending pods is known or not. */
function isSameStatus(a: DeploymentStatus, b: DeploymentStatus): boolean {
  const counted = ({ conditions = [], ...status }: DeploymentStatus): object => {
    const fields = Object.entries(status).filter(([key, value]) => value !== 0 || key === 'terminatingReplicas');
    return { ...Object.fromEntries(fields), conditions };
  };
  return isDeepStrictEqual(counted(a), counted(b));
}
