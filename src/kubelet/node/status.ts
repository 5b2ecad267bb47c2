/** What a node says of itself, as a function of what was seen: no clock, no file, no call. */
import { formatTime, versionInfo } from '../../kernel/index.ts';
import type { ContainerImage, NodeCondition, NodeStatus } from '../../schema/generated/index.ts';
import { formatQuantity, quantityFromInteger } from '../../schema/index.ts';
import type { Image, StatusResponse } from '../cri/types.ts';
import type { Disk, Machine } from './machine.ts';
import { diskReserve, memoryReserveBytes, type PressureType } from './pressure.ts';

export interface NodeFacts {
  nowMs: number;
  machine: Machine;
  disk: Disk;
  hostname: string;
  nodeIPs: readonly string[];
  maxPods: number;
  kubeletPort: number;
  runtimeVersion: string;
  runtime: StatusResponse | undefined;
  /** Why the node is not ready. */
  problems: readonly string[];
  pressures: ReadonlySet<PressureType>;
  /** Undefined: not known, what the node said before stays. */
  images: readonly Image[] | undefined;
}

export interface PlannedStatus {
  status: NodeStatus;
  /** Reasons of events: what has changed since `previous`. */
  events: string[];
}

/** The status that follows `previous`. What others keep in a node's status (extended resources, volumes) stays. */
export function planNodeStatus(previous: NodeStatus, facts: NodeFacts): PlannedStatus {
  const events: string[] = [];
  const capacity = capacityOf(previous, facts);
  const status: NodeStatus = {
    ...previous,
    capacity,
    allocatable: allocatableOf(capacity, facts),
    conditions: conditionsOf(previous.conditions ?? [], facts, events),
    addresses: [
      ...facts.nodeIPs.map((address) => ({ type: 'InternalIP' as const, address })),
      { type: 'Hostname', address: facts.hostname },
    ],
    daemonEndpoints: { kubeletEndpoint: { Port: facts.kubeletPort } },
    nodeInfo: nodeInfoOf(facts),
    ...(facts.images && { images: imagesOf(facts.images) }),
    ...runtimeFeatures(facts.runtime),
  };
  return { status, events };
}

// --- resources ----------------------------------------------------------------------------------------------------

const bytes = (value: number): string =>
  formatQuantity(quantityFromInteger(Math.max(0, Math.floor(value)), 'BinarySI'));

function capacityOf(previous: NodeStatus, { machine, disk, maxPods }: NodeFacts): Record<string, string> {
  const others = Object.entries(previous.capacity ?? {}).filter(([name]) => !name.startsWith('hugepages-'));
  return {
    ...Object.fromEntries(others),
    cpu: String(machine.cpus),
    memory: bytes(machine.memoryBytes),
    'ephemeral-storage': bytes(disk.sizeBytes),
    pods: String(maxPods),
    ...Object.fromEntries(Object.entries(machine.hugePages).map(([name, value]) => [name, bytes(value)])),
  };
}

/** Without what the thresholds of eviction keep back, and memory that is huge pages already. */
function allocatableOf(capacity: Record<string, string>, { machine, disk }: NodeFacts): Record<string, string> {
  const hugeBytes = Object.values(machine.hugePages).reduce((sum, value) => sum + value, 0);
  return {
    ...capacity,
    memory: bytes(machine.memoryBytes - memoryReserveBytes - hugeBytes),
    'ephemeral-storage': bytes(disk.sizeBytes - Math.floor(disk.sizeBytes * diskReserve)),
  };
}

// --- what runs here -----------------------------------------------------------------------------------------------

const nodeInfoOf = ({ machine, runtimeVersion }: NodeFacts): NonNullable<NodeStatus['nodeInfo']> => ({
  machineID: machine.machineId,
  systemUUID: machine.systemUuid,
  bootID: machine.bootId,
  kernelVersion: machine.kernelVersion,
  osImage: machine.osImage,
  containerRuntimeVersion: runtimeVersion,
  kubeletVersion: versionInfo.kubernetes.gitVersion,
  kubeProxyVersion: '',
  operatingSystem: 'linux',
  architecture: machine.architecture,
  ...(machine.swapBytes > 0 && { swap: { capacity: machine.swapBytes } }),
});

const imageLimit = 50;
const nameLimit = 5;

