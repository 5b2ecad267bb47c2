// Resource arithmetic over a pod's containers (component-helpers/resource): sums, sidecars, quality of service.
import type { Container, PodSpec } from '../../typings/core.ts';
import { addQuantities, maxQuantity, nanos } from '../../shared/quantity.ts';

type List = Record<string, string>;

export const isHugePages = (name: string): boolean => name.startsWith('hugepages-');

/** Resources that may be set for the pod as a whole. */
export const isPodLevelResource = (name: string): boolean => name === 'cpu' || name === 'memory' || isHugePages(name);

export const isSidecar = (container: Container | undefined): boolean => container?.restartPolicy === 'Always';

/** What the pod needs at once: containers and sidecars together, or the largest step of initialisation. */
export function aggregateResources(spec: PodSpec, field: 'requests' | 'limits'): List {
  let total: List = {};
  for (const container of spec.containers ?? []) total = sum(total, container.resources?.[field]);
  let sidecars: List = {};
  let initial: List = {};
  for (const container of spec.initContainers ?? []) {
    const own = container.resources?.[field];
    if (isSidecar(container)) {
      total = sum(total, own);
      sidecars = sum(sidecars, own);
      initial = largest(initial, sidecars);
    } else {
      initial = largest(initial, sum(sidecars, own));
    }
  }
  return largest(total, initial);
}

function sum(a: List, b: List | undefined): List {
  const result = { ...a };
  for (const [name, quantity] of Object.entries(b ?? {})) result[name] = addQuantities(result[name], quantity);
  return result;
}

function largest(a: List, b: List): List {
  const result = { ...a };
  for (const [name, quantity] of Object.entries(b))
    result[name] = name in result ? maxQuantity(result[name], quantity) : quantity;
  return result;
}

/** Guaranteed, Burstable or BestEffort, by cpu and memory of the pod or of its containers. */
export function qosClass(spec: PodSpec): string {
  const holders = spec.resources
    ? [spec.resources]
    : [...(spec.containers ?? []), ...(spec.initContainers ?? [])].map((container) => container.resources ?? {});
  let asksForAnything = false;
  let guaranteed = true;
  const requests = new Map<string, bigint>();
  const limits = new Map<string, bigint>();
  for (const holder of holders) {
    for (const name of ['cpu', 'memory']) {
      const request = nanos(holder.requests?.[name]);
      const limit = nanos(holder.limits?.[name]);
      if (request > 0n) requests.set(name, (requests.get(name) ?? 0n) + request);
      if (limit > 0n) limits.set(name, (limits.get(name) ?? 0n) + limit);
      else guaranteed = false;
      if (request > 0n || limit > 0n) asksForAnything = true;
    }
  }
  if (!asksForAnything) return 'BestEffort';
  const same = [...requests].every(([name, value]) => limits.get(name) === value) && requests.size === limits.size;
  return guaranteed && same ? 'Guaranteed' : 'Burstable';
}
