/** Service `kubernetes` in `default`, its endpoints, and the ServiceCIDR that its address is from. */
import { isIPv6 } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import { endpointSlices, endpoints, serviceCidrs, services } from '../client/index.ts';
import type { ResourceRef } from '../client/types.ts';
import { formatTime } from '../kernel/index.ts';
import type { EndpointSlice, EndpointSubset, Endpoints, Service, ServiceCIDR } from '../schema/generated/index.ts';
import type { KubeObject } from '../schema/object.ts';
import {
  type Action,
  type Controller,
  type ControllerEnv,
  carryOut,
  controllerOf,
  done,
  find,
  follow,
  type SyncResult,
  WorkQueue,
} from './runtime/index.ts';

const name = 'kubernetes-service';
/** The API server itself, with full rights: these objects are its own. */
const userName = 'apiserver';
const objectName = 'kubernetes';
const namespace = 'default';
const portName = 'https';

export interface KubernetesServiceOptions {
  /** Ranges of service addresses; the first one decides on the IP family. */
  serviceCidrs: readonly string[];
  /** The first address of the first range. */
  serviceIp: string;
  /** Port of the Service. */
  servicePort: number;
  /** Where the API server listens, as pods reach it. Asked anew at every sync: addresses of a device change. */
  endpoint(): { ip: string; port: number };
}

export interface KubernetesServiceState {
  cidr: ServiceCIDR | undefined;
  service: Service | undefined;
  endpoints: Endpoints | undefined;
  slice: EndpointSlice | undefined;
}

type Target = { ip: string; port: number };

/** Plans all four objects. The Service is left as it is once it exists. */
function planKubernetesService(
  options: KubernetesServiceOptions,
  state: KubernetesServiceState,
  nowMs: number,
): Action[] {
  const target = options.endpoint();
  return [
    ...planCidr(options.serviceCidrs, state.cidr, nowMs),
    ...(state.service ? [] : [create(services, serviceOf(options, target))]),
    ...planEndpoints(target, state.endpoints),
    ...planSlice(target, state.slice),
  ];
}

const create = (ref: ResourceRef, object: KubeObject): Action => ({ do: 'create', ref, object });

function planCidr(cidrs: readonly string[], existing: ServiceCIDR | undefined, nowMs: number): Action[] {
  if (!existing) {
    const object: ServiceCIDR = {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'ServiceCIDR',
      metadata: { name: objectName },
      spec: { cidrs: [...cidrs] },
    };
    return [create(serviceCidrs, object)];
  }
  const present = existing.spec?.cidrs ?? [];
  if (cidrs.length === 2 && present.length === 1 && present[0] === cidrs[0]) {
    const object: ServiceCIDR = { ...existing, spec: { ...existing.spec, cidrs: [...cidrs] } };
    return [{ do: 'update', ref: serviceCidrs, object }];
  }
  return planCidrStatus(cidrs, existing, nowMs);
}

/** Ready once, and never taken back: a condition that someone else has set to False is theirs. */
function planCidrStatus(cidrs: readonly string[], existing: ServiceCIDR, nowMs: number): Action[] {
  const conditions = existing.status?.conditions ?? [];
  const ready = conditions.find(({ type }) => type === 'Ready');
  const settled = ready && ready.status !== 'Unknown';
  if (settled || existing.metadata.deletionTimestamp || !isDeepStrictEqual(existing.spec?.cidrs, cidrs)) return [];
  const condition = {
    type: 'Ready',
    status: 'True',
    reason: '',
    message: 'Kubernetes default Service CIDR is ready',
    lastTransitionTime: formatTime(nowMs),
  };
  const others = conditions.filter(({ type }) => type !== 'Ready');
  const object: ServiceCIDR = { ...existing, status: { ...existing.status, conditions: [...others, condition] } };
  return [{ do: 'update', ref: serviceCidrs, object, subresource: 'status' }];
}

