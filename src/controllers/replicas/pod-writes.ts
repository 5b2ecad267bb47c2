/** Pods made and deleted for an owner, and what its users are told of it. */
import { pods as podsRef } from '../../client/index.ts';
import type { Client, EventRecorder } from '../../client/types.ts';
import { isReason } from '../../kernel/index.ts';
import type { Pod } from '../../schema/generated/index.ts';
import type { KubeObject } from '../../schema/object.ts';
import { namespaceIsTerminating } from '../runtime/index.ts';

export interface PodWriter {
  client: Client;
  recorder: EventRecorder;
}

export interface Outcome {
  /** How many of them were carried out. */
  count: number;
  error: unknown;
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/**
 * Creates `count` pods: one, then two, four … at a time, as long as all succeed. So a full quota is asked once, not as
 * often as there are pods to make. In a namespace that is going away nothing is made, and nobody is told.
 */
export async function createPods(writer: PodWriter, owner: KubeObject, pod: Pod, count: number): Promise<Outcome> {
  let made = 0;
  for (let size = 1; made < count; size *= 2) {
    const batch = Array.from({ length: Math.min(size, count - made) }, () => createPod(writer, owner, pod));
    const results = await Promise.allSettled(batch);
    made += results.filter(({ status }) => status === 'fulfilled').length;
    const failed = results.find((result) => result.status === 'rejected');
    if (failed) return { count: made, error: namespaceIsTerminating(failed.reason) ? undefined : failed.reason };
  }
  return { count: made, error: undefined };
}

async function createPod({ client, recorder }: PodWriter, owner: KubeObject, pod: Pod): Promise<void> {
  if (Object.keys(pod.metadata.labels ?? {}).length === 0) throw new Error('unable to create pods, no labels');
  const { namespace = '' } = owner.metadata;
  try {
    const { metadata } = await client.create<Pod>(podsRef, pod, { namespace });
    recorder.event(owner, 'Normal', 'SuccessfulCreate', `Created pod: ${metadata.name}`);
  } catch (error) {
    if (!namespaceIsTerminating(error)) {
      recorder.event(owner, 'Warning', 'FailedCreate', `Error creating: ${messageOf(error)}`);
    }
    throw error;
  }
}

/** Deletes all of `doomed`, whatever fails. */
export async function deletePods(writer: PodWriter, owner: KubeObject, doomed: readonly Pod[]): Promise<Outcome> {
  const results = await Promise.allSettled(doomed.map((pod) => deletePod(writer, owner, pod)));
  const failed = results.find((result) => result.status === 'rejected');
  return { count: results.filter(({ status }) => status === 'fulfilled').length, error: failed?.reason };
}

async function deletePod({ client, recorder }: PodWriter, owner: KubeObject, { metadata }: Pod): Promise<void> {
  const { name = '', namespace = '', uid = '' } = metadata;
  try {
    await client.delete(podsRef, name, { namespace, preconditions: { uid } });
    recorder.event(owner, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`);
  } catch (error) {
    if (isReason(error, 'NotFound')) return;
    recorder.event(owner, 'Warning', 'FailedDelete', `Error deleting: ${messageOf(error)}`);
    throw new Error(`unable to delete pods: ${messageOf(error)}`);
  }
}
