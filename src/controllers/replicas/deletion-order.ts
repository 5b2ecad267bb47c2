/** Which replicas go first (API reference, ReplicaSet: scaling down). */
import type { Pod } from '../../schema/generated/index.ts';
import { isActive, isReady, readySinceMs } from '../pod-state.ts';

const costAnnotation = 'controller.kubernetes.io/pod-deletion-cost';
const phaseRank: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 };

interface Ranked {
  pod: Pod;
  /** Active pods of the same owner's ReplicaSets on the same node. */
  crowd: number;
}

/**
 * The `count` pods that are to be deleted: not assigned before assigned, pending before running, not ready before
 * ready, cheap before dear, crowded before lonely, then those that were ready or made last. Times are compared by the
 * power of two of their age, so that among pods of about one age it is chance that decides.
 */
export function podsToDelete(pods: readonly Pod[], related: readonly Pod[], count: number, nowMs: number): Pod[] {
  if (count >= pods.length) return [...pods];
  const crowds = new Map<string, number>();
  for (const pod of related) {
    const node = pod.spec.nodeName ?? '';
    if (isActive(pod)) crowds.set(node, (crowds.get(node) ?? 0) + 1);
  }
  const ranked = pods.map((pod): Ranked => ({ pod, crowd: crowds.get(pod.spec.nodeName ?? '') ?? 0 }));
  ranked.sort((a, b) => compare(a, b, nowMs));
  return ranked.slice(0, count).map(({ pod }) => pod);
}

/** Below 0: `a` goes first. */
function compare(a: Ranked, b: Ranked, nowMs: number): number {
  const readiness = Number(isReady(a.pod)) - Number(isReady(b.pod));
  return (
    Number(Boolean(a.pod.spec.nodeName)) - Number(Boolean(b.pod.spec.nodeName)) ||
    phaseOf(a.pod) - phaseOf(b.pod) ||
    readiness ||
    deletionCost(a.pod) - deletionCost(b.pod) ||
    b.crowd - a.crowd ||
    (isReady(a.pod) ? compareTimes(a.pod, b.pod, readySinceMs, nowMs) : 0) ||
    compareRestarts(a.pod, b.pod) ||
    compareTimes(a.pod, b.pod, madeAtMs, nowMs) ||
    compareUids(a.pod, b.pod)
  );
}

const phaseOf = ({ status }: Pod): number => phaseRank[status?.phase ?? ''] ?? 0;

/** An int32 without a plus sign or leading zeros; anything else counts as 0. */
function deletionCost({ metadata }: Pod): number {
  const text = metadata.annotations?.[costAnnotation] ?? '';
  const cost = /^(0|-?[0-9]+)$/.test(text) && !/^0./.test(text) ? Number(text) : 0;
  return cost === (cost | 0) ? cost : 0;
}

function madeAtMs({ metadata }: Pod): number | undefined {
  const ms = Date.parse(metadata.creationTimestamp ?? '');
  return Number.isFinite(ms) ? ms : undefined;
}

/** Without a time before with one, then the later; UIDs decide where both are of one age. */
function compareTimes(a: Pod, b: Pod, timeOf: (pod: Pod) => number | undefined, nowMs: number): number {
  const [aMs, bMs] = [timeOf(a), timeOf(b)];
  if (aMs === bMs) return 0;
  if (aMs === undefined || bMs === undefined) return aMs === undefined ? -1 : 1;
  return logarithmOfAge(aMs, nowMs) - logarithmOfAge(bMs, nowMs) || compareUids(a, b);
}

const uidOf = ({ metadata }: Pod): string => metadata.uid ?? '';
const compareUids = (a: Pod, b: Pod): number => (uidOf(a) < uidOf(b) ? -1 : 1);

const nanosPerMs = 1e6;
const logarithmOfAge = (thenMs: number, nowMs: number): number =>
  nowMs > thenMs ? Math.trunc(Math.log2((nowMs - thenMs) * nanosPerMs)) : -1;

/** More restarts first; those of sidecars count when the others are equal. */
function compareRestarts(a: Pod, b: Pod): number {
  const [ofA, ofB] = [restartsOf(a), restartsOf(b)];
  return ofB.regular - ofA.regular || ofB.sidecars - ofA.sidecars;
}

function restartsOf({ spec, status }: Pod): { regular: number; sidecars: number } {
  const sidecars = new Set(
    (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always').map(({ name }) => name),
  );
  const most = (statuses: readonly { restartCount?: number }[]): number =>
    Math.max(0, ...statuses.map(({ restartCount = 0 }) => restartCount));
  return {
    regular: most(status?.containerStatuses ?? []),
    sidecars: most((status?.initContainerStatuses ?? []).filter(({ name }) => sidecars.has(name))),
  };
}
