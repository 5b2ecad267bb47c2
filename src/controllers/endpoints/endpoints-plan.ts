/** Which Endpoints a Service wants: addresses grouped by the ports that they have in common. */
import { isDeepStrictEqual } from 'node:util';
import { endpoints as endpointsRef } from '../../client/index.ts';
import type { EndpointAddress, EndpointSubset, Endpoints, Pod, Service } from '../../schema/generated/index.ts';
import { isReady } from '../pod-state.ts';
import type { Action } from '../runtime/index.ts';
import { addressesIn, type Family, hostnameIn, isEndpoint, isHeadless, referenceTo, targetPort } from './pods.ts';
import { headlessLabel, triggerTimeAnnotation } from './slices-plan.ts';

const managedByLabel = 'endpoints.kubernetes.io/managed-by';
const manager = 'endpoint-controller';
const overCapacityAnnotation = 'endpoints.kubernetes.io/over-capacity';
/** Addresses in one object. */
export const capacity = 1000;

type Port = NonNullable<EndpointSubset['ports']>[number];
type Labels = Record<string, string>;

export interface EndpointsSituation {
  service: Service;
  /** Those that the Service selects. */
  pods: readonly Pod[];
  current: Endpoints | undefined;
  /** When what is to be written came about, as text. */
  triggerTime: string | undefined;
}

/** Plans the Endpoints of a Service. */
export function planEndpoints({ service, pods, current, triggerTime }: EndpointsSituation): Action[] {
  const subsets = subsetsOf(service, pods);
  const labels = labelsOf(service);
  const { metadata } = current ?? {};
  const isOver = sizeOf(subsets) > capacity;
  const wasOver = overCapacityAnnotation in (metadata?.annotations ?? {});
  if (current && !isOver && !wasOver && hasLabels(current, labels)) {
    if (isDeepStrictEqual(canonical(current.subsets ?? []), subsets)) return [];
  }
  const { [triggerTimeAnnotation]: _time, [overCapacityAnnotation]: _over, ...others } = metadata?.annotations ?? {};
  const annotations = {
    ...others,
    ...(triggerTime && { [triggerTimeAnnotation]: triggerTime }),
    ...(isOver && { [overCapacityAnnotation]: 'truncated' }),
  };
  const { name = '', namespace = '' } = service.metadata;
  const object: Endpoints = {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: { name, namespace, ...metadata, labels, annotations },
    subsets: truncated(subsets),
  };
  if (current && isDeepStrictEqual(object, current)) return [];
  return [{ do: current ? 'update' : 'create', ref: endpointsRef, object }];
}

function labelsOf(service: Service): Labels {
  const { [headlessLabel]: _label, ...labels } = service.metadata.labels ?? {};
  return { ...labels, ...(isHeadless(service) && { [headlessLabel]: '' }), [managedByLabel]: manager };
}

/** Whether a Service is headless does not change. */
function hasLabels({ metadata }: Endpoints, wanted: Labels): boolean {
  const { [headlessLabel]: _had, ...had } = metadata.labels ?? {};
  const { [headlessLabel]: _has, ...has } = wanted;
  return isDeepStrictEqual(had, has);
}

interface Offer {
  port: Port | undefined;
  address: EndpointAddress;
  ready: boolean;
}

function subsetsOf(service: Service, pods: readonly Pod[]): EndpointSubset[] {
  const anyway = Boolean(service.spec?.publishNotReadyAddresses);
  const offers: Offer[] = [];
  for (const pod of pods) {
    if (!isEndpoint(pod, anyway)) continue;
    const address = addressOf(pod, service);
    if (!address) continue;
    const ready = anyway || isReady(pod);
    const { ports = [] } = service.spec ?? {};
    if (ports.length === 0 && service.spec?.clusterIP === 'None') offers.push({ port: undefined, address, ready });
    for (const servicePort of ports) {
      const number = targetPort(pod, servicePort);
      if (number === undefined) continue;
      const { name, protocol = 'TCP', appProtocol } = servicePort;
      const port = { ...(name && { name }), port: number, protocol, ...(appProtocol && { appProtocol }) };
      offers.push({ port, address, ready });
    }
  }
  return group(offers);
}

