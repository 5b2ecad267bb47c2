import { readFileSync } from 'node:fs';
import { hostname, networkInterfaces } from 'node:os';
import type { Config } from './config.ts';
import { ConfigError } from './errors.ts';
import { addressIn, formatIPv4, type Network, parseIPv4, parseNetwork } from './ip.ts';

/** What follows from a Config and this machine. */
export interface Derived {
  nodeName: string;
  nodeIP: string;
  /** In the `kubernetes` Service's endpoints. As in MicroShift a node's default is the subnet after the service network. */
  advertiseAddress: string;
  /** This node's share of the cluster network, as a CIDR. */
  podNetwork: string;
  /** First address of the service network: the `kubernetes` Service. */
  serviceIP: string;
  dnsIP: string;
  nodePorts: { first: number; last: number };
}

/** Resolves what the configuration leaves to the machine. */
export function derive(config: Config): Derived {
  const service = parseNetwork(config.network.serviceNetwork[0] ?? '');
  if (!service) throw new ConfigError('network.serviceNetwork', 'needs an IPv4 network');
  const cluster = parseNetwork(config.network.clusterNetwork[0] ?? '');
  if (!cluster) throw new ConfigError('network.clusterNetwork', 'needs an IPv4 network');
  const nodeIP = config.node.nodeIP || hostAddress(cluster) || '127.0.0.1';
  const isNode = config.runtime.mode !== 'none';
  const [first = 30000, last = 32767] = config.network.serviceNodePortRange.split('-').map(Number);
  return {
    nodeName: (config.node.hostnameOverride || hostname()).toLowerCase(),
    nodeIP,
    advertiseAddress: config.apiServer.advertiseAddress || (isNode ? addressIn(service, service.size) : nodeIP),
    podNetwork: podNetwork(cluster),
    serviceIP: addressIn(service, 1),
    dnsIP: addressIn(service, 10),
    nodePorts: { first, last },
  };
}

/** Of the interface that the default route goes by, else of the first that is not loopback; never a pod network's. */
function hostAddress(cluster: Network): string | undefined {
  const isPods = (address: string): boolean => {
    const value = parseIPv4(address) ?? 0;
    return value >= cluster.base && value < cluster.base + cluster.size;
  };
  const found = Object.entries(networkInterfaces()).flatMap(([name, addresses]) =>
    (addresses ?? [])
      .filter(({ family, internal, address }) => family === 'IPv4' && !internal && !isPods(address))
      .map(({ address }) => ({ name, address })),
  );
  const byDefault = defaultInterface();
  return (found.find(({ name }) => name === byDefault) ?? found[0])?.address;
}

function defaultInterface(): string | undefined {
  let table: string;
  try {
    table = readFileSync('/proc/net/route', 'utf8');
  } catch {
    return undefined;
  }
  const rows = table
    .split('\n')
    .slice(1)
    .map((line) => line.split('\t'));
  return rows.find(([, destination, , , , , , mask]) => destination === '00000000' && mask === '00000000')?.[0];
}

/** The first /24 of the cluster network, or all of it when it is smaller. */
const podNetwork = ({ base, prefixLength }: Network): string => `${formatIPv4(base)}/${Math.max(prefixLength, 24)}`;
