/** What the scheduler writes into a pod's status. */
import { pods } from '../client/index.ts';
import type { Client } from '../client/types.ts';
import { formatTime } from '../kernel/index.ts';
import type { PodCondition } from '../schema/generated/index.ts';
import type { PlacedPod, PodInfo } from './pod-info.ts';

export interface StatusChange {
  condition?: Omit<PodCondition, 'lastTransitionTime'>;
  /** The condition as it was. */
  previous?: PodCondition | undefined;
  /** '': none any more. */
  nominatedNode?: string;
}

/** `PodScheduled=False`, or undefined when the pod says so already. */
export function notScheduled(
  { scheduled, generation }: PodInfo,
  reason: 'Unschedulable' | 'SchedulerError',
  message: string,
): StatusChange['condition'] {
  const isSame = scheduled?.status === 'False' && scheduled.reason === reason && scheduled.message === message;
  if (isSame) return undefined;
  return { type: 'PodScheduled', status: 'False', reason, message, observedGeneration: generation };
}

/** Patches the status; a condition that keeps its state keeps its time. */
export async function patchStatus(
  client: Client,
  pod: PlacedPod,
  { condition, nominatedNode, previous }: StatusChange,
  nowMs: number,
): Promise<void> {
  const isKept = previous !== undefined && previous.status === condition?.status;
  const lastTransitionTime = isKept ? previous.lastTransitionTime : formatTime(nowMs);
  const status = {
    ...(condition && { conditions: [{ lastProbeTime: null, ...condition, lastTransitionTime }] }),
    ...(nominatedNode !== undefined && { nominatedNodeName: nominatedNode || null }),
  };
  const { name, namespace } = pod;
  const options = { namespace, subresource: 'status' };
  await client.patch(
    pods,
    name,
    'application/strategic-merge-patch+json',
    { metadata: { uid: pod.uid }, status },
    options,
  );
}
