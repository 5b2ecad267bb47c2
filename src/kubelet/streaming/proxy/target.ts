/** Where a proxied request goes: a pod, a pod behind a service, or a node. */
import { BlockList, isIP } from 'node:net';
import { endpoints, nodes, pods, services } from '../../../client/index.ts';
import type { Client } from '../../../client/types.ts';
import { apiError } from '../../../kernel/index.ts';
import type { EndpointAddress, Endpoints, Node, Pod, Service } from '../../../schema/generated/index.ts';

export interface Target {
  scheme: 'http' | 'https';
  host: string;
  /** '' = the scheme's own. */
  port: string;
}

interface Asked {
  scheme: '' | 'http' | 'https';
  name: string;
  port: string;
}

/** `name`, `name:port` or `scheme:name:port`; undefined when it is none of them. */
export function splitName(id: string): Asked | undefined {
  const parts = id.split(':');
  const [scheme, name, port] = parts.length === 3 ? parts : ['', parts[0], parts[1] ?? ''];
  const isValid = parts.length <= 3 && name !== '' && (scheme === '' || scheme === 'http' || scheme === 'https');
  return isValid ? { scheme: scheme as Asked['scheme'], name: name!, port: port! } : undefined;
}

/** Throws BadRequest, NotFound, or ServiceUnavailable where upstream does. */
export type Resolve = (client: Client, namespace: string, id: string) => Promise<Target>;

export const podTarget: Resolve = async (client, namespace, id) => {
  const asked = splitName(id);
  if (!asked) throw apiError.badRequest(`invalid pod request ${JSON.stringify(id)}`);
  const pod = await client.get<Pod>(pods, asked.name, namespace);
  const firstPort = pod.spec?.containers.find(({ ports }) => ports?.length)?.ports?.[0]?.containerPort;
  const host = pod.status?.podIPs?.[0]?.ip ?? pod.status?.podIP ?? '';
  if (!isGlobalUnicast(host)) throw apiError.badRequest('address not allowed');
  return { scheme: asked.scheme || 'http', host, port: asked.port || String(firstPort ?? '') };
};

export const serviceTarget: Resolve = async (client, namespace, id) => {
  const asked = splitName(id);
  if (!asked) throw apiError.badRequest(`invalid service request ${JSON.stringify(id)}`);
  const portName = await servicePortName(client, namespace, asked);
  const { subsets = [] } = await client.get<Endpoints>(endpoints, asked.name, namespace);
  if (subsets.length === 0) throw noEndpoints(asked.name);
  for (const { addresses = [], ports = [] } of fromRandom(subsets)) {
    const port = ports.find(({ name = '' }) => name === portName);
    if (!port) continue;
    for (const address of fromRandom(addresses)) {
      if (await isPods(client, namespace, address)) {
        return { scheme: asked.scheme || 'http', host: address.ip, port: String(port.port) };
      }
    }
  }
  throw noEndpoints(id);
};

const noEndpoints = (id: string): Error =>
  apiError.serviceUnavailable(`no endpoints available for service ${JSON.stringify(id)}`);

/** Endpoints know ports by name. */
async function servicePortName(client: Client, namespace: string, { name, port }: Asked): Promise<string> {
  if (!/^[+-]?\d+$/.test(port)) return port;
  const service = await client.get<Service>(services, name, namespace);
  const found = service.spec?.ports?.find((one) => one.port === Number(port));
  if (found) return found.name ?? '';
  throw apiError.serviceUnavailable(`no service port ${Number(port)} found for service ${JSON.stringify(name)}`);
}

/** Only pods are proxied to: an address that someone wrote into Endpoints leads nowhere else. */
async function isPods(client: Client, namespace: string, { ip, targetRef }: EndpointAddress): Promise<boolean> {
  if (!targetRef?.name || targetRef.namespace !== namespace) return false;
  try {
    const { status } = await client.get<Pod>(pods, targetRef.name, namespace);
    return status?.podIPs?.some((pod) => pod.ip === ip) ?? false;
  } catch {
    return false;
  }
}

/** All of them, from a random one on. */
function fromRandom<T>(items: readonly T[]): T[] {
  const start = Math.floor(Math.random() * items.length);
  return [...items.slice(start), ...items.slice(0, start)];
}

const addressTypes = ['InternalIP', 'Hostname', 'InternalDNS', 'ExternalDNS', 'ExternalIP'];
const defaultKubeletPort = 10250;

export const nodeTarget: Resolve = async (client, _namespace, id) => {
  const asked = splitName(id);
  if (!asked) throw apiError.badRequest(`invalid node request ${JSON.stringify(id)}`);
  const { status } = await client.get<Node>(nodes, asked.name);
  const addresses = addressTypes.flatMap((type) => status?.addresses?.filter((one) => one.type === type) ?? []);
  const host = addresses[0]?.address;
  if (host === undefined) {
    throw apiError.internal(`no preferred addresses found; known addresses: []`);
  }
  if (!isGlobalUnicast(host)) throw apiError.badRequest('address not allowed');
  const kubelet = String(status?.daemonEndpoints?.kubeletEndpoint?.Port || defaultKubeletPort);
  if (asked.port === '' || asked.port === kubelet) return { scheme: 'https', host, port: kubelet };
  return { scheme: asked.scheme || 'http', host, port: asked.port };
};

/** Go's IP.IsGlobalUnicast: neither unspecified, loopback, link-local nor multicast; mapped ones as what they map. */
export function isGlobalUnicast(address: string): boolean {
  const version = isIP(address);
  return version !== 0 && !address.includes('%') && !special.check(address, version === 4 ? 'ipv4' : 'ipv6');
}

const special = new BlockList();
special.addAddress('0.0.0.0');
special.addAddress('255.255.255.255');
special.addSubnet('127.0.0.0', 8);
special.addSubnet('169.254.0.0', 16);
special.addSubnet('224.0.0.0', 4);
special.addSubnet('::', 127, 'ipv6');
special.addSubnet('fe80::', 10, 'ipv6');
special.addSubnet('ff00::', 8, 'ipv6');
