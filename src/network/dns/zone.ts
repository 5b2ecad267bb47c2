/** Names of the cluster: the DNS specification of Kubernetes, 1.1.0. Answers are computed from the facts as they are. */
import { isIPv4 } from 'node:net';
import { isWithin } from '../cidr.ts';
import type { EndpointFacts, Protocol, ServiceEntry, ServiceTable } from '../facts/index.ts';
import { rcodes, recordTypes, type Reply, type ResourceRecord } from './wire.ts';

export interface ZoneFacts {
  /** `cluster.local`. */
  clusterDomain: string;
  /** Addresses inside of them are the cluster's to name. */
  serviceNetwork: string;
  clusterNetwork: string;
  dnsIP: string;
  services: ServiceTable;
  nowMs(): number;
}

const specificationVersion = '1.1.0';
export const ttlSeconds = 5;

/** What is known about one name. */
interface NameFacts {
  addresses: readonly string[];
  ports: readonly { port: number; target: string; address: string }[];
  /** The name is another's. */
  alias?: string;
  text?: string;
  pointers?: readonly string[];
}

const empty: NameFacts = { addresses: [], ports: [] };

/** An answer; `chase` when it continues with another name. */
export interface ZoneReply extends Reply {
  chase?: string;
}

/** Undefined when the name is not the cluster's. */
export function answerFromZone(zone: ZoneFacts, labels: readonly string[], type: number): ZoneReply | undefined {
  const name = labels.join('.');
  const apex = zone.clusterDomain;
  if (name === apex || name.endsWith(`.${apex}`)) {
    const inside = labels.slice(0, labels.length - apex.split('.').length);
    return replyWith(zone, apex, name, inside.length === 0 ? empty : factsOf(zone, inside), type);
  }
  const address = reversedAddress(labels);
  if (!address || !(isWithin(address, zone.serviceNetwork) || isWithin(address, zone.clusterNetwork))) return undefined;
  return replyWith(zone, 'in-addr.arpa', name, pointersOf(zone, address), type);
}

function replyWith(zone: ZoneFacts, apex: string, name: string, facts: NameFacts | undefined, type: number): ZoneReply {
  const asks = (wanted: keyof typeof recordTypes): boolean => type === recordTypes[wanted] || type === recordTypes.ANY;
  const record = (owner: string, data: ResourceRecord['data']): ResourceRecord => ({ name: owner, ttlSeconds, data });
  const ownServer = `ns.dns.${zone.clusterDomain}`;
  const soa = record(apex, {
    type: 'SOA',
    primary: ownServer,
    contact: `hostmaster.${zone.clusterDomain}`,
    serial: Math.floor(zone.nowMs() / 1_000),
    minimumSeconds: ttlSeconds,
  });
  const answers: ResourceRecord[] = [];
  const additional: ResourceRecord[] = [];
  if (name === apex && asks('SOA')) answers.push(soa);
  if (name === apex && asks('NS')) answers.push(record(name, { type: 'NS', target: ownServer }));
  if (name === apex && asks('NS')) additional.push(record(ownServer, { type: 'A', address: zone.dnsIP }));
  for (const target of asks('PTR') ? (facts?.pointers ?? []) : []) answers.push(record(name, { type: 'PTR', target }));
  if (facts?.text !== undefined && asks('TXT')) answers.push(record(name, { type: 'TXT', text: facts.text }));
  if (facts?.alias !== undefined) answers.push(record(name, { type: 'CNAME', target: facts.alias }));
  if (asks('A')) {
    for (const address of shuffled(facts?.addresses ?? [])) answers.push(record(name, { type: 'A', address }));
  }
  const ports = asks('SRV') ? shuffled(facts?.ports ?? []) : [];
  for (const { port, target } of ports) answers.push(record(name, { type: 'SRV', port, target }));
  const targets = new Map(ports.map(({ target, address }) => [`${target} ${address}`, { target, address }]));
  for (const { target, address } of targets.values()) additional.push(record(target, { type: 'A', address }));
  return {
    rcode: facts ? rcodes.noError : rcodes.nxDomain,
    authoritative: true,
    answers,
    authority: answers.length === 0 ? [soa] : [],
    additional,
    ...(facts?.alias !== undefined && !asks('CNAME') && { chase: facts.alias }),
  };
}

/** Of a name by its labels before the cluster's domain. Undefined when there is no such name. */
function factsOf(zone: ZoneFacts, inside: readonly string[]): NameFacts | undefined {
  const [kind, namespace, ...rest] = inside.toReversed();
  if (inside.length === 1 && kind === 'dns-version') return { ...empty, text: specificationVersion };
  if (kind === 'dns') return dnsOwnName(zone, inside);
  if (kind !== 'svc' && kind !== 'pod') return undefined;
  if (namespace === undefined) return empty;
  if (rest.length === 0) return hasServices(zone, namespace) ? empty : undefined;
  if (kind === 'pod') return rest.length === 1 ? podFacts(rest[0]!) : undefined;
  const [service = '', ...more] = rest;
  const entry = zone.services.get(`${namespace}/${service}`);
  return entry?.service && serviceNames(entry, `${service}.${namespace}.svc.${zone.clusterDomain}`, more);
}

