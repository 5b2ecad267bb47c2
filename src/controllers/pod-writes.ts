/** Writes to pods that several controllers make. */
import { pods } from '../client/index.ts';
import type { Client } from '../client/types.ts';
import { formatTime, isReason } from '../kernel/index.ts';
import type { Pod, PodCondition, PodStatus } from '../schema/generated/index.ts';
import { conditionOf, isTerminal } from './pod-state.ts';

/** Patches the pod's status, unless the pod is gone. */
export async function patchStatus(client: Client, { metadata }: Pod, status: Partial<PodStatus>): Promise<void> {
  const { name = '', namespace = '', uid = '' } = metadata;
  const body = { metadata: { uid }, status };
  const options = { namespace, subresource: 'status' };
  try {
    await client.patch(pods, name, 'application/strategic-merge-patch+json', body, options);
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error;
  }
}

/** The condition of a pod that is taken away by the system (API reference, PodCondition DisruptionTarget). */
export function disruption(pod: Pod, reason: string, message: string, nowMs: number): PodCondition {
  const type = 'DisruptionTarget';
  const before = conditionOf(pod, type);
  const since = before?.status === 'True' ? before.lastTransitionTime : undefined;
  const { generation } = pod.metadata;
  return {
    type,
    status: 'True',
    reason,
    message,
    lastTransitionTime: since ?? formatTime(nowMs),
    ...(generation !== undefined && { observedGeneration: generation }),
  };
}

/** Deletes this very pod, if it is still there. */
export async function deletePod(client: Client, { metadata }: Pod, gracePeriodSeconds?: number): Promise<void> {
  const { name = '', namespace = '', uid = '' } = metadata;
  const grace = gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds };
  try {
    await client.delete(pods, name, { namespace, preconditions: { uid }, ...grace });
  } catch (error) {
    if (!isReason(error, 'NotFound') && !isReason(error, 'Conflict')) throw error;
  }
}

/** Ends a pod that no kubelet will end: it has failed, and is gone at once. */
export async function endPod(client: Client, pod: Pod, condition?: PodCondition): Promise<void> {
  if (!isTerminal(pod))
    await patchStatus(client, pod, { phase: 'Failed', ...(condition && { conditions: [condition] }) });
  await deletePod(client, pod, 0);
}
