/** Flows of UDP outlive the rule that began them; those that lead to endpoints which are gone are ended here. */
import type { Logger } from '../../kernel/index.ts';
import type { ServiceTable } from '../facts/index.ts';
import { run } from '../host/command.ts';
import { endpointsOf } from './endpoints.ts';
import type { Change, Ruleset } from './ruleset.ts';

export interface Flow {
  /** Where the packets were sent to. */
  address: string;
  port: string;
  /** Who answers them. */
  target: string;
  targetPort: string;
}

/** `address:port` of those that may answer, by the `address:port` or, for the node's own addresses, `:port` sent to. */
export type UdpTargets = ReadonlyMap<string, ReadonlySet<string>>;

/** True when flows of UDP may lead elsewhere than they did, or somewhere where they led nowhere. */
export const concernsUdp = ({ removed, added, rules, oldChains }: Change): boolean =>
  [...removed, ...added].some(({ set, key }) => set !== 'hairpin-connections' && key.includes('udp')) ||
  rules.some(([chain]) => chain.includes('/udp/')) ||
  oldChains.some((chain) => chain.includes('/udp/'));

/** A Service without endpoints keeps its flows: they fail or recover by themselves. */
export function udpTargets(services: ServiceTable, ruleset: Ruleset): UdpTargets {
  const found = new Map<string, Set<string>>();
  for (const entry of services.values()) {
    const { service } = entry;
    for (const { name, port, protocol, nodePort } of service?.clusterIP ? service.ports : []) {
      if (!service || protocol !== 'UDP') continue;
      const serving = endpointsOf(entry, name, protocol).filter((endpoint) => endpoint.serving);
      if (serving.length === 0) continue;
      const targets = new Set(serving.map((target) => `${target.address}:${target.port}`));
      const addresses = [service.clusterIP, ...service.externalIPs, ...service.loadBalancerIPs];
      for (const address of addresses) found.set(`${address}:${port}`, targets);
      if (nodePort !== 0) found.set(`:${nodePort}`, targets);
    }
  }
  for (const set of ['host-ports', 'host-port-ips'] as const) {
    for (const [key, value] of ruleset.elements[set]) {
      const [port, protocol, address = ''] = key.split(' . ').reverse();
      if (protocol === 'udp') found.set(`${address}:${port}`, new Set([value.replace(' . ', ':')]));
    }
  }
  return found;
}

/** Reads what `conntrack -L` prints: each flow's addresses and ports twice, as sent and as answered. */
export function parseFlows(text: string): Flow[] {
  return text.split('\n').flatMap((line) => {
    const destinations = [...line.matchAll(/ dst=(\S+) sport=\d+ dport=(\d+)/g)];
    const sources = [...line.matchAll(/ src=(\S+) dst=\S+ sport=(\d+) /g)];
    const [, address = '', port = ''] = destinations[0] ?? [];
    const [, target = '', targetPort = ''] = sources[1] ?? [];
    return target ? [{ address, port, target, targetPort }] : [];
  });
}

export const staleFlows = (flows: readonly Flow[], targets: UdpTargets): Flow[] =>
  flows.filter(({ address, port, target, targetPort }) => {
    const allowed = targets.get(`${address}:${port}`) ?? targets.get(`:${port}`);
    return allowed && !allowed.has(`${target}:${targetPort}`);
  });

/** Ends flows that lead to endpoints which are gone. Without the conntrack program they end when they fall silent. */
export async function endStaleFlows(targets: UdpTargets, log: Logger): Promise<void> {
  if (targets.size === 0) return;
  try {
    const listed = await run('conntrack', ['-L', '-p', 'udp']);
    const ended = new Set<string>();
    for (const { address, port, target, targetPort } of staleFlows(parseFlows(listed.stdout), targets)) {
      const key = `${address}:${port} ${target}:${targetPort}`;
      if (ended.has(key)) continue;
      ended.add(key);
      const sent = ['--orig-dst', address, '--orig-port-dst', port];
      await run('conntrack', ['-D', '-p', 'udp', ...sent, '--reply-src', target, '--reply-port-src', targetPort]);
    }
  } catch (error) {
    log.debug('UDP flows to endpoints that are gone end by themselves', { error: String(error) });
  }
}
