import { loadBalancerAddresses, orNone } from '../../shared/cells.ts';
import { ipWarnings } from '../../shared/ip.ts';
import { formatLabels } from '../../shared/labels.ts';
import { dnsLabel1035 } from '../../shared/names.ts';
import { ageColumn, nameColumn, proxy, resource, statusSubresource } from '../../shared/resource.ts';
import type { Service, ServicePort } from '../../typings/core.ts';
import { allocate, releaseAll } from './allocate.ts';
import { defaultService } from './defaults.ts';
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
  validateName: dnsLabel1035,
  validate: validateService,
  validateUpdate: validateServiceUpdate,
  *warnings(o) {
    for (const [i, ip] of (o.spec?.externalIPs ?? []).entries()) yield* ipWarnings(ip, ['spec', 'externalIPs', i]);
    if (o.spec?.type === 'ExternalName' && (o.spec.externalIPs ?? []).length > 0) {
      yield 'spec.externalIPs is ignored when spec.type is "ExternalName"';
    }
    if (o.spec?.loadBalancerIP) yield* ipWarnings(o.spec.loadBalancerIP, ['spec', 'loadBalancerIP']);
  },
  allocate,
  afterDelete: releaseAll,
  subresources: {
    status: statusSubresource<Service>({ validateUpdate: validateLoadBalancerStatus }),
    proxy: proxy('ServiceProxyOptions'),
  },
});

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
