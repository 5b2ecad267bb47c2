/** What pods ask of the node, against what it has. */
import type { Container, Node, Pod } from '../../schema/generated/index.ts';
import { parseQuantity, quantityMilliValue, quantityValue } from '../../schema/index.ts';

/** In units; CPU in thousandths. */
export interface Insufficient {
  name: string;
  requested: bigint;
  used: bigint;
  capacity: bigint;
}

const basic = ['cpu', 'memory', 'ephemeral-storage'];

/** The first resource that the node has too little of. Those that it does not have at all are others' business. */
export function insufficientResource(
  pod: Pod,
  others: readonly Pod[],
  node: Node,
  maxPods: number,
): Insufficient | undefined {
  if (others.length + 1 > maxPods) {
    return { name: 'pods', requested: 1n, used: BigInt(others.length), capacity: BigInt(maxPods) };
  }
  const allocatable = node.status?.allocatable ?? {};
  const extended = Object.keys(allocatable).filter((name) => name.includes('/') || name.startsWith('hugepages-'));
  for (const name of [...basic, ...extended]) {
    const requested = requestOf(pod, name);
    if (requested === 0n) continue;
    const capacity = amountOf(allocatable[name], name);
    const used = others.reduce((sum, other) => sum + requestOf(other, name), 0n);
    if (used + requested > capacity) return { name, requested, used, capacity };
  }
  return undefined;
}

/** Containers and sidecars together, or the greediest moment of initialization; with overhead. */
function requestOf({ spec }: Pod, name: string): bigint {
  const of = ({ resources }: Container): bigint => amountOf(resources?.requests?.[name], name);
  const overhead = amountOf(spec.overhead?.[name], name);
  if (spec.resources?.requests?.[name] !== undefined) return amountOf(spec.resources.requests[name], name) + overhead;
  let sidecars = 0n;
  let peak = 0n;
  for (const container of spec.initContainers ?? []) {
    const moment = sidecars + of(container);
    if (container.restartPolicy === 'Always') sidecars = moment;
    if (moment > peak) peak = moment;
  }
  const running = spec.containers.reduce((sum, container) => sum + of(container), sidecars);
  return (running > peak ? running : peak) + overhead;
}

function amountOf(text: string | undefined, name: string): bigint {
  if (text === undefined) return 0n;
  const quantity = parseQuantity(text);
  return name === 'cpu' ? quantityMilliValue(quantity) : quantityValue(quantity);
}