function imagesOf(images: readonly Image[]): ContainerImage[] {
  const bySize = [...images].sort((a, b) => b.size - a.size || (a.id < b.id ? -1 : 1));
  return bySize.slice(0, imageLimit).map(({ repoDigests, repoTags, size }) => ({
    names: [...repoDigests, ...repoTags].slice(0, nameLimit),
    sizeBytes: size,
  }));
}

function runtimeFeatures(runtime: StatusResponse | undefined): Partial<NodeStatus> {
  if (!runtime) return {};
  const handlers = [...runtime.runtimeHandlers].sort((a, b) => (a.name < b.name ? -1 : 1));
  const { features } = runtime;
  return {
    ...(handlers.length > 0 && {
      runtimeHandlers: handlers.map(({ name, features: found }) => ({
        name,
        features: {
          recursiveReadOnlyMounts: found?.recursiveReadOnlyMounts ?? false,
          userNamespaces: found?.userNamespaces ?? false,
        },
      })),
    }),
    ...(features && { features: { supplementalGroupsPolicy: features.supplementalGroupsPolicy } }),
  };
}

// --- conditions ---------------------------------------------------------------------------------------------------

interface Wording {
  reason: string;
  message: string;
  event: string;
}

const wordings: Readonly<Record<PressureType, { some: Wording; none: Wording }>> = {
  MemoryPressure: {
    some: {
      reason: 'KubeletHasInsufficientMemory',
      message: 'kubelet has insufficient memory available',
      event: 'NodeHasInsufficientMemory',
    },
    none: {
      reason: 'KubeletHasSufficientMemory',
      message: 'kubelet has sufficient memory available',
      event: 'NodeHasSufficientMemory',
    },
  },
  DiskPressure: {
    some: {
      reason: 'KubeletHasDiskPressure',
      message: 'kubelet has disk pressure',
      event: 'NodeHasDiskPressure',
    },
    none: {
      reason: 'KubeletHasNoDiskPressure',
      message: 'kubelet has no disk pressure',
      event: 'NodeHasNoDiskPressure',
    },
  },
  PIDPressure: {
    some: {
      reason: 'KubeletHasInsufficientPID',
      message: 'kubelet has insufficient PID available',
      event: 'NodeHasInsufficientPID',
    },
    none: {
      reason: 'KubeletHasSufficientPID',
      message: 'kubelet has sufficient PID available',
      event: 'NodeHasSufficientPID',
    },
  },
};

/** Pressures, what others have put there, and Ready as the last. */
function conditionsOf(before: readonly NodeCondition[], facts: NodeFacts, events: string[]): NodeCondition[] {
  const pressures = (Object.keys(wordings) as PressureType[]).map((type) => {
    const isThere = facts.pressures.has(type);
    const { event, ...wording } = isThere ? wordings[type].some : wordings[type].none;
    return transition(before, { type, status: isThere ? 'True' : 'False', ...wording }, event, facts.nowMs, events);
  });
  const others = before.filter(({ type }) => type !== 'Ready' && !(type in wordings));
  const { problems } = facts;
  const isReady = problems.length === 0;
  const ready = transition(
    before,
    {
      type: 'Ready',
      status: isReady ? 'True' : 'False',
      reason: isReady ? 'KubeletReady' : 'KubeletNotReady',
      message: isReady
        ? 'kubelet is posting ready status'
        : problems.length === 1
          ? problems[0]!
          : `[${problems.join(', ')}]`,
    },
    isReady ? 'NodeReady' : 'NodeNotReady',
    facts.nowMs,
    events,
  );
  return [...pressures, ...others, ready];
}

function transition(
  before: readonly NodeCondition[],
  next: NodeCondition,
  event: string,
  nowMs: number,
  events: string[],
): NodeCondition {
  const now = formatTime(nowMs);
  const previous = before.find(({ type }) => type === next.type);
  const isSame = previous?.status === next.status;
  // Nobody needs to hear that a node that was never ready is not ready.
  if (!isSame && !(next.type === 'Ready' && next.status === 'False' && !previous)) events.push(event);
  const since = isSame ? previous.lastTransitionTime : undefined;
  return { ...next, lastHeartbeatTime: now, lastTransitionTime: since ?? now };
}
