/** Everything that the runtime has of pods, and a pod made from what it keeps of one that is gone from the API. */
import type { Pod } from '../../schema/generated/index.ts';
import type { CriClient } from '../cri/types.ts';
import { runtimeLabels } from '../types.ts';

export interface RuntimePod {
  name: string;
  namespace: string;
  uid: string;
  containers: Set<string>;
  /** Changes when a container or a sandbox comes, goes or changes its state. */
  signature: string;
}

/** By uid. What carries no pod's labels is not ours. */
export async function runtimePods(cri: CriClient): Promise<Map<string, RuntimePod>> {
  const { items } = await cri.call('ListPodSandbox', {});
  const { containers } = await cri.call('ListContainers', {});
  const found = new Map<string, RuntimePod & { parts: string[] }>();
  const add = (labels: Record<string, string>, part: string): void => {
    const uid = labels[runtimeLabels.podUid];
    if (!uid) return;
    const pod = found.get(uid) ?? {
      uid,
      name: labels[runtimeLabels.podName] ?? '',
      namespace: labels[runtimeLabels.podNamespace] ?? '',
      containers: new Set<string>(),
      parts: [],
      signature: '',
    };
    pod.parts.push(part);
    const container = labels[runtimeLabels.containerName];
    if (container) pod.containers.add(container);
    found.set(uid, pod);
  };
  for (const { id, labels, state } of items) add(labels, `${id}${state}`);
  for (const { id, labels, state } of containers) add(labels, `${id}${state}`);
  for (const pod of found.values()) pod.signature = pod.parts.sort().join();
  return found;
}

/** Enough of a pod to end it. */
export const orphanPod = ({ name, namespace, uid, containers }: RuntimePod): Pod => ({
  metadata: { name, namespace, uid },
  spec: { containers: [...containers].map((container) => ({ name: container })) },
});
