/** From API objects to facts. */
import { isIPv4 } from 'node:net';
import type { EndpointSlice, Service } from '../../schema/generated/index.ts';
import type { KubeObject } from '../../schema/object.ts';
import type { EndpointFacts, ServiceFacts, ServicePortFacts, SliceFacts } from './types.ts';

const proxyNameLabel = 'service.kubernetes.io/service-proxy-name';
const headlessLabel = 'service.kubernetes.io/headless';
export const serviceNameLabel = 'kubernetes.io/service-name';

const defaultAffinitySeconds = 10_800;
const none: readonly never[] = [];

export const keyOf = ({ metadata: { namespace = '', name = '' } }: KubeObject): string => `${namespace}/${name}`;

const isProxied = (labels: Readonly<Record<string, string>> = {}): boolean =>
  !Object.hasOwn(labels, proxyNameLabel) && !Object.hasOwn(labels, headlessLabel);

export function serviceFacts({ metadata, spec, status }: Service): ServiceFacts {
  const isExternalName = spec.type === 'ExternalName';
  const clusterIPs = isExternalName ? [] : [...(spec.clusterIPs ?? []), spec.clusterIP ?? ''];
  const isExternal = spec.type === 'NodePort' || spec.type === 'LoadBalancer' || !!spec.externalIPs?.length;
  return {
    uid: metadata.uid ?? '',
    namespace: metadata.namespace ?? '',
    name: metadata.name ?? '',
    clusterIP: clusterIPs.find(isIPv4) ?? '',
    headless: clusterIPs.includes('None'),
    externalName: isExternalName ? (spec.externalName ?? '') : '',
    proxied: isProxied(metadata.labels),
    ports: (spec.ports ?? []).map(portFacts),
    affinitySeconds:
      spec.sessionAffinity === 'ClientIP'
        ? (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? defaultAffinitySeconds)
        : 0,
    internalLocal: spec.internalTrafficPolicy === 'Local',
    externalLocal: isExternal && spec.externalTrafficPolicy === 'Local',
    externalIPs: spec.externalIPs?.filter(isIPv4) ?? none,
    loadBalancerIPs: loadBalancerIPs(status),
    sourceRanges: sourceRanges(spec.loadBalancerSourceRanges),
  };
}

const portFacts = ({ name = '', protocol = 'TCP', port, nodePort = 0 }: ServicePort): ServicePortFacts => ({
  name,
  protocol,
  port,
  nodePort,
});

type ServicePort = NonNullable<Service['spec']['ports']>[number];

/** Of load balancers that let the destination be (`ipMode: VIP`); behind others, packets come for a node port. */
function loadBalancerIPs(status: Service['status']): readonly string[] {
  const found = (status?.loadBalancer?.ingress ?? [])
    .filter(({ ip = '', ipMode = 'VIP' }) => isIPv4(ip) && ipMode === 'VIP')
    .map(({ ip = '' }) => ip);
  return found.length > 0 ? found : none;
}

/** Validation lets blanks around them pass. A range of everything is none. */
function sourceRanges(ranges: readonly string[] = none): readonly string[] {
  const found = ranges.map((range) => range.trim()).filter((range) => isIPv4(range.split('/', 1)[0] ?? ''));
  return found.length === 0 || found.some((range) => range.endsWith('/0')) ? none : found;
}

/** Undefined when it holds no IPv4 addresses. */
export function sliceFacts(slice: EndpointSlice, nodeName: string): SliceFacts | undefined {
  if (slice.addressType !== 'IPv4') return undefined;
  return {
    proxied: isProxied(slice.metadata.labels),
    ports: (slice.ports ?? []).flatMap(({ name = '', protocol = 'TCP', port }) =>
      port ? [{ name, protocol, port }] : [],
    ),
    endpoints: (slice.endpoints ?? []).flatMap((endpoint) => endpointFacts(endpoint, nodeName)),
  };
}

type Endpoint = NonNullable<EndpointSlice['endpoints']>[number];

function endpointFacts({ addresses, conditions, hostname = '', nodeName }: Endpoint, node: string): EndpointFacts[] {
  const address = addresses[0] ?? '';
  if (!isIPv4(address)) return [];
  const ready = conditions?.ready ?? true;
  const serving = conditions?.serving ?? true;
  const terminating = conditions?.terminating ?? false;
  return [{ address, hostname, ready, serving, terminating, local: nodeName === node }];
}
