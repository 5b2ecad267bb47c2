/** What the proxy and DNS keep of Services and EndpointSlices: IPv4 only, and no more than they use. */

export type Protocol = 'TCP' | 'UDP' | 'SCTP';

export interface ServiceFacts {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  /** '' when there is none: headless, ExternalName. */
  readonly clusterIP: string;
  /** A name without an address of its own: the endpoints are its addresses. */
  readonly headless: boolean;
  /** '' unless of type ExternalName. */
  readonly externalName: string;
  /** False when labels say that another proxy serves it, or none. */
  readonly proxied: boolean;
  readonly ports: readonly ServicePortFacts[];
  /** Of ClientIP affinity; 0 without. */
  readonly affinitySeconds: number;
  readonly internalLocal: boolean;
  readonly externalLocal: boolean;
  readonly externalIPs: readonly string[];
  readonly loadBalancerIPs: readonly string[];
  /** CIDRs; empty when every source may come in. */
  readonly sourceRanges: readonly string[];
}

export interface ServicePortFacts {
  readonly name: string;
  readonly protocol: Protocol;
  readonly port: number;
  /** 0 without. */
  readonly nodePort: number;
}

export interface SliceFacts {
  /** False when its labels say that no proxy is to serve it. */
  readonly proxied: boolean;
  readonly ports: readonly { readonly name: string; readonly protocol: Protocol; readonly port: number }[];
  readonly endpoints: readonly EndpointFacts[];
}

export interface EndpointFacts {
  readonly address: string;
  /** '' when it has none. */
  readonly hostname: string;
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  /** On this node. */
  readonly local: boolean;
}

/** A Service and its EndpointSlices, whichever of them exist, by `namespace/name` of the Service. */
export interface ServiceEntry {
  service: ServiceFacts | undefined;
  /** By name of the slice. */
  readonly slices: Map<string, SliceFacts>;
}

export type ServiceTable = ReadonlyMap<string, Readonly<ServiceEntry>>;
