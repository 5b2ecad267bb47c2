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
import { concernsUdp, endStaleFlows, HostPorts, Nft, Proxier, skeleton, table, udpTargets } from './proxy/index.ts';
import type { Network, NetworkOptions } from './types.ts';

/** How often it is looked whether someone else has removed the rules; addresses every so many times. */
const checkMs = 60_000;
const checksAnAddressCheck = 5;

/** Connects pods, Services and names. Throws NetworkError when the machine cannot. */
export async function startNetwork(options: NetworkOptions): Promise<Network> {
  const { config, cniConfigDir, cniLeases, log } = options;
  const state = await readHostState();
  const mtu = pathMtu(state);
  const plan = hostPlan(options, mtu);
  await ensureForwarding();
  await ensureHost(plan, state);
  await ensureLocalRouting(bridgeName, log);
  const network = new ServiceNetwork(options, plan, await ensureBridgeFilter(log));
  try {
    await network.start();
    // Last: runtimes take it as a sign that pods can be connected.
    await writeConflist(cniConfigDir, conflist({ podNetwork: config.podNetwork, mtu, leases: cniLeases }));
  } catch (error) {
    await network.stop();
    throw error instanceof NetworkError ? error : new NetworkError(String(error));
  }
  return network;
}

const hostPlan = ({ config }: NetworkOptions, mtu: number): HostPlan => ({
  bridge: bridgeName,
  podNetwork: config.podNetwork,
  serviceNetwork: config.serviceNetwork,
  mtu,
  loopback: [config.dnsIP, ...(config.advertiseAddress ? [config.advertiseAddress] : [])],
});

class ServiceNetwork implements Network {
  readonly #options: NetworkOptions;
  readonly #plan: HostPlan;
  readonly #nft: Nft;
  readonly #services: ServiceIndex;
  readonly #hostPorts: HostPorts;
  readonly #proxier: Proxier;
  #dns: DnsServer | undefined;
  #timer: Timer | undefined;
  #checks = 0;
  #stopped = false;

  constructor(options: NetworkOptions, plan: HostPlan, bridgeFilter: boolean) {
    const { client, nodeClient, clock, log, config } = options;
    const { nodeName } = config;
    this.#options = options;
    this.#plan = plan;
    this.#nft = new Nft(clock, log);
    const changed = (key: string): void => this.#proxier.serviceChanged(key);
    this.#services = new ServiceIndex({ client, clock, log, nodeName, changed });
    this.#hostPorts = new HostPorts({
      client: nodeClient,
      clock,
      log,
      nodeName,
      changed: () => this.#proxier.changed(),
    });
    this.#proxier = new Proxier({
      kernel: this.#nft,
      ...{ clock, log, node: config, services: this.#services.entries },
      skeleton: skeleton({ ...config, bridge: bridgeName, bridgeFilter }),
      hostPorts: () => this.#hostPorts.fragments,
      applied: (change, ruleset) => {
        if (concernsUdp(change)) void endStaleFlows(udpTargets(this.#services.entries, ruleset), log);
      },
    });
  }

  /** Resolves when packets and names find their way. */
  async start(): Promise<void> {
    const { clock, budget } = this.#options;
    await Promise.all([this.#services.whenReady(), this.#hostPorts.whenReady()]);
    await this.#proxier.start();
    this.#dns = await startDns({ ...this.#options, services: this.#services.entries, limit: budget.dnsQueries });
    this.#timer = clock.after(checkMs, () => void this.#check());
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#services.stop();
    this.#hostPorts.stop();
    await this.#proxier.stop();
    this.#nft.stop();
    await this.#dns?.stop();
  }

  async #check(): Promise<void> {
    const { clock, log } = this.#options;
    try {
      if (!(await this.#nft.hasChain(table, 'services'))) this.#proxier.renew();
      if (++this.#checks % checksAnAddressCheck === 0 && (await ensureHost(this.#plan, await readHostState()))) {
        log.warn('addresses or routes of the service network were gone, put back');
      }
    } catch (error) {
      log.warn('cannot check the service network', { error: String(error) });
    }
    if (!this.#stopped) this.#timer = clock.after(checkMs, () => void this.#check());
  }
}
