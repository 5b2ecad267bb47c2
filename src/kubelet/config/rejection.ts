import type { Pod } from '../../schema/generated/index.ts';
import { type Rejection, sysctlRejection } from './sysctls.ts';

/**
 * Why this node will never run the pod, if so: the pod fails at once with this reason. Checked when a pod is admitted, and
 * again before its sandbox is made.
 */
export function podRejection(pod: Pod, kernelRelease: string): Rejection | undefined {
  if (pod.spec.hostUsers === false) {
    const message = "can't set `spec.hostUsers: false`, runtime does not support user namespaces";
    return { reason: 'UnsupportedUserNamespaces', message };
  }
  return sysctlRejection(pod, kernelRelease);
}
