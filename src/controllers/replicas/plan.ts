/** What a ReplicaSet or ReplicationController wants next. */
import { formatTime } from '../../kernel/index.ts';
import { matchesLabels, requirementsOfLabels } from '../../schema/index.ts';
import type { Pod, PodTemplateSpec, ReplicaSetCondition, ReplicaSetStatus } from '../../schema/generated/index.ts';
import type { KubeObject, OwnerReference } from '../../schema/object.ts';
import { isActive, isAvailable, isReady, isTerminating } from '../pod-state.ts';

/** What both kinds have in common. */
export interface Replicated extends KubeObject {
  spec: { replicas?: number; minReadySeconds?: number; template?: PodTemplateSpec };
  status?: ReplicaSetStatus;
}

/** Pods that one step creates or deletes at most. */
export const burst = 500;

const replicasOf = ({ spec }: Replicated): number => spec.replicas ?? 1;

/** Above 0: pods to create; below: pods to delete. `pods` are the active ones. */
export function missingPods(owner: Replicated, pods: readonly Pod[]): number {
  if (owner.metadata.deletionTimestamp) return 0;
  const missing = replicasOf(owner) - pods.length;
  return Math.max(-burst, Math.min(burst, missing));
}

/** A pod after the owner's template. The server makes up its name. */
export function podFromTemplate({ metadata, spec }: Replicated, reference: OwnerReference): Pod {
  const { labels, annotations, finalizers } = spec.template?.metadata ?? {};
  const { name = '', namespace = '' } = metadata;
  // With the dash a name of full length would be none.
  const generateName = name.length < 253 ? `${name}-` : name;
  const containers = spec.template?.spec?.containers ?? [];
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      generateName,
      namespace,
      ...(labels && { labels }),
      ...(annotations && { annotations }),
      ...(finalizers && { finalizers }),
      ownerReferences: [reference],
    },
    spec: { ...spec.template?.spec, containers },
  };
}

/** Why pods could not be created or deleted. */
export interface Failure {
  reason: 'FailedCreate' | 'FailedDelete';
  message: string;
}

export interface Observed {
  /** Controlled by the owner: active ones, and those being deleted. */
  pods: readonly Pod[];
  /** Of the owner's specification that was acted on. */
  generation: number;
  failure: Failure | undefined;
  nowMs: number;
  /** Says how many are being deleted (KEP-3973); ReplicationControllers have no field for it. */
  countsTerminating: boolean;
}

/** The status that `owner` should have; the present one when it is right. */
export function statusOf(
  owner: Replicated,
  { pods, generation, failure, nowMs, countsTerminating }: Observed,
): ReplicaSetStatus | undefined {
  const { status: old, spec } = owner;
  const active = pods.filter(isActive);
  const template = requirementsOfLabels(spec.template?.metadata?.labels ?? {});
  const minReadySeconds = spec.minReadySeconds ?? 0;
  const oldConditions = old?.conditions ?? [];
  const conditions = conditionsOf(oldConditions, failure, nowMs);
  const next: ReplicaSetStatus = {
    replicas: active.length,
    fullyLabeledReplicas: active.filter(({ metadata }) => matchesLabels(template, metadata.labels)).length,
    readyReplicas: active.filter(isReady).length,
    availableReplicas: active.filter((pod) => isAvailable(pod, minReadySeconds, nowMs)).length,
    ...(countsTerminating && { terminatingReplicas: pods.filter(isTerminating).length }),
    observedGeneration: generation,
    ...(conditions.length && { conditions }),
  };
  const isSame =
    old !== undefined &&
    conditions === oldConditions &&
    old.terminatingReplicas === next.terminatingReplicas &&
    counts.every((field) => (old[field] ?? 0) === next[field]);
  return isSame ? old : next;
}

const counts = [
  'replicas',
  'fullyLabeledReplicas',
  'readyReplicas',
  'availableReplicas',
  'observedGeneration',
] as const;

/** The first failure stays until there is none: its message would change with every try. */
function conditionsOf(
  previous: ReplicaSetCondition[],
  failure: Failure | undefined,
  nowMs: number,
): ReplicaSetCondition[] {
  const has = previous.some(({ type }) => type === 'ReplicaFailure');
  if (has === Boolean(failure)) return previous;
  if (!failure) return previous.filter(({ type }) => type !== 'ReplicaFailure');
  return [...previous, { type: 'ReplicaFailure', status: 'True', lastTransitionTime: formatTime(nowMs), ...failure }];
}
