/** What one Service adds to the ruleset. Semantics of kube-proxy's nftables mode (KEP-3866). */
import { hash } from 'node:crypto';
import { isWithin } from '../cidr.ts';
import type { ServiceEntry, ServiceFacts, ServicePortFacts } from '../facts/index.ts';
import { endpointsOf, isExternal, type Target, type Targets, targetsOf } from './endpoints.ts';
import type { Fragment, SetElement, SetName } from './ruleset.ts';
import { masqueradeMark } from './skeleton.ts';

export interface NodeFacts {
  /** Sources inside of it are pods. */
  clusterNetwork: string;
  /** The Service that has it is answered by the node itself. */
  dnsIP: string;
  nodeIPs: readonly string[];
}

/** Undefined when the Service needs no rules. */
export function serviceRules(entry: Readonly<ServiceEntry>, node: NodeFacts): Fragment | undefined {
  const { service } = entry;
  if (!service?.proxied || !service.clusterIP || service.clusterIP === node.dnsIP) return undefined;
  const rules = new RuleBuilder(service, node);
  rules.element('cluster-ips', service.clusterIP);
  for (const port of service.ports) {
    rules.addPort(port, targetsOf(service, port, endpointsOf(entry, port.name, port.protocol)));
  }
  return rules.fragment;
}

/** Where the packets of one port go, as verdicts; undefined where nothing takes them. */
interface Routes {
  internal: string | undefined;
  external: string | undefined;
  /** What becomes of packets that no endpoint may have; undefined where one may. */
  internalRefusal: string | undefined;
  externalRefusal: string | undefined;
}

class RuleBuilder {
  readonly #service: ServiceFacts;
  readonly #node: NodeFacts;
  readonly #elements: SetElement[] = [];
  readonly #chains = new Map<string, readonly string[]>();
  readonly #affinitySets = new Map<string, number>();

  constructor(service: ServiceFacts, node: NodeFacts) {
    this.#service = service;
    this.#node = node;
  }

