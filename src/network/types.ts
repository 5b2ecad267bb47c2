/** What the network is started with, and what it hands back. */
import type { Client } from '../client/types.ts';
import type { Budget } from '../config/budget.ts';
import type { Clock, Logger } from '../kernel/index.ts';

export interface NetworkConfig {
  /** CIDRs. A node's pods have addresses of `podNetwork`, all pods of `clusterNetwork`. */
  podNetwork: string;
  clusterNetwork: string;
  serviceNetwork: string;
  /** First the primary one. */
  nodeIPs: readonly string[];
  nodeName: string;
  /** Where DNS is served; put on the loopback interface. */
  dnsIP: string;
  /** Put on the loopback interface. Undefined when the user has set one: then it is theirs. */
  advertiseAddress: string | undefined;
  /** `cluster.local`. */
  clusterDomain: string;
}

export interface NetworkOptions {
  /** Acts as `system:kube-proxy`: reads Services and EndpointSlices. */
  client: Client;
  /** Acts as `system:node:<nodeName>`: reads the node's pods, for host ports. */
  nodeClient: Client;
  clock: Clock;
  log: Logger;
  budget: Pick<Budget, 'dnsQueries'>;
  config: NetworkConfig;
  /** Folders of CNI: where the runtime looks for configuration, and where host-local keeps its leases. */
  cniConfigDir: string;
  cniLeases: string;
  /** Where to ask for names outside of the cluster. Default: /etc/resolv.conf. */
  resolvConf?: string;
}

export interface Network {
  /** Stops serving and following. Rules and addresses stay, so that pods keep their Services. */
  stop(): Promise<void>;
}

export type CleanupOptions = Pick<NetworkOptions, 'log' | 'cniConfigDir' | 'cniLeases'> & {
  config: Pick<NetworkConfig, 'serviceNetwork' | 'dnsIP' | 'advertiseAddress'>;
};
