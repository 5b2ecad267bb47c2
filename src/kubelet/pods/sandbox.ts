/** Which sandbox a pod's containers belong in. */
import { isHostNetwork } from './containers.ts';
import type { ObservedSandbox, PodView } from './types.ts';

/** The newest sandbox, if it is usable; undefined when one must be made. */
export function currentSandbox({ pod, observed }: Pick<PodView, 'pod' | 'observed'>): ObservedSandbox | undefined {
  const [latest] = observed.sandboxes;
  if (!latest?.ready || latest.hostNetwork !== isHostNetwork(pod)) return undefined;
  return isHostNetwork(pod) || latest.ips.length > 0 ? latest : undefined;
}
