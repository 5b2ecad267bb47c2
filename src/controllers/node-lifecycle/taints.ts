/** Taints that follow from a node's conditions (API concept "Taint based evictions"). */
import { formatTime } from '../../kernel/index.ts';
import type { Node, Taint } from '../../schema/generated/index.ts';
import { readyOf } from './health.ts';

const notReady = 'node.kubernetes.io/not-ready';
const unreachable = 'node.kubernetes.io/unreachable';
const unschedulable = 'node.kubernetes.io/unschedulable';
export const outOfService = 'node.kubernetes.io/out-of-service';

/** By `type status` of a condition. */
const taintOfCondition: ReadonlyMap<string, string> = new Map([
  ['Ready False', notReady],
  ['Ready Unknown', unreachable],
  ['MemoryPressure True', 'node.kubernetes.io/memory-pressure'],
  ['DiskPressure True', 'node.kubernetes.io/disk-pressure'],
  ['NetworkUnavailable True', 'node.kubernetes.io/network-unavailable'],
  ['PIDPressure True', 'node.kubernetes.io/pid-pressure'],
]);

const managed: ReadonlySet<string> = new Set([...taintOfCondition.values(), unschedulable]);

/** The taint by which pods are to leave the node; undefined: none is called for. */
export function evictingKey(node: Node): string | undefined {
  const status = readyOf(node)?.status;
  if (status === 'False') return notReady;
  return status === 'Unknown' ? unreachable : undefined;
}

const evicts = ({ key, effect }: Taint): boolean => effect === 'NoExecute' && (key === notReady || key === unreachable);

export const isEvicting = ({ spec }: Node): boolean => (spec?.taints ?? []).some(evicts);

/** All taints that the node should have; undefined when it has them. `evicting`: see `evictingKey`. */
export function planTaints(node: Node, evicting: string | undefined, nowMs: number): Taint[] | undefined {
  const present = node.spec?.taints ?? [];
  const wanted = [
    ...blockingKeys(node).map((key) => ({ key, effect: 'NoSchedule' as const })),
    ...(evicting ? [{ key: evicting, effect: 'NoExecute' as const }] : []),
  ];
  const isOurs = (taint: Taint): boolean => (taint.effect === 'NoSchedule' && managed.has(taint.key)) || evicts(taint);
  const has = (list: readonly Taint[], { key, effect }: Taint): boolean =>
    list.some((each) => each.key === key && each.effect === effect);
  const kept = present.filter((taint) => !isOurs(taint) || has(wanted, taint));
  const added = wanted.filter((taint) => !has(present, taint));
  if (added.length === 0 && kept.length === present.length) return undefined;
  return [...kept, ...added.map((taint) => ({ ...taint, timeAdded: formatTime(nowMs) }))];
}

/** Keys of taints that keep new pods away. */
function blockingKeys({ spec, status }: Node): string[] {
  const keys = (status?.conditions ?? [])
    .map((condition) => taintOfCondition.get(`${condition.type} ${condition.status}`))
    .filter((key) => key !== undefined);
  return spec?.unschedulable ? [...keys, unschedulable] : keys;
}
