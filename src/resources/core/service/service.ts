import { loadBalancerAddresses, orNone } from '../../shared/cells.ts';
import { ipWarnings } from '../../shared/ip.ts';
import { formatLabels } from '../../shared/labels.ts';
import { dnsLabel } from '../../shared/names.ts';
import { ageColumn, nameColumn, proxy, resource, statusSubresource } from '../../shared/resource.ts';
import type { Service, ServicePort } from '../../typings/core.ts';
import { allocate, releaseAll } from './allocate.ts';
import { defaultService, isHeadless, needsClusterIP } from './defaults.ts';
import { prepareForCreate, prepareForUpdate } from './strategy.ts';
import { validateLoadBalancerStatus, validateService, validateServiceUpdate } from './validation.ts';

/** core/v1 Service. */
export const service = resource<Service>('/v1/services', {
  returnsDeletedObject: true,
  columns: [
    nameColumn,
    { name: 'Type', type: 'string', value: (o) => o.spec?.type ?? '' },
    { name: 'Cluster-IP', type: 'string', value: (o) => orNone(o.spec?.clusterIPs?.[0]) },
    { name: 'External-IP', type: 'string', value: externalIPCell },
    { name: 'Port(s)', type: 'string', value: (o) => orNone((o.spec?.ports ?? []).map(portCell).join(',')) },
    ageColumn,
    { name: 'Selector', type: 'string', priority: 1, value: (o) => formatLabels(o.spec?.selector) },
  ],
  selectableFields: {
    'spec.clusterIP': (o) => o.spec?.clusterIP ?? '',
    'spec.type': (o) => o.spec?.type ?? '',
  },
  allowCreateOnUpdate: true,
  default: defaultService,
  prepareForCreate,
  prepareForUpdate,
  validateName: dnsLabel,
  validate: validateService,
  validateUpdate: validateServiceUpdate,
  warnings: serviceWarnings,
  allocate,
  afterDelete: releaseAll,
  subresources: {
    status: statusSubresource<Service>({ validateUpdate: validateLoadBalancerStatus }),
    proxy: proxy('ServiceProxyOptions'),
  },
});

const oldHints = 'service.kubernetes.io/topology-aware-hints';

function* serviceWarnings(o: Service): Iterable<string> {
  const spec = o.spec ?? {};
  const external = spec.externalIPs ?? [];
  if (o.metadata.annotations?.[oldHints] !== undefined) {
    yield `annotation ${oldHints} is deprecated, please use service.kubernetes.io/topology-mode instead`;
  }
  const headless = needsClusterIP(spec) && isHeadless(spec);
  if (needsClusterIP(spec) && !headless) {
    for (const [i, ip] of (spec.clusterIPs ?? []).entries()) yield* ipWarnings(ip, ['spec', 'clusterIPs', i]);
  }
  if (headless) {
    if (spec.loadBalancerIP) yield 'spec.loadBalancerIP is ignored for headless services';
    if (external.length > 0) yield 'spec.externalIPs is ignored for headless services';
    if (spec.sessionAffinity !== 'None') yield 'spec.SessionAffinity is ignored for headless services';
  }
  for (const [i, ip] of external.entries()) yield* ipWarnings(ip, ['spec', 'externalIPs', i]);
  if (external.length > 0 && !headless && spec.type !== 'ExternalName') {
    yield 'spec.externalIPs is deprecated and may no longer be implemented in some clusters';
  }
  if (spec.loadBalancerIP) yield* ipWarnings(spec.loadBalancerIP, ['spec', 'loadBalancerIP']);
  if (spec.type === 'ExternalName' && external.length > 0) {
    yield 'spec.externalIPs is ignored when spec.type is "ExternalName"';
  }
  if (spec.type !== 'ExternalName' && spec.externalName) {
    yield 'spec.externalName is ignored when spec.type is not "ExternalName"';
  }
  if (spec.trafficDistribution === 'PreferClose') {
    yield 'spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"';
  }
}

const portCell = ({ port, nodePort, protocol }: ServicePort): string =>
  nodePort ? `${port}:${nodePort}/${protocol}` : `${port}/${protocol}`;

function externalIPCell(o: Service): string {
  const own = o.spec?.externalIPs ?? [];
  switch (o.spec?.type) {
    case 'ClusterIP':
    case 'NodePort':
      return orNone(own.join(','));
    case 'LoadBalancer':
      return [...loadBalancerAddresses(o.status?.loadBalancer?.ingress), ...own].join(',') || '<pending>';
    case 'ExternalName':
      return o.spec.externalName ?? '';
    default:
      return '<unknown>';
  }
}