function addressOf(pod: Pod, service: Service): EndpointAddress | undefined {
  const { ipFamilies, clusterIP } = service.spec ?? {};
  const guess = (clusterIP && clusterIP !== 'None' ? clusterIP : (pod.status?.podIP ?? '')).includes(':');
  const family = (ipFamilies?.[0] ?? (guess ? 'IPv6' : 'IPv4')) as Family;
  const [ip] = addressesIn(pod, family);
  if (ip === undefined) return undefined;
  const hostname = hostnameIn(pod, service);
  const nodeName = pod.spec.nodeName;
  return { ip, ...(hostname && { hostname }), ...(nodeName && { nodeName }), targetRef: referenceTo(pod) };
}

const addressKey = ({ ip, targetRef }: EndpointAddress): string => `${ip} ${targetRef?.uid ?? ''}`;
const portKey = ({ name = '', port, protocol = 'TCP', appProtocol = '' }: Port): string =>
  `${name} ${port} ${protocol} ${appProtocol}`;

/** As few subsets as there are sets of addresses; in a fixed order. */
function group(offers: readonly Offer[]): EndpointSubset[] {
  const byPort = new Map<string, { port: Port | undefined; offers: Map<string, Offer> }>();
  for (const offer of offers) {
    const key = offer.port ? portKey(offer.port) : '';
    const entry = byPort.get(key) ?? { port: offer.port, offers: new Map() };
    byPort.set(key, entry);
    const known = entry.offers.get(addressKey(offer.address));
    if (!known || known.ready) entry.offers.set(addressKey(offer.address), offer);
  }
  const byAddresses = new Map<string, { ports: Port[]; offers: Offer[] }>();
  for (const { port, offers: found } of byPort.values()) {
    const sorted = [...found].sort(([a], [b]) => (a < b ? -1 : 1));
    const key = sorted.map(([address, { ready }]) => `${address} ${ready}`).join('\n');
    const entry = byAddresses.get(key) ?? { ports: [], offers: sorted.map(([, offer]) => offer) };
    byAddresses.set(key, entry);
    if (port) entry.ports.push(port);
  }
  return [...byAddresses].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => subsetOf(entry));
}

function subsetOf({ ports, offers }: { ports: Port[]; offers: readonly Offer[] }): EndpointSubset {
  const addresses = offers.filter(({ ready }) => ready).map(({ address }) => address);
  const notReadyAddresses = offers.filter(({ ready }) => !ready).map(({ address }) => address);
  return {
    ...(addresses.length && { addresses }),
    ...(notReadyAddresses.length && { notReadyAddresses }),
    ...(ports.length && { ports: ports.sort((a, b) => (portKey(a) < portKey(b) ? -1 : 1)) }),
  };
}

/** What another controller has written, in the order that is used here. */
export function canonical(subsets: readonly EndpointSubset[]): EndpointSubset[] {
  const plain = ({ targetRef, ...address }: EndpointAddress): EndpointAddress => {
    const { resourceVersion: _version, ...reference } = targetRef ?? {};
    return { ...address, ...(targetRef && { targetRef: reference }) };
  };
  return group(
    subsets.flatMap(({ addresses = [], notReadyAddresses = [], ports = [] }) =>
      (ports.length ? ports : [undefined]).flatMap((port) => [
        ...addresses.map((address) => ({ port, address: plain(address), ready: true })),
        ...notReadyAddresses.map((address) => ({ port, address: plain(address), ready: false })),
      ]),
    ),
  );
}

type Field = 'addresses' | 'notReadyAddresses';

const count = (subsets: readonly EndpointSubset[], field: Field): number =>
  subsets.reduce((total, subset) => total + (subset[field]?.length ?? 0), 0);

const sizeOf = (subsets: readonly EndpointSubset[]): number =>
  count(subsets, 'addresses') + count(subsets, 'notReadyAddresses');

/** Keeps to the capacity: the ready before the others, and of each subset its share. */
function truncated(subsets: EndpointSubset[]): EndpointSubset[] {
  if (sizeOf(subsets) <= capacity) return subsets;
  const room = capacity - count(subsets, 'addresses');
  if (room >= 0) return cut(subsets, 'notReadyAddresses', room);
  return cut(subsets, 'addresses', capacity).map(({ notReadyAddresses: _others, ...subset }) => subset);
}

function cut(subsets: readonly EndpointSubset[], field: Field, room: number): EndpointSubset[] {
  const total = count(subsets, field);
  let left = room;
  return subsets.map((subset) => {
    const { [field]: all = [], ...rest } = subset;
    const share = Math.min(left, Math.ceil((all.length / total) * room));
    left -= share;
    return { ...rest, ...(share > 0 && { [field]: all.slice(0, share) }) };
  });
}
