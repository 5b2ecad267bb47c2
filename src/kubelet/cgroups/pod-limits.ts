/** Limits of a pod's control group, as upstream's kubelet computes them (pkg/kubelet/cm, ResourceConfigForPod). */
import type { Container, Pod } from '../../schema/generated/index.ts';
import { parseQuantity, quantityMilliValue, quantityValue } from '../../schema/index.ts';
import { maxShares, minShares, type QosClass, qosClassOf, quotaOf, sharesOf } from '../config/index.ts';
import { podTotal } from '../volumes/index.ts';

export interface CgroupLimits {
  cpuShares: number;
  /** Microseconds a period. */
  cpuQuota?: number;
  memoryBytes?: number;
}

/** A pod's group: whose child it is, and its limits. */
export interface PodCgroup {
  qosClass: QosClass;
  limits: CgroupLimits;
}

/** From v1's range of 2 to 262144 to v2's of 1 to 10000. */
export const sharesToWeight = (shares: number): number =>
  shares >= maxShares ? 10_000 : 1 + Math.floor(((shares - minShares) * 9_999) / 262_142);

export const weightToShares = (weight: number): number => Math.floor(((weight - 1) * 262_142) / 9_999) + minShares;

export function podCgroup(pod: Pod): PodCgroup {
  const qosClass = qosClassOf(pod);
  if (qosClass === 'BestEffort') return { qosClass, limits: { cpuShares: minShares } };
  const { overhead } = pod.spec;
  const cpuShares = sharesOf(Number(podTotal(pod, 'requests', 'cpu') + amount('cpu', overhead?.['cpu'])));
  const cpuQuota = quotaOf(limitOf(pod, qosClass, 'cpu'));
  const memoryBytes = limitOf(pod, qosClass, 'memory');
  return {
    qosClass,
    limits: { cpuShares, ...(cpuQuota > 0 && { cpuQuota }), ...(memoryBytes > 0 && { memoryBytes }) },
  };
}

/** 0: none, or not all of the containers have one. */
function limitOf(pod: Pod, qosClass: QosClass, name: Bounded): number {
  const total = podTotal(pod, 'limits', name);
  if (total === 0n || (qosClass !== 'Guaranteed' && !isBounded(pod, name))) return 0;
  return Number(total + amount(name, pod.spec.overhead?.[name]));
}

type Bounded = 'cpu' | 'memory';

/** An init container counts with the sidecars before it, as in upstream. */
function isBounded({ spec }: Pod, name: Bounded): boolean {
  const limit = (holder: Pick<Container, 'resources'>): bigint => amount(name, holder.resources?.limits?.[name]);
  if (spec.resources && limit({ resources: spec.resources }) > 0n) return true;
  let sidecars = 0n;
  const init = (container: Container): boolean => {
    const moment = sidecars + limit(container);
    if (container.restartPolicy === 'Always') sidecars = moment;
    return moment > 0n;
  };
  return spec.containers.every((container) => limit(container) > 0n) && (spec.initContainers ?? []).every(init);
}

function amount(name: Bounded, text = '0'): bigint {
  const quantity = parseQuantity(text);
  return name === 'cpu' ? quantityMilliValue(quantity) : quantityValue(quantity);
}
