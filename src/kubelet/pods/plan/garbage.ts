/** What of a pod's dead containers and sandboxes is no longer needed. */
import type { LaneAction, ObservedContainer, PodView } from '../types.ts';

/** Of each container the newest instance, for its state, and the one before, for its logs and its last state. */
const keptInstances = 2;

/** Containers first: a sandbox goes when nothing that is kept lives in it. */
export function collectGarbage({ observed }: PodView): LaneAction | undefined {
  const instances = Map.groupBy(observed.containers, ({ name }) => name);
  const surplus = [...instances.values()].flatMap((all) => all.slice(keptInstances).filter(isDead));
  if (surplus.length > 0) return { do: 'removeContainers', ids: surplus.map(({ id }) => id) };
  const inUse = new Set(observed.containers.map(({ sandboxId }) => sandboxId));
  const empty = observed.sandboxes.slice(1).filter(({ id, ready }) => !ready && !inUse.has(id));
  return empty.length > 0 ? { do: 'removeSandboxes', ids: empty.map(({ id }) => id) } : undefined;
}

const isDead = ({ state }: ObservedContainer): boolean => state === 'exited' || state === 'created';
