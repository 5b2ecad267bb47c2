/** Which endpoints a port of a Service leads to. As upstream's pkg/proxy/topology.go, for a node without topology hints. */
import type { EndpointFacts, Protocol, ServiceEntry, ServiceFacts, ServicePortFacts } from '../facts/index.ts';

export interface Target extends EndpointFacts {
  readonly port: number;
}

/** Endpoints of one port, by traffic policy. */
export interface Targets {
  /** Ready ones; when there are none, those that still serve while they terminate. Empty when no policy asks for them. */
  readonly cluster: readonly Target[];
  /** Likewise, of this node. */
  readonly local: readonly Target[];
  /** All that packets may be sent to by one policy or another. */
  readonly reachable: readonly Target[];
  /** Someone could answer, if not on this node. */
  readonly any: boolean;
}

/** Has addresses that packets from outside the cluster come for. */
export const isExternal = (service: ServiceFacts, port: ServicePortFacts): boolean =>
  port.nodePort !== 0 || service.externalIPs.length > 0 || service.loadBalancerIPs.length > 0;

/** Endpoints of the port from all slices, one an address, in order of address. */
export function endpointsOf({ slices }: Readonly<ServiceEntry>, name: string, protocol: Protocol): Target[] {
  const found = new Map<string, Target>();
  for (const slice of slices.values()) {
    const ports = slice.proxied ? slice.ports.filter((port) => port.name === name && port.protocol === protocol) : [];
    for (const { port } of ports) {
      for (const endpoint of slice.endpoints) {
        const key = `${endpoint.address}:${port}`;
        // An address may pass from a pod that terminates to a new one, or an endpoint from one slice to another.
        if (!found.has(key) || !endpoint.terminating) found.set(key, { ...endpoint, port });
      }
    }
  }
  return [...found.keys()].sort().map((key) => found.get(key)!);
}

const isFallback = ({ serving, terminating }: Target): boolean => serving && terminating;
const isReady = ({ ready }: Target): boolean => ready;

function usable(endpoints: readonly Target[]): readonly Target[] {
  const ready = endpoints.filter(isReady);
  return ready.length > 0 ? ready : endpoints.filter((endpoint) => !endpoint.ready && isFallback(endpoint));
}

export function targetsOf(service: ServiceFacts, port: ServicePortFacts, endpoints: readonly Target[]): Targets {
  const external = isExternal(service, port);
  const usesCluster = !service.internalLocal || external;
  const usesLocal = service.internalLocal || (service.externalLocal && external);
  const cluster = usesCluster ? usable(endpoints) : [];
  const local = usesLocal ? usable(endpoints.filter((endpoint) => endpoint.local)) : [];
  const others = local.filter((endpoint) => !cluster.includes(endpoint));
  return { cluster, local, reachable: [...cluster, ...others], any: usable(endpoints).length > 0 };
}
