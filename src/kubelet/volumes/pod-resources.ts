import type { Container, Pod } from '../../schema/generated/index.ts';
import { parseQuantity, quantityMilliValue, quantityValue } from '../../schema/index.ts';

type List = 'limits' | 'requests';

/**
 * What a pod asks for in all, in units (CPU: thousandths): its containers and sidecars together, or its greediest moment
 * during initialisation; the pod's own figure goes before the containers'. Without overhead.
 */
export function podTotal({ spec }: Pod, list: List, name: 'cpu' | 'memory'): bigint {
  const own = spec.resources?.[list]?.[name];
  if (own !== undefined) return amountOf(own, name);
  const of = (container: Container): bigint => amountOf(container.resources?.[list]?.[name] ?? '0', name);
  let sidecars = 0n;
  let peak = 0n;
  for (const container of spec.initContainers ?? []) {
    const isSidecar = container.restartPolicy === 'Always';
    const moment = sidecars + of(container);
    if (isSidecar) sidecars = moment;
    if (moment > peak) peak = moment;
  }
  const running = spec.containers.reduce((sum, container) => sum + of(container), sidecars);
  return running > peak ? running : peak;
}

/** The pod's memory limit in bytes; undefined when a container has none. */
export function podMemoryLimit(pod: Pod): bigint | undefined {
  const { containers, initContainers = [], resources, overhead } = pod.spec;
  const isBounded =
    resources?.limits?.['memory'] !== undefined ||
    [...containers, ...initContainers].every(({ resources }) => resources?.limits?.['memory'] !== undefined);
  if (!isBounded) return undefined;
  return podTotal(pod, 'limits', 'memory') + amountOf(overhead?.['memory'] ?? '0', 'memory');
}

const amountOf = (text: string, name: 'cpu' | 'memory'): bigint =>
  name === 'cpu' ? quantityMilliValue(parseQuantity(text)) : quantityValue(parseQuantity(text));
