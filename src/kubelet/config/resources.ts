import type { Container, Pod } from '../../schema/generated/index.ts';
import { parseQuantity, quantityMilliValue, quantityValue } from '../../schema/index.ts';
import type { Init, LinuxContainerResources } from '../cri/types.ts';
import { podTotal } from '../volumes/index.ts';
import { cpuPeriodUs, quotaOf, sharesOf } from './cpu.ts';
import { oomScoreAdjust } from './qos.ts';

/** What the machine's control groups are like. */
export interface MachineFacts {
  memoryBytes: bigint;
  /** cgroup v2 alone, not the hybrid of both. */
  isUnified: boolean;
  hasSwapLimit: boolean;
  /** As runtimes name them: `2MB`. */
  hugePageSizes: readonly string[];
}

type Amounts = Readonly<Record<string, string>>;

/** Limits of one container for the runtime; also what a resize sets. Upstream: kuberuntime_container_linux.go. */
export function containerResources(
  pod: Pod,
  container: Container,
  machine: MachineFacts,
): Init<LinuxContainerResources> {
  const { requests = {}, limits = {} } = container.resources ?? {};
  const ofPod = pod.spec.resources?.limits ?? {};
  const cpuLimit = milli(limits['cpu']) || milli(ofPod['cpu']);
  const memoryLimit = bytes(limits['memory']) || bytes(ofPod['memory']);
  const request = requests['cpu'] === undefined ? undefined : milli(requests['cpu']);
  return {
    ...linuxResources(request, cpuLimit, memoryLimit),
    ...swap(memoryLimit, machine),
    oomScoreAdj: oomScoreAdjust(pod, container, machine.memoryBytes),
    hugepageLimits: hugePageLimits({ ...ofPod, ...limits }, machine.hugePageSizes),
  };
}

/** Of the pod as a whole, without its overhead, and of the overhead. */
export function sandboxResources(pod: Pod): {
  resources: Init<LinuxContainerResources>;
  overhead: Init<LinuxContainerResources>;
} {
  const asks = [...(pod.spec.initContainers ?? []), ...pod.spec.containers].some(
    ({ resources }) => resources?.requests?.['cpu'] !== undefined,
  );
  const request = asks || pod.spec.resources?.requests?.['cpu'] ? Number(podTotal(pod, 'requests', 'cpu')) : undefined;
  const { cpu, memory } = pod.spec.overhead ?? {};
  return {
    resources: linuxResources(
      request,
      Number(podTotal(pod, 'limits', 'cpu')),
      Number(podTotal(pod, 'limits', 'memory')),
    ),
    overhead: pod.spec.overhead ? linuxResources(milli(cpu), milli(cpu), bytes(memory)) : {},
  };
}

function linuxResources(
  cpuRequest: number | undefined,
  cpuLimit: number,
  memoryLimit: number,
): Init<LinuxContainerResources> {
  return {
    cpuShares: sharesOf(cpuRequest ?? cpuLimit),
    cpuPeriod: cpuPeriodUs,
    cpuQuota: quotaOf(cpuLimit),
    memoryLimitInBytes: memoryLimit,
  };
}

/** Pods do not swap; on cgroup v2 a container out of memory is killed as a whole. */
function swap(memoryLimit: number, { isUnified, hasSwapLimit }: MachineFacts): Init<LinuxContainerResources> {
  if (!isUnified) return hasSwapLimit ? { memorySwapLimitInBytes: memoryLimit } : {};
  return { unified: { 'memory.oom.group': '1', ...(hasSwapLimit && { 'memory.swap.max': '0' }) } };
}

function hugePageLimits(limits: Amounts, sizes: readonly string[]): Init<LinuxContainerResources>['hugepageLimits'] {
  const wanted = new Map<string, number>();
  for (const [name, amount] of Object.entries(limits)) {
    if (name.startsWith('hugepages-')) wanted.set(pageSizeName(name.slice('hugepages-'.length)), bytes(amount));
  }
  return sizes.map((pageSize) => ({ pageSize, limit: wanted.get(pageSize) ?? 0 }));
}

/** `2Mi` is `2MB` to runtimes. */
export function pageSizeName(size: string): string {
  let value = bytes(size);
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit++) value = Math.trunc(value / 1024);
  return `${value}${units[unit]}`;
}

const units = ['B', 'KB', 'MB', 'GB', 'TB', 'PB'];

const milli = (amount = '0'): number => Number(quantityMilliValue(parseQuantity(amount)));
const bytes = (amount = '0'): number => Number(quantityValue(parseQuantity(amount)));
