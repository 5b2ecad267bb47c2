import type { Container, Pod } from '../../schema/generated/index.ts';
import { compareQuantity, parseQuantity, quantityValue } from '../../schema/index.ts';
import { podTotal } from '../volumes/index.ts';

export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort';

const guaranteed = -997;
const bestEffort = 1000;

/** As the API server has put it into the status; pods from files have none yet. */
export const qosClassOf = (pod: Pod): QosClass => pod.status?.qosClass ?? computeQosClass(pod);

function computeQosClass({ spec }: Pod): QosClass {
  const bearers = spec.resources ? [spec] : [...(spec.initContainers ?? []), ...spec.containers];
  const compute = (list: Record<string, string> = {}) =>
    Object.entries(list).filter(([name, amount]) => ofClass.includes(name) && parseQuantity(amount).value > 0n);
  const asked = bearers.map(({ resources }) => ({
    requests: new Map(compute(resources?.requests)),
    limits: new Map(compute(resources?.limits)),
  }));
  if (asked.every(({ requests, limits }) => requests.size === 0 && limits.size === 0)) return 'BestEffort';
  const isGuaranteed = asked.every(({ requests, limits }) =>
    ofClass.every((name) => {
      const limit = limits.get(name);
      const request = requests.get(name) ?? limit;
      return limit && request && compareQuantity(parseQuantity(limit), parseQuantity(request)) === 0;
    }),
  );
  return isGuaranteed ? 'Guaranteed' : 'Burstable';
}

const ofClass = ['cpu', 'memory'];

/**
 * How readily the kernel kills the container when memory is short: a burstable one the more readily the less of the
 * machine it asked for. Upstream: pkg/kubelet/qos/policy.go.
 */
export function oomScoreAdjust(pod: Pod, container: Container, capacityBytes: bigint): number {
  if (isNodeCritical(pod)) return guaranteed;
  const qosClass = qosClassOf(pod);
  if (qosClass === 'Guaranteed') return guaranteed;
  if (qosClass === 'BestEffort') return bestEffort;
  const spare = spareRequest(pod);
  let score = scoreOf(memoryRequest(container) + spare, capacityBytes);
  if (isSidecar(pod, container)) {
    const least = pod.spec.containers.map(memoryRequest).reduce((a, b) => (a < b ? a : b));
    score = Math.min(score, scoreOf(least + spare, capacityBytes));
  }
  return Math.min(Math.max(score, 1000 + guaranteed), bestEffort - 1);
}

const scoreOf = (requestBytes: bigint, capacityBytes: bigint): number =>
  1000 - Number((1000n * requestBytes) / capacityBytes);

const memoryRequest = ({ resources }: Container): bigint =>
  quantityValue(parseQuantity(resources?.requests?.['memory'] ?? '0'));

/** A container's share of what the pod asks for beyond its containers. */
function spareRequest(pod: Pod): bigint {
  const own = pod.spec.resources?.requests?.['memory'];
  if (own === undefined) return 0n;
  const { resources: _, ...spec } = pod.spec;
  const ofContainers = podTotal({ ...pod, spec }, 'requests', 'memory');
  const count = BigInt(spec.containers.length + (spec.initContainers?.length ?? 0));
  return (quantityValue(parseQuantity(own)) - ofContainers) / count;
}

const isSidecar = ({ spec }: Pod, { name, restartPolicy }: Container): boolean =>
  restartPolicy === 'Always' && (spec.initContainers ?? []).some((container) => container.name === name);

const systemPriority = 2_000_000_000;

function isNodeCritical({ metadata, spec }: Pod): boolean {
  const { 'kubernetes.io/config.source': source, 'kubernetes.io/config.mirror': mirror } = metadata.annotations ?? {};
  const isStatic = source !== undefined && source !== 'api';
  const isCritical = isStatic || mirror !== undefined || (spec.priority ?? 0) >= systemPriority;
  return isCritical && spec.priorityClassName === 'system-node-critical';
}
