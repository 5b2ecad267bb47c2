/** Resources in a container's status: what it was given, and what the runtime holds it to; KEP-1287. */
import type { Container, ContainerStatus, ResourceRequirements } from '../../../schema/generated/index.ts';
import {
  formatQuantity,
  parseQuantity,
  quantityFromInteger,
  quantityFromMilli,
  quantityMilliValue,
} from '../../../schema/index.ts';
import type { ContainerLimits, ObservedContainer } from '../types.ts';

/** Below these the kernel's values say nothing about what was asked. */
const minCpuLimitMilli = 10n;
const minShares = 2;

/** Absent when the container asks for nothing: the API shows an empty object then. */
export function containerResources(
  container: Container,
  seen: ObservedContainer,
): Pick<ContainerStatus, 'resources' | 'allocatedResources'> {
  const wanted = container.resources ?? {};
  const { requests } = wanted;
  return {
    ...(requests && { allocatedResources: requests }),
    resources: seen.state === 'running' && seen.limits ? actualResources(wanted, seen.limits) : wanted,
  };
}

function actualResources(wanted: ResourceRequirements, actual: ContainerLimits): ResourceRequirements {
  const limits = { ...wanted.limits };
  const requests = { ...wanted.requests };
  if (limits['cpu'] && actual.cpuQuota > 0 && actual.cpuPeriod > 0) {
    const milli = BigInt(Math.round((actual.cpuQuota * 1000) / actual.cpuPeriod));
    if (milli > minCpuLimitMilli || milliOf(limits['cpu']) > minCpuLimitMilli) limits['cpu'] = cpuText(milli);
  }
  if (limits['memory'] && actual.memoryBytes > 0) {
    limits['memory'] = formatQuantity(quantityFromInteger(BigInt(actual.memoryBytes), 'BinarySI'));
  }
  if (requests['cpu'] && actual.cpuShares > minShares) {
    requests['cpu'] = cpuText(BigInt(Math.ceil((actual.cpuShares * 1000) / 1024)));
  }
  return {
    ...wanted,
    ...(wanted.limits && { limits }),
    ...(wanted.requests && { requests }),
  };
}

const milliOf = (text: string): bigint => quantityMilliValue(parseQuantity(text));
const cpuText = (milli: bigint): string => formatQuantity(quantityFromMilli(milli, 'DecimalSI'));
