import type { Container, Pod, ResourceFieldSelector } from '../../schema/generated/index.ts';
import { parseQuantity, quantityMilliValue, quantityValue } from '../../schema/index.ts';

type Resources = Readonly<Record<string, string>>;

const ofContainers = ['cpu', 'memory', 'ephemeral-storage'];

/**
 * A container's limit or request in units of the divisor, rounded up, as text. A limit that is not set is what the node
 * has to give. Upstream: pkg/api/v1/resource.
 */
export function resourceField(
  { resource, divisor = '0' }: ResourceFieldSelector,
  container: Container,
  allocatable: Resources,
): string {
  const dot = resource.indexOf('.');
  const [list, name] = [resource.slice(0, dot), resource.slice(dot + 1)];
  const isKnown =
    (list === 'limits' || list === 'requests') && (ofContainers.includes(name) || name.startsWith('hugepages-'));
  if (!isKnown) throw new Error(`unsupported container resource : ${resource}`);
  const amount = parseQuantity(amountOf(container, list, name, allocatable));
  const unit = parseQuantity(quantityMilliOrZero(divisor) ? divisor : '1');
  const value = name === 'cpu' ? quantityMilliValue : quantityValue;
  return String(Math.ceil(Number(value(amount)) / Number(value(unit))));
}

const quantityMilliOrZero = (text: string): boolean => parseQuantity(text).value !== 0n;

function amountOf(container: Container, list: 'limits' | 'requests', name: string, allocatable: Resources): string {
  const own = container.resources?.[list]?.[name] ?? '0';
  if (list === 'requests' || !ofContainers.includes(name) || parseQuantity(own).value !== 0n) return own;
  return allocatable[name] ?? own;
}

/** Regular and init containers. Throws with upstream's text. */
export function containerNamed({ spec }: Pod, name: string): Container {
  const found = [...spec.containers, ...(spec.initContainers ?? [])].find((container) => container.name === name);
  if (!found) throw new Error(`container ${name} not found`);
  return found;
}
