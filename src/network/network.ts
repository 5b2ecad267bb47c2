import type { Timer } from '../kernel/index.ts';
import { bridgeName, conflist, writeConflist } from './cni/index.ts';
import { type DnsServer, startDns } from './dns/index.ts';
import { NetworkError } from './errors.ts';
import { ServiceIndex } from './facts/index.ts';
import {
  ensureBridgeFilter,
  ensureForwarding,
  ensureHost,
  ensureLocalRouting,
  type HostPlan,
  pathMtu,
  readHostState,
} from './host/index.ts';
import {
  concernsUdp,
  endStaleFlows,
  HostPorts,
  type Kernel,
  Nft,
  Proxier,
  skeleton,
  table,
  udpTargets,
} from './proxy/index.ts';
import type { Network, NetworkOptions } from './types.ts';

/** How often it is looked whether someone else has removed addresses or rules. */
const checkMs = 60_000;

/** Connects pods, Services and names. Throws NetworkError when the machine cannot. */
export async function startNetwork(options: NetworkOptions): Promise<Network> {
  const { config, cniConfigDir, cniLeases, log } = options;
  const state = await readHostState();
  const mtu = pathMtu(state);
  const plan = hostPlan(options, mtu);
  await ensureForwarding();
  await ensureHost(plan, state);
  await ensureLocalRouting(bridgeName, log);
  const bridgeFilter = await ensureBridgeFilter(log);
  const services = await startServices(options, bridgeFilter, plan);
  await writeConflist(cniConfigDir, conflist({ podNetwork: config.podNetwork, mtu, leases: cniLeases }));
  return services;
}

const hostPlan = ({ config }: NetworkOptions, mtu: number): HostPlan => ({
  bridge: bridgeName,
  podNetwork: config.podNetwork,
  serviceNetwork: config.serviceNetwork,
  mtu,
  loopback: [config.dnsIP, ...(config.advertiseAddress ? [config.advertiseAddress] : [])],
});

async function startServices(options: NetworkOptions, bridgeFilter: boolean, plan: HostPlan): Promise<Network> {
  const { client, nodeClient, clock, log, config, budget } = options;
  const nft = new Nft(clock, log);
  const kernel: Kernel = {
    apply: (commands) => nft.apply(commands),
    isIntact: () => nft.hasChain(table, 'services'),
  };
  const index = new ServiceIndex({
    ...{ client, clock, log, nodeName: config.nodeName },
    changed: (key) => proxier.serviceChanged(key),
  });
  const hostPorts = new HostPorts({
    ...{ client: nodeClient, clock, log, nodeName: config.nodeName },
    changed: () => proxier.changed(),
  });
  const proxier = new Proxier({
    ...{ kernel, clock, log, services: index.entries, node: config },
    skeleton: skeleton({ ...config, bridge: bridgeName, bridgeFilter }),
    hostPorts: () => hostPorts.fragments,
    applied(change, ruleset) {
      if (concernsUdp(change)) void endStaleFlows(udpTargets(index.entries, ruleset), log);
    },
  });
  let dns: DnsServer | undefined;
  const stop = async (): Promise<void> => {
    timer?.cancel();
    index.stop();
    hostPorts.stop();
    await proxier.stop();
    nft.stop();
    await dns?.stop();
  };
  let timer: Timer | undefined;
  const check = async (): Promise<void> => {
    try {
      await proxier.check();
      if (await ensureHost(plan, await readHostState()))
        log.warn('addresses of the service network were gone, put back');
    } catch (error) {
      log.warn('cannot check the service network', { error: String(error) });
    }
    if (timer) timer = clock.after(checkMs, check);
  };
  try {
    await Promise.all([index.whenReady(), hostPorts.whenReady()]);
    await proxier.start();
    dns = await startDns({ ...options, services: index.entries, limit: budget.dnsQueries });
  } catch (error) {
    await stop();
    throw error instanceof NetworkError ? error : new NetworkError(String(error));
  }
  timer = clock.after(checkMs, check);
  return { stop };
}