  get fragment(): Fragment {
    return { elements: this.#elements, chains: this.#chains, affinitySets: this.#affinitySets };
  }

  element(set: SetName, key: string, value = ''): void {
    this.#elements.push({ set, key, value });
  }

  addPort(port: ServicePortFacts, targets: Targets): void {
    const name = new PortNames(this.#service, port);
    const protocol = port.protocol.toLowerCase();
    for (const { address, port: targetPort, local } of targets.reachable) {
      if (local) this.element('hairpin-connections', `${address} . ${address} . ${protocol} . ${targetPort}`);
    }
    if (this.#service.affinitySeconds > 0) this.#addAffinity(name, targets.reachable, protocol);
    if (targets.cluster.length > 0)
      this.#chains.set(name.chain('service'), this.#choice(name, targets.cluster, protocol));
    if (targets.local.length > 0) this.#chains.set(name.chain('local'), this.#choice(name, targets.local, protocol));
    this.#addAddresses(name, port, protocol, this.#routes(name, port, targets));
  }

  #routes(name: PortNames, port: ServicePortFacts, { any, local }: Targets): Routes {
    const { internalLocal, externalLocal } = this.#service;
    const toInternal = internalLocal ? local.length > 0 : any;
    const toExternal = externalLocal ? local.length > 0 : any;
    const external = any && isExternal(this.#service, port);
    if (external) this.#chains.set(name.chain('external'), this.#externalChain(name, toExternal));
    // Elsewhere in the cluster someone may answer: then silence, so that the client tries again.
    const refusal = any ? 'drop' : 'goto reject-it';
    return {
      internal: toInternal ? `goto ${name.chain(internalLocal ? 'local' : 'service')}` : undefined,
      external: external ? `goto ${name.chain('external')}` : undefined,
      internalRefusal: toInternal ? undefined : refusal,
      externalRefusal: toExternal ? undefined : refusal,
    };
  }

  #addAddresses(name: PortNames, { port, nodePort }: ServicePortFacts, protocol: string, routes: Routes): void {
    const { clusterIP, externalIPs, loadBalancerIPs, sourceRanges } = this.#service;
    const key = `${clusterIP} . ${protocol} . ${port}`;
    if (routes.internal) this.element('service-ips', key, routes.internal);
    if (routes.internalRefusal) this.element('no-endpoint-services', key, routes.internalRefusal);
    for (const address of new Set([...externalIPs, ...loadBalancerIPs])) {
      const external = `${address} . ${protocol} . ${port}`;
      if (routes.external) this.element('service-ips', external, routes.external);
      if (routes.externalRefusal) this.element('no-endpoint-services', external, routes.externalRefusal);
    }
    if (nodePort !== 0) {
      if (routes.external) this.element('service-nodeports', `${protocol} . ${nodePort}`, routes.external);
      if (routes.externalRefusal) {
        this.element('no-endpoint-nodeports', `${protocol} . ${nodePort}`, routes.externalRefusal);
      }
    }
    if (loadBalancerIPs.length === 0 || sourceRanges.length === 0) return;
    const sources = this.#allowsNode() ? [...sourceRanges, ...loadBalancerIPs] : sourceRanges;
    this.#chains.set(name.chain('firewall'), [...sources.map((source) => `ip saddr ${source} return`), 'drop']);
    for (const address of loadBalancerIPs) {
      this.element('firewall-ips', `${address} . ${protocol} . ${port}`, `goto ${name.chain('firewall')}`);
    }
  }

  /** A node that speaks to a load balancer's address which is its own comes from that address. */
  #allowsNode(): boolean {
    return this.#service.sourceRanges.some((range) => this.#node.nodeIPs.some((address) => isWithin(address, range)));
  }

  #externalChain(name: PortNames, reachable: boolean): string[] {
    if (!this.#service.externalLocal) return [masqueradeMark, `goto ${name.chain('service')}`];
    const rest = reachable ? [`goto ${name.chain('local')}`] : [];
    return [
      // What comes from this cluster is held to no external policy.
      `ip saddr ${this.#node.clusterNetwork} goto ${name.chain('service')}`,
      `fib saddr type local ${masqueradeMark}`,
      `fib saddr type local goto ${name.chain('service')}`,
      ...rest,
    ];
  }

  /** Sends a packet to one of the targets, at random unless its source is remembered. */
  #choice(name: PortNames, targets: readonly Target[], protocol: string): string[] {
    const numbered = (value: (target: Target) => string): string =>
      targets.map((target, index) => `${index} : ${value(target)}`).join(', ');
    if (this.#service.affinitySeconds === 0) {
      const addresses = numbered(({ address, port }) => `${address} . ${port}`);
      return [
        `meta l4proto ${protocol} dnat ip addr . port to numgen random mod ${targets.length} map { ${addresses} }`,
      ];
    }
    const chains = numbered((target) => `goto ${name.endpointChain(target)}`);
    return [
      ...targets.map(
        (target) =>
          `ip saddr @${name.affinitySet(target, this.#service.affinitySeconds)} goto ${name.endpointChain(target)}`,
      ),
      `numgen random mod ${targets.length} vmap { ${chains} }`,
    ];
  }

  #addAffinity(name: PortNames, targets: readonly Target[], protocol: string): void {
    const seconds = this.#service.affinitySeconds;
    for (const target of targets) {
      const set = name.affinitySet(target, seconds);
      this.#affinitySets.set(set, seconds);
      this.#chains.set(name.endpointChain(target), [
        `update @${set} { ip saddr }`,
        `meta l4proto ${protocol} dnat to ${target.address}:${target.port}`,
      ]);
    }
  }
}

const readableLimit = 80;

/** Names in the kernel: a hash that makes them unique, then what a reader wants to know. */
class PortNames {
  readonly #id: string;

  constructor({ namespace, name }: ServiceFacts, port: ServicePortFacts) {
    const readable = `${namespace}/${name}/${port.protocol.toLowerCase()}/${port.name}`;
    this.#id = `${hash('sha256', readable, 'hex').slice(0, 10)}-${readable.slice(0, readableLimit)}`;
  }

  chain(kind: 'service' | 'local' | 'external' | 'firewall'): string {
    return `${kind}-${this.#id}`;
  }

  endpointChain({ address, port }: Target): string {
    return `endpoint-${this.#id}__${address}/${port}`;
  }

  /** A set's timeout cannot be changed, so it is part of the name. */
  affinitySet({ address, port }: Target, seconds: number): string {
    return `affinity-${this.#id}__${address}/${port}/${seconds}`;
  }
}
