/** What a pod takes of a node: containers, init containers and sidecars, pod-level resources, overhead (KEP-753, KEP-2837). */
import type { Container, ContainerStatus, Pod } from '../schema/generated/index.ts';
import { addAmounts, addQuantities, type Amounts, amountsOf, raiseTo } from './amounts.ts';

/** Counted, where scores are computed, for containers that ask for nothing. */
const defaultRequests = { cpu: 100, memory: 200 * 2 ** 20 } as const;

export interface RequestOptions {
  /** Count `defaultRequests` for containers that do not say. */
  withDefaults?: boolean;
  /** What runs may have been resized: the most of what is wanted, allocated and in force counts. */
  fromStatus?: boolean;
}

const isSidecar = (container: Container): boolean => container.restartPolicy === 'Always';
const isPodLevel = (resource: string): boolean =>
  resource === 'cpu' || resource === 'memory' || resource.startsWith('hugepages-');

export function podRequests(pod: Pod, options: RequestOptions = {}): Amounts {
  const { containers = [], initContainers = [], resources, overhead } = pod.spec ?? {};
  const total: Amounts = new Map();
  for (const container of containers) addAmounts(total, containerRequests(pod, container, options));
  if (initContainers.length > 0) raiseTo(total, startRequests(pod, initContainers, total, options));
  for (const name in resources?.requests) {
    if (isPodLevel(name)) total.set(name, amountsOf({ [name]: resources.requests[name]! }).get(name) ?? 0);
  }
  addQuantities(total, overhead);
  return total;
}

/** The most that is needed at once while init containers run. Adds those that go on running to `total`. */
function startRequests(
  pod: Pod,
  initContainers: readonly Container[],
  total: Amounts,
  options: RequestOptions,
): Amounts {
  const running: Amounts = new Map();
  const most: Amounts = new Map();
  for (const container of initContainers) {
    const requests = containerRequests(pod, container, options);
    if (isSidecar(container)) {
      addAmounts(total, requests);
      addAmounts(running, requests);
      raiseTo(most, running);
    } else {
      addAmounts(requests, running);
      raiseTo(most, requests);
    }
  }
  return most;
}

function containerRequests(pod: Pod, container: Container, { withDefaults, fromStatus }: RequestOptions): Amounts {
  const requests = amountsOf(container.resources?.requests);
  const status = fromStatus ? statusOf(pod, container) : undefined;
  if (status?.resources) {
    if (isInfeasible(pod)) requests.clear();
    raiseTo(requests, amountsOf(status.resources.requests));
    raiseTo(requests, amountsOf(status.allocatedResources));
  }
  if (withDefaults) {
    if (!requests.has('cpu')) requests.set('cpu', defaultRequests.cpu);
    if (!requests.has('memory')) requests.set('memory', defaultRequests.memory);
  }
  return requests;
}

/** Init containers that end are not resized. */
function statusOf({ spec, status }: Pod, container: Container): ContainerStatus | undefined {
  const byName = ({ name }: ContainerStatus): boolean => name === container.name;
  if (!spec?.initContainers?.includes(container)) return status?.containerStatuses?.find(byName);
  return isSidecar(container) ? status?.initContainerStatuses?.find(byName) : undefined;
}

const isInfeasible = (pod: Pod): boolean =>
  pod.status?.conditions?.find(({ type }) => type === 'PodResizePending')?.reason === 'Infeasible';
