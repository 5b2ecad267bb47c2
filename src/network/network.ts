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
  Nft,
  Proxier,
  skeleton,
  table,
  type UdpTargets,
  udpTargets,
} from './proxy/index.ts';
import type { Network, NetworkOptions } from './types.ts';

/** How often it is looked whether someone else has removed the rules; addresses every so many times. */
const checkMs = 60_000;
const checksAnAddressCheck = 5;
/** A start that waits for longer says what it waits for. */
const listLimitMs = 10_000;
/** Of pods while nothing leads out of the machine. */
const defaultMtu = 1_500;

/** Connects pods, Services and names. Throws NetworkError when the machine cannot. */
export async function startNetwork(options: NetworkOptions): Promise<Network> {
  const { log } = options;
  const state = await readHostState();
  const plan = hostPlan(options, pathMtu(state) ?? defaultMtu);
  await ensureForwarding();
  await ensureHost(plan, state);
  await ensureLocalRouting(bridgeName, log);
  const network = new ServiceNetwork(options, plan, await ensureBridgeFilter(log));
  try {
    await network.start();
    // Last: runtimes take it as a sign that pods can be connected.
    await configureCni(options, plan);
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

const configureCni = ({ cniConfigDir, cniLeases }: NetworkOptions, { podNetwork, mtu }: HostPlan): Promise<void> =>
  writeConflist(cniConfigDir, conflist({ podNetwork, mtu, leases: cniLeases }));

class ServiceNetwork implements Network {
  readonly #options: NetworkOptions;
  #plan: HostPlan;
  readonly #nft: Nft;
  readonly #services: ServiceIndex;
  readonly #hostPorts: HostPorts;
  readonly #proxier: Proxier;
  #dns: DnsServer | undefined;
  #timer: Timer | undefined;
  #checks = 0;
  #stopped = false;
  /** Whether flows are being looked through, and the targets that they are to be held to next. */
  #holding = false;
  #nextTargets: UdpTargets | undefined;

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
        if (concernsUdp(change)) void this.#holdFlows(udpTargets(this.#services.entries, ruleset));
      },
    });
  }

  /** Resolves when packets and names find their way. */
  async start(): Promise<void> {
    const { clock, log, budget } = this.#options;
    const late = clock.after(listLimitMs, () => log.warn('Services, EndpointSlices or pods cannot be listed yet'));
    await Promise.all([this.#services.whenReady(), this.#hostPorts.whenReady()]);
    late.cancel();
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

  /** One round of programs at a time; of what changes meanwhile, the last counts. */
  async #holdFlows(targets: UdpTargets): Promise<void> {
    this.#nextTargets = targets;
    if (this.#holding) return;
    this.#holding = true;
    while (this.#nextTargets && !this.#stopped) {
      const next = this.#nextTargets;
      this.#nextTargets = undefined;
      await endStaleFlows(next, this.#options.log);
    }
    this.#holding = false;
  }

  async #check(): Promise<void> {
    const { clock, log } = this.#options;
    try {
      if (!(await this.#nft.hasChain(table, 'services'))) this.#proxier.renew();
      if (++this.#checks % checksAnAddressCheck === 0) await this.#checkAddresses();
    } catch (error) {
      log.warn('cannot check the service network', { error: String(error) });
    }
    if (!this.#stopped) this.#timer = clock.after(checkMs, () => void this.#check());
  }

  /** Pods that come later have the MTU of the way out that there is by then: an edge's uplink may come late. */
  async #checkAddresses(): Promise<void> {
    const state = await readHostState();
    const mtu = pathMtu(state) ?? this.#plan.mtu;
    const isNew = mtu !== this.#plan.mtu;
    this.#plan = { ...this.#plan, mtu };
    if (isNew) await configureCni(this.#options, this.#plan);
    if (!(await ensureHost(this.#plan, state))) return;
    this.#options.log.info('addresses of the service network put right', { mtu });
  }
}
