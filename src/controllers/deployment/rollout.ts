/** How a Deployment goes from its old ReplicaSets to the current one, and how it grows and shrinks meanwhile. */
import type { Pod } from '../../schema/generated/index.ts';
import { isTerminal } from '../pod-state.ts';
import { byAge, controllerRefOf } from '../runtime/index.ts';
import { desiredReplicas, historyLimit, isRolling, maxSurge, maxUnavailable } from './bounds.ts';
import { availableOf, type Draft, type Member, sizeOf, sum } from './draft.ts';
import { byRevision, desiredThen, maxThen } from './revisions.ts';
import { isComplete } from './status.ts';

/** One step of a rolling update: first up, then down, as far as surge and availability allow. */
export function rollOut(draft: Draft): void {
  const current = draft.ensureCurrent();
  const desired = desiredReplicas(draft.deployment);
  const size = current.replicas > desired ? desired : draft.roomForCurrent(current.replicas);
  if (current.replicas !== desired && draft.scale(current, size)) return;
  if (scaleDownOld(draft, current)) return;
  cleanUpWhenComplete(draft);
}

function scaleDownOld(draft: Draft, current: Member): boolean {
  const old = draft.old.filter(({ replicas }) => replicas > 0);
  const minAvailable = desiredReplicas(draft.deployment) - maxUnavailable(draft.deployment);
  // Pods of the current one that are not available yet must not let more of the old ones go.
  const surplus = sum(draft.all, sizeOf) - minAvailable - (current.replicas - availableOf(current));
  if (old.length === 0 || surplus <= 0) return false;
  const unhealthy = (member: Member): number => member.replicas - availableOf(member);
  const cleaned = take(draft, old, surplus, unhealthy);
  const spare = sum([...old, current], availableOf) - minAvailable;
  const scaled = take(draft, old, spare, sizeOf);
  return cleaned + scaled > 0;
}

/** Takes up to `limit` pods from the oldest first, of each as many as `of` says. */
function take(draft: Draft, members: readonly Member[], limit: number, of: (member: Member) => number): number {
  let taken = 0;
  for (const member of members) {
    const count = Math.min(limit - taken, of(member));
    if (count <= 0) continue;
    draft.scale(member, member.replicas - count);
    taken += count;
  }
  return taken;
}

/** One step of a rollout that first ends all old pods. `pods`: all that the Deployment's ReplicaSets own. */
export function recreate(draft: Draft, pods: readonly Pod[]): void {
  const scaled = draft.old.filter((member) => draft.scale(member, 0));
  if (scaled.length || hasOldPods(draft, pods)) return;
  draft.scale(draft.ensureCurrent(), desiredReplicas(draft.deployment));
  cleanUpWhenComplete(draft);
}

function hasOldPods({ old, current }: Draft, pods: readonly Pod[]): boolean {
  if (sum(old, ({ object }) => object.status?.replicas ?? 0) > 0) return true;
  const uid = current?.object.metadata.uid;
  return pods.some((pod) => controllerRefOf(pod.metadata)?.uid !== uid && !isTerminal(pod));
}

/** True when the Deployment was scaled since its ReplicaSets were. */
export const isScalingEvent = ({ active, deployment }: Draft): boolean =>
  active.some(({ annotations }) => {
    const desired = desiredThen(annotations);
    return desired !== undefined && desired !== desiredReplicas(deployment);
  });

/**
 * Follows a change of the desired number without going on with the rollout: a lone ReplicaSet takes it all; several
 * share it in proportion, so that what is broken does not become more.
 */
export function scale(draft: Draft): void {
  const desired = desiredReplicas(draft.deployment);
  const lone = activeOrNewest(draft);
  if (lone) {
    // Of the wanted size already, it still has to say so: else this is a scaling event for ever, and no rollout goes on.
    draft.scale(lone, desired, true);
  } else if (draft.current && isSaturated(draft.current, desired)) {
    for (const member of draft.old) draft.scale(member, 0);
  } else if (isRolling(draft.deployment)) {
    scaleInProportion(draft);
  }
}

function activeOrNewest({ active, current, old }: Draft): Member | undefined {
  if (active.length > 1) return undefined;
  return active[0] ?? current ?? old.at(-1);
}

const isSaturated = (current: Member, desired: number): boolean =>
  current.replicas === desired && desiredThen(current.annotations) === desired && availableOf(current) === desired;

function scaleInProportion(draft: Draft): void {
  const desired = desiredReplicas(draft.deployment);
  const allowed = desired > 0 ? desired + maxSurge(draft.deployment) : 0;
  const toAdd = allowed - sum(draft.active, sizeOf);
  // The larger first; of the same size, the newer are to grow and the older to shrink.
  const direction = toAdd > 0 ? -1 : 1;
  const members = draft.active.sort((a, b) => b.replicas - a.replicas || direction * byAge(a.object, b.object));
  let left = toAdd;
  const sizes = members.map((member) => {
    const share = left === 0 ? 0 : shareOf(member, draft);
    const part = toAdd > 0 ? Math.min(share, left) : Math.max(share, left);
    left -= part;
    return member.replicas + part;
  });
  for (const [at, member] of members.entries()) {
    // What rounding left over is the largest one's.
    const rest = at === 0 ? left : 0;
    draft.scale(member, Math.max(0, (sizes[at] ?? 0) + rest), true);
  }
}

/** By how much it grows or shrinks when the Deployment's largest size changes from what it was to what it is. */
function shareOf({ replicas, annotations }: Member, { deployment }: Draft): number {
  const desired = desiredReplicas(deployment);
  if (desired === 0) return -replicas;
  const before = maxThen(annotations) || deployment.status?.replicas || 0;
  if (before === 0) return 0;
  return Math.round((replicas * (desired + maxSurge(deployment))) / before) - replicas;
}

function cleanUpWhenComplete(draft: Draft): void {
  if (isComplete(draft.deployment, draft.deployment.status ?? {})) cleanUp(draft);
}

/** Lets the oldest revisions go beyond the limit, but none that has or wants pods. */
export function cleanUp(draft: Draft): void {
  const limit = historyLimit(draft.deployment);
  if (limit === undefined) return;
  const alive = draft.old.map(({ object }) => object).filter(({ metadata }) => !metadata.deletionTimestamp);
  const excess = alive.sort(byRevision).slice(0, Math.max(0, alive.length - limit));
  for (const object of excess) {
    const { status, spec, metadata } = object;
    const isObserved = (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0);
    if ((status?.replicas ?? 0) === 0 && spec.replicas === 0 && isObserved) draft.doomed.push(object);
  }
}