const serviceOf = ({ serviceIp, servicePort }: KubernetesServiceOptions, target: Target): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: objectName, namespace, labels: { component: 'apiserver', provider: 'kubernetes' } },
  spec: {
    type: 'ClusterIP',
    clusterIP: serviceIp,
    ipFamilyPolicy: 'SingleStack',
    sessionAffinity: 'None',
    ports: [{ name: portName, protocol: 'TCP', port: servicePort, targetPort: target.port }],
  },
});

function planEndpoints({ ip, port }: Target, existing: Endpoints | undefined): Action[] {
  const subsets: EndpointSubset[] = [{ addresses: [{ ip }], ports: [{ name: portName, port, protocol: 'TCP' }] }];
  // Its slice is made here, not by the mirroring controller.
  const labels = { ...existing?.metadata.labels, 'endpointslice.kubernetes.io/skip-mirror': 'true' };
  const object: Endpoints = existing
    ? { ...existing, metadata: { ...existing.metadata, labels }, subsets }
    : { apiVersion: 'v1', kind: 'Endpoints', metadata: { name: objectName, namespace, labels }, subsets };
  if (!existing) return [create(endpoints, object)];
  return isDeepStrictEqual(object, existing) ? [] : [{ do: 'update', ref: endpoints, object }];
}

function planSlice({ ip, port }: Target, existing: EndpointSlice | undefined): Action[] {
  const addressType = isIPv6(ip) ? 'IPv6' : 'IPv4';
  const labels = { 'kubernetes.io/service-name': objectName };
  const fields: Pick<EndpointSlice, 'addressType' | 'endpoints' | 'ports'> = {
    addressType,
    endpoints: [{ addresses: [ip], conditions: { ready: true } }],
    ports: [{ name: portName, port, protocol: 'TCP' }],
  };
  const fresh: EndpointSlice = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: objectName, namespace, labels },
    ...fields,
  };
  if (!existing) return [create(endpointSlices, fresh)];
  // The address type of a slice cannot be changed.
  if (existing.addressType !== addressType) {
    return [{ do: 'delete', ref: endpointSlices, object: existing }, create(endpointSlices, fresh)];
  }
  const object: EndpointSlice = { ...existing, ...fields, metadata: { ...existing.metadata, labels } };
  return isDeepStrictEqual(object, existing) ? [] : [{ do: 'update', ref: endpointSlices, object }];
}

const resyncMs = 30_000;

export function kubernetesServiceController(
  { clientFor, clock, log }: ControllerEnv,
  options: KubernetesServiceOptions,
): Controller {
  const client = clientFor(userName);

  const sync = async (): Promise<SyncResult> => {
    const state: KubernetesServiceState = {
      cidr: await find<ServiceCIDR>(client, serviceCidrs, objectName),
      service: await find<Service>(client, services, objectName, namespace),
      endpoints: await find<Endpoints>(client, endpoints, objectName, namespace),
      slice: await find<EndpointSlice>(client, endpointSlices, objectName, namespace),
    };
    await carryOut(client, planKubernetesService(options, state, clock.nowMs()));
    return done;
  };

  const look = (): void => queue.add(objectName);
  const queue = new WorkQueue({ name, clock, log, workers: 1, limit: 1, sync, overflowed: look });
  const follower = { changed: look, relisted: look };
  const only = { fieldSelector: `metadata.name=${objectName}` };
  const followings = [serviceCidrs, services, endpoints, endpointSlices].map((ref) => {
    const selection = ref === serviceCidrs ? only : { ...only, namespace };
    return follow(ref, { client, clock, log, selection }, follower);
  });
  let timer = clock.after(resyncMs, tick);
  function tick(): void {
    look();
    timer = clock.after(resyncMs, tick);
  }
  look();
  return controllerOf(name, queue, [...followings, { stop: () => timer.cancel(), relist() {} }]);
}