function dnsOwnName(zone: ZoneFacts, inside: readonly string[]): NameFacts | undefined {
  if (inside.length === 1) return empty;
  return inside.length === 2 && inside[0] === 'ns' ? { ...empty, addresses: [zone.dnsIP] } : undefined;
}

function hasServices(zone: ZoneFacts, namespace: string): boolean {
  for (const key of zone.services.keys()) if (key.startsWith(`${namespace}/`)) return true;
  return false;
}

/** `10-42-0-7`. Whether there is such a pod is not looked at, as CoreDNS's `pods insecure`. */
function podFacts(label: string): NameFacts | undefined {
  const address = label.replaceAll('-', '.');
  return isIPv4(address) ? { ...empty, addresses: [address] } : undefined;
}

/** `more`: labels before the Service's, nearest first: an endpoint's name, or a protocol and a port. */
function serviceNames(entry: Readonly<ServiceEntry>, name: string, more: readonly string[]): NameFacts | undefined {
  const service = entry.service!;
  if (service.externalName) {
    return more.length === 0 && !isIPv4(service.externalName)
      ? { ...empty, alias: service.externalName.toLowerCase() }
      : undefined;
  }
  if (more.length > 2) return undefined;
  const [first = '', port = ''] = more;
  const byPort = first.startsWith('_');
  if (more.length === 2 && !(byPort && port.startsWith('_'))) return undefined;
  const wanted = byPort ? { protocol: first.slice(1).toUpperCase(), port: port.slice(1) } : undefined;
  if (byPort && more.length === 1)
    return service.ports.some(({ protocol }) => protocol === wanted?.protocol) ? empty : undefined;
  if (service.headless || (first !== '' && !byPort)) return endpointNames(entry, name, byPort ? '' : first, wanted);
  const ports = service.ports.filter((candidate) => isWanted(candidate, wanted));
  if (wanted && ports.length === 0) return undefined;
  const address = service.clusterIP;
  return address
    ? { addresses: [address], ports: ports.map(({ port }) => ({ port, target: name, address })) }
    : undefined;
}

interface WantedPort {
  protocol: string;
  port: string;
}

const isWanted = ({ name, protocol }: { name: string; protocol: Protocol }, wanted: WantedPort | undefined): boolean =>
  !wanted || (name === wanted.port && protocol === wanted.protocol);

/** Ready endpoints; `endpoint` names one of them. */
function endpointNames(
  { slices }: Readonly<ServiceEntry>,
  name: string,
  endpoint: string,
  wanted: WantedPort | undefined,
): NameFacts | undefined {
  const addresses = new Set<string>();
  const ports = new Map<string, NameFacts['ports'][number]>();
  for (const slice of slices.values()) {
    const matching = slice.ports.filter((port) => isWanted(port, wanted));
    if (wanted && matching.length === 0) continue;
    for (const facts of slice.endpoints) {
      const label = endpointLabel(facts);
      if (!facts.ready || (endpoint !== '' && label !== endpoint)) continue;
      addresses.add(facts.address);
      const target = `${label}.${name}`;
      for (const { port } of matching) {
        ports.set(`${target} ${facts.address} ${port}`, { port, target, address: facts.address });
      }
    }
  }
  return addresses.size > 0 ? { addresses: [...addresses], ports: [...ports.values()] } : undefined;
}

const endpointLabel = ({ hostname, address }: EndpointFacts): string => hostname || address.replaceAll('.', '-');

/** `4.3.2.1.in-addr.arpa`. */
function reversedAddress(labels: readonly string[]): string | undefined {
  if (labels.length !== 6 || labels[4] !== 'in-addr' || labels[5] !== 'arpa') return undefined;
  const address = labels.slice(0, 4).reverse().join('.');
  return isIPv4(address) ? address : undefined;
}

function pointersOf({ services, clusterDomain }: ZoneFacts, address: string): NameFacts | undefined {
  const pointers = new Set<string>();
  for (const { service, slices } of services.values()) {
    if (!service) continue;
    const name = `${service.name}.${service.namespace}.svc.${clusterDomain}`;
    if (service.clusterIP === address) return { ...empty, pointers: [name] };
    if (!service.headless) continue;
    for (const slice of slices.values()) {
      for (const endpoint of slice.endpoints) {
        if (endpoint.address === address && endpoint.ready && endpoint.hostname) {
          pointers.add(`${endpoint.hostname}.${name}`);
        }
      }
    }
  }
  return pointers.size > 0 ? { ...empty, pointers: [...pointers] } : undefined;
}

/** So that clients which take the first address spread. */
function shuffled<T>(items: readonly T[]): T[] {
  const mixed = [...items];
  for (let last = mixed.length - 1; last > 0; last--) {
    const other = Math.floor(Math.random() * (last + 1));
    [mixed[last], mixed[other]] = [mixed[other]!, mixed[last]!];
  }
  return mixed;
}
