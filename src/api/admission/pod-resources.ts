/** What a pod asks for in all: containers, sidecars, init containers, and the pod's own figures (KEP-753, KEP-2837). */
import type { Container, PodSpec } from '../../schema/generated/index.ts';
import { addAmounts, compareAmounts, type ResourceList } from './quantities.ts';

type Side = 'requests' | 'limits';

const podLevel = (name: string): boolean => name === 'cpu' || name === 'memory' || name.startsWith('hugepages-');

function add(total: ResourceList, more: ResourceList | undefined): ResourceList {
  for (const [name, value] of Object.entries(more ?? {})) total[name] = addAmounts(total[name], value);
  return total;
}

function raise(total: ResourceList, other: ResourceList): void {
  for (const [name, value] of Object.entries(other)) {
    const present = total[name];
    if (present === undefined || compareAmounts(value, present) > 0) total[name] = value;
  }
}

const isSidecar = (container: Container): boolean => container.restartPolicy === 'Always';

/** Total of one side. Init containers run one after the other, beside the sidecars started before them. */
export function podTotal(spec: PodSpec, side: Side): ResourceList {
  const total: ResourceList = {};
  for (const container of spec.containers ?? []) add(total, container.resources?.[side]);
  const sidecars: ResourceList = {};
  const peak: ResourceList = {};
  for (const container of spec.initContainers ?? []) {
    const own = container.resources?.[side];
    if (isSidecar(container)) {
      add(total, own);
      add(sidecars, own);
      raise(peak, sidecars);
    } else raise(peak, add({ ...sidecars }, own));
  }
  raise(total, peak);
  for (const [name, value] of Object.entries(spec.resources?.[side] ?? {})) if (podLevel(name)) total[name] = value;
  return total;
}
