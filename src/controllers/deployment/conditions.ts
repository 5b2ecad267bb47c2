/** Conditions of a Deployment, with upstream's reasons and messages. */
import { formatTime } from '../../kernel/index.ts';
import type { DeploymentCondition, ReplicaSetCondition } from '../../schema/generated/index.ts';

export type Conditions = readonly DeploymentCondition[];

export const conditionOf = (conditions: Conditions, type: string): DeploymentCondition | undefined =>
  conditions.find((condition) => condition.type === type);

export const withoutCondition = (conditions: Conditions, type: string): Conditions =>
  conditions.some((condition) => condition.type === type)
    ? conditions.filter((condition) => condition.type !== type)
    : conditions;

export interface News {
  type: 'Available' | 'Progressing';
  status: 'True' | 'False' | 'Unknown';
  reason: string;
  message: string;
}

export const news = {
  available: (is: boolean): News => ({
    type: 'Available',
    status: is ? 'True' : 'False',
    reason: is ? 'MinimumReplicasAvailable' : 'MinimumReplicasUnavailable',
    message: `Deployment ${is ? 'has' : 'does not have'} minimum availability.`,
  }),
  paused: progressing('Unknown', 'DeploymentPaused', 'Deployment is paused'),
  resumed: progressing('Unknown', 'DeploymentResumed', 'Deployment is resumed'),
  found: (name: string): News => progressing('True', 'FoundNewReplicaSet', `Found new replica set "${name}"`),
  created: (name: string): News => progressing('True', 'NewReplicaSetCreated', `Created new replica set "${name}"`),
  createFailed: (message: string): News => progressing('False', 'ReplicaSetCreateError', message),
  /** `what`: `ReplicaSet "x"` or `Deployment "x"`. */
  complete: (what: string): News =>
    progressing('True', 'NewReplicaSetAvailable', `${what} has successfully progressed.`),
  moving: (what: string): News => progressing('True', 'ReplicaSetUpdated', `${what} is progressing.`),
  timedOut: (what: string): News =>
    progressing('False', 'ProgressDeadlineExceeded', `${what} has timed out progressing.`),
};

function progressing(status: News['status'], reason: string, message: string): News {
  return { type: 'Progressing', status, reason, message };
}

/** A condition of the same status and reason stays as it is, whatever the message. */
export function withNews(conditions: Conditions, said: News, nowMs: number): Conditions {
  const old = conditionOf(conditions, said.type);
  return old?.status === said.status && old.reason === said.reason ? conditions : replaced(conditions, said, nowMs);
}

/** Says it once more with a new time, though status and reason be the same. */
export function replaced(conditions: Conditions, said: News, nowMs: number): Conditions {
  const now = formatTime(nowMs);
  const old = conditionOf(conditions, said.type);
  const lastTransitionTime = old?.status === said.status ? (old.lastTransitionTime ?? now) : now;
  const { type, status, reason, message } = said;
  const next = { type, status, lastUpdateTime: now, lastTransitionTime, reason, message };
  return [...withoutCondition(conditions, type), next];
}

/** The failure of a ReplicaSet is its Deployment's. */
export function withFailure(conditions: Conditions, failure: ReplicaSetCondition | undefined): Conditions {
  if (!failure) return withoutCondition(conditions, 'ReplicaFailure');
  const { type, status, lastTransitionTime = '', reason, message } = failure;
  const old = conditionOf(conditions, type);
  if (old?.status === status && old.reason === reason) return conditions;
  const next: DeploymentCondition = {
    type,
    status,
    lastUpdateTime: lastTransitionTime,
    lastTransitionTime: old?.status === status ? (old.lastTransitionTime ?? lastTransitionTime) : lastTransitionTime,
    ...(reason !== undefined && { reason }),
    ...(message !== undefined && { message }),
  };
  return [...withoutCondition(conditions, type), next];
}
