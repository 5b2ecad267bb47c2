/** Resources of running containers that have been changed in place; KEP-1287. */
import type { Container } from '../../../schema/generated/index.ts';
import { compareQuantity, parseQuantity } from '../../../schema/index.ts';
import { containerResources } from '../../config/index.ts';
import { isSidecar, newest } from '../containers.ts';
import type { ContainerLimits, ObservedContainer, PodView, ResizedContainer } from '../types.ts';

export interface ResizePlan {
  /** Decreases first, so that the pod's own limits hold at every moment. */
  updates: ResizedContainer[];
  /** Those that can only be changed by starting them again. */
  restarts: ObservedContainer[];
}

/** Only CPU and memory can change, and these do not depend on the machine. */
const anyMachine = { memoryBytes: 1n, isUnified: false, hasSwapLimit: false, hugePageSizes: [] };

export function planResize(view: PodView): ResizePlan {
  const { spec } = view.pod;
  const plan: ResizePlan = { updates: [], restarts: [] };
  const grows = new Map<string, boolean>();
  for (const container of [...(spec.initContainers ?? []).filter(isSidecar), ...spec.containers]) {
    const seen = newest(view.observed, container.name);
    if (seen?.state !== 'running' || !seen.limits || view.memory.kills.has(seen.id)) continue;
    const wanted = wantedLimits(view, container);
    const changed = changedResources(view, container, seen.limits, wanted);
    const key = JSON.stringify(wanted);
    if (changed.length === 0 || view.memory.resized.get(seen.id) === key) continue;
    if (changed.some((name) => policyOf(container, name) === 'RestartContainer')) {
      plan.restarts.push(seen);
    } else {
      plan.updates.push({ id: seen.id, container, key });
      grows.set(seen.id, wanted.memoryBytes > seen.limits.memoryBytes || wanted.cpuQuota > seen.limits.cpuQuota);
    }
  }
  plan.updates.sort((a, b) => Number(grows.get(a.id)) - Number(grows.get(b.id)));
  return plan;
}

function wantedLimits({ pod }: PodView, container: Container): ContainerLimits {
  const { cpuShares, cpuQuota, cpuPeriod, memoryLimitInBytes } = containerResources(pod, container, anyMachine);
  return {
    cpuShares: cpuShares ?? 0,
    cpuQuota: cpuQuota ?? 0,
    cpuPeriod: cpuPeriod ?? 0,
    memoryBytes: memoryLimitInBytes ?? 0,
  };
}

function changedResources(
  view: PodView,
  container: Container,
  actual: ContainerLimits,
  wanted: ContainerLimits,
): ('cpu' | 'memory')[] {
  const isCpu =
    (actual.cpuShares > 0 && wanted.cpuShares > 0 && wanted.cpuShares !== actual.cpuShares) ||
    (wanted.cpuQuota > 0 && wanted.cpuQuota !== actual.cpuQuota);
  const isMemory = wanted.memoryBytes > 0 && wanted.memoryBytes !== actual.memoryBytes;
  return [
    ...(isCpu ? ['cpu' as const] : []),
    ...(isMemory || isMemoryRequest(view, container) ? ['memory' as const] : []),
  ];
}

/** The runtime knows nothing of it: what was last shown is what holds. */
function isMemoryRequest({ status }: PodView, { name, resources }: Container): boolean {
  const shown = [...(status.containerStatuses ?? []), ...(status.initContainerStatuses ?? [])].find(
    (one) => one.name === name,
  )?.allocatedResources?.['memory'];
  const wanted = resources?.requests?.['memory'];
  return (
    shown !== undefined && wanted !== undefined && compareQuantity(parseQuantity(shown), parseQuantity(wanted)) !== 0
  );
}

const policyOf = ({ resizePolicy = [] }: Container, name: string): string | undefined =>
  resizePolicy.find(({ resourceName }) => resourceName === name)?.restartPolicy;
