/** Whether a node still gives signs of life, and what is said of one that does not. */
import { formatTime } from '../../kernel/index.ts';
import type { Node, NodeCondition } from '../../schema/generated/index.ts';

/** Silence after which a node counts as lost; a node that never reported has a little longer. */
const graceMs = 50_000;
const startupGraceMs = 60_000;

/** One moment by both clocks. */
export interface Moment {
  wallMs: number;
  monotonicMs: number;
}

/** What was last heard of a node. */
export interface Health {
  /** When that was, by our own monotonic clock: the node's may be wrong, and the time of day may jump. */
  heardMs: number;
  heartbeat: string | undefined;
  renewed: string | undefined;
}

export const readyOf = ({ status }: Node): NodeCondition | undefined =>
  status?.conditions?.find(({ type }) => type === 'Ready');

export const isReadyNode = (node: Node): boolean => readyOf(node)?.status === 'True';

/**
 * Takes note of the node's status. A node is first heard of when we first see it, so that one that was down with us has
 * time to report again; one that never reported, when it was made.
 */
export function heardStatus(before: Health | undefined, node: Node, { wallMs, monotonicMs }: Moment): Health {
  const ready = readyOf(node);
  const heartbeat = ready?.lastHeartbeatTime;
  const created = Date.parse(node.metadata.creationTimestamp ?? '');
  if (!before) {
    const ageMs = ready ? 0 : Math.max(0, wallMs - created);
    return { heardMs: monotonicMs - ageMs, heartbeat, renewed: undefined };
  }
  return before.heartbeat === heartbeat ? before : { ...before, heardMs: monotonicMs, heartbeat };
}

/** Takes note of the node's lease. */
export function heardLease(before: Health, renewed: string | undefined, monotonicMs: number): Health {
  const isNewer = renewed !== undefined && (before.renewed === undefined || before.renewed < renewed);
  return isNewer ? { ...before, renewed, heardMs: monotonicMs } : before;
}

/** The moment, by the monotonic clock, after which the node counts as lost. */
export const lostAfterMs = ({ heardMs }: Health, node: Node): number =>
  heardMs + (readyOf(node) ? graceMs : startupGraceMs);

/** What the kubelet reports; the network is for others to judge. */
const reported = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'];

/** The node with nothing known of it any more. */
export function withUnknown(node: Node, nowMs: number): Node {
  const now = formatTime(nowMs);
  const present = node.status?.conditions ?? [];
  const missing = reported.filter((type) => !present.some((condition) => condition.type === type));
  const conditions = [
    ...present.map((condition) => (reported.includes(condition.type) ? unknown(condition, now) : condition)),
    ...missing.map((type) => ({
      type,
      status: 'Unknown',
      lastHeartbeatTime: node.metadata.creationTimestamp ?? now,
      lastTransitionTime: now,
      reason: 'NodeStatusNeverUpdated',
      message: 'Kubelet never posted node status.',
    })),
  ];
  return { ...node, status: { ...node.status, conditions } };
}

const unknown = (condition: NodeCondition, now: string): NodeCondition =>
  condition.status === 'Unknown'
    ? condition
    : {
        ...condition,
        status: 'Unknown',
        lastTransitionTime: now,
        reason: 'NodeStatusUnknown',
        message: 'Kubelet stopped posting node status.',
      };
