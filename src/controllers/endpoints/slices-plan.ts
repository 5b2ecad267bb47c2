/** Which EndpointSlices a Service wants (API reference, EndpointSlice). Endpoints stay in the slice that they are in. */
import { isDeepStrictEqual } from 'node:util';
import { endpointSlices } from '../../client/index.ts';
import type { Endpoint, EndpointSlice, Pod, Service } from '../../schema/generated/index.ts';
import { isReady } from '../pod-state.ts';
import { type Action, controllerRefTo } from '../runtime/index.ts';
import { addressesIn, type Family, hostnameIn, isEndpoint, isHeadless, referenceTo, targetPort } from './pods.ts';

export const manager = 'endpointslice-controller.k8s.io';
export const serviceNameLabel = 'kubernetes.io/service-name';
export const managedByLabel = 'endpointslice.kubernetes.io/managed-by';
export const headlessLabel = 'service.kubernetes.io/headless';
export const triggerTimeAnnotation = 'endpoints.kubernetes.io/last-change-trigger-time';

const reserved: ReadonlySet<string> = new Set([serviceNameLabel, managedByLabel, headlessLabel]);

/** Endpoints in one slice. */
const sliceLimit = 100;

type Port = NonNullable<EndpointSlice['ports']>[number];
type Labels = Record<string, string>;

export interface SliceSituation {
  service: Service;
  /** Those that the Service selects. */
  pods: readonly Pod[];
  /** Slices of the Service that are managed here. */
  slices: readonly EndpointSlice[];
  /** The node's zone; undefined: there is no such node. */
  zoneOf(node: string): string | undefined;
  /** When what is to be written came about, as text. */
  triggerTime: string | undefined;
}

export interface SlicePlan {
  actions: Action[];
  /** Pods that were left out because their node is not there. */
  missingNode: Pod[];
}

/** Plans the slices of a Service. */
export function planSlices(situation: SliceSituation): SlicePlan {
  const { service, slices } = situation;
  const families = familiesOf(service);
  const plan: SlicePlan = { actions: [], missingNode: [] };
  const stray = slices.filter(({ addressType }) => !families.includes(addressType as Family));
  for (const family of families) {
    const existing = slices.filter(({ addressType }) => addressType === family);
    planFamily(situation, family, existing, plan);
  }
  for (const object of stray) plan.actions.push({ do: 'delete', ref: endpointSlices, object });
  return plan;
}

function familiesOf({ spec }: Service): Family[] {
  const families = (spec?.ipFamilies ?? []).filter((each): each is Family => each === 'IPv4' || each === 'IPv6');
  if (families.length) return families;
  return spec?.clusterIP?.includes(':') ? ['IPv6'] : ['IPv4'];
}

/** Endpoints with the same ports. */
interface Group {
  ports: Port[];
  endpoints: Map<string, Endpoint>;
}

/** A slice on its way from what it is to what it is to be. */
interface Draft {
  before: EndpointSlice | undefined;
  ports: Port[];
  endpoints: Endpoint[];
  changed: boolean;
}

function planFamily(
  situation: SliceSituation,
  family: Family,
  existing: readonly EndpointSlice[],
  plan: SlicePlan,
): void {
  const { service } = situation;
  const groups = groupsOf(situation, family, plan.missingNode);
  const owned = existing.filter((slice) => isOwned(slice, service));
  const drafts: Draft[] = [];
  for (const [key, group] of groups) {
    drafts.push(
      ...fill(
        group,
        owned.filter(({ ports }) => portsKey(ports ?? []) === key),
        labelsOf(service),
      ),
    );
  }
  const doomed = existing.filter(
    (slice) => !drafts.some(({ before, endpoints }) => before === slice && endpoints.length),
  );
  const kept = drafts.filter(({ endpoints }) => endpoints.length > 0);
  if (kept.length === 0) addPlaceholder(service, doomed, kept);
  carryOver(kept, doomed, (slice) => isOwned(slice, service));
  for (const draft of kept) plan.actions.push(...actionsOf(draft, family, situation));
  for (const object of doomed) plan.actions.push({ do: 'delete', ref: endpointSlices, object });
}

/** A Service without endpoints has one slice without ports, by which it is known to have none. */
function addPlaceholder(service: Service, doomed: EndpointSlice[], kept: Draft[]): void {
  const labels = labelsOf(service);
  const at = doomed.findIndex(
    (slice) =>
      !slice.endpoints?.length &&
      !slice.ports?.length &&
      isOwned(slice, service) &&
      isDeepStrictEqual(slice.metadata.labels, labels),
  );
  if (at >= 0 && doomed.length === 1) doomed.splice(at, 1);
  else kept.push({ before: undefined, ports: [], endpoints: [], changed: true });
}

/** Slices that would be deleted are taken for those that would be made: of one name, watchers need no more than a change. */
function carryOver(kept: readonly Draft[], doomed: EndpointSlice[], isOwned: (slice: EndpointSlice) => boolean): void {
  for (const draft of kept) {
    const at = draft.before ? -1 : doomed.findIndex(isOwned);
    if (at >= 0) draft.before = doomed.splice(at, 1)[0];
  }
}

function groupsOf(situation: SliceSituation, family: Family, missingNode: Pod[]): Map<string, Group> {
  const { service, pods, zoneOf } = situation;
  const groups = new Map<string, Group>();
  for (const pod of pods) {
    if (!isEndpoint(pod, true)) continue;
    const ports = portsOf(service, pod);
    const key = portsKey(ports);
    const group = groups.get(key) ?? { ports, endpoints: new Map() };
    groups.set(key, group);
    const zone = zoneOf(pod.spec.nodeName ?? '');
    if (zone === undefined && !service.spec?.publishNotReadyAddresses) {
      missingNode.push(pod);
      continue;
    }
    const endpoint = endpointOf(pod, service, family, zone);
    if (endpoint.addresses.length) group.endpoints.set(endpointKey(endpoint), endpoint);
  }
  return groups;
}

function endpointOf(pod: Pod, service: Service, family: Family, zone: string | undefined): Endpoint {
  const serving = isReady(pod);
  const terminating = Boolean(pod.metadata.deletionTimestamp);
  const ready = Boolean(service.spec?.publishNotReadyAddresses) || (serving && !terminating);
  const hostname = hostnameIn(pod, service);
  const hints = ready ? hintsFor(service, pod.spec.nodeName, zone) : undefined;
  return {
    addresses: addressesIn(pod, family),
    conditions: { ready, serving, terminating },
    ...(hostname && { hostname }),
    targetRef: referenceTo(pod),
    ...(pod.spec.nodeName && { nodeName: pod.spec.nodeName }),
    ...(zone && { zone }),
    ...(hints && { hints }),
  };
}

const sameNode = 'PreferSameNode';
const preferences: ReadonlySet<string> = new Set(['PreferClose', 'PreferSameZone', sameNode]);
const hintAnnotations = ['service.kubernetes.io/topology-aware-hints', 'service.kubernetes.io/topology-mode'];

/** For whom the endpoint is (KEP-4444, KEP-3015): those near it. Services with the older annotation have no hints here. */
function hintsFor({ metadata, spec }: Service, node: string | undefined, zone: string | undefined): Endpoint['hints'] {
  const { trafficDistribution = '' } = spec ?? {};
  if (!preferences.has(trafficDistribution)) return undefined;
  const annotation = hintAnnotations.map((key) => metadata.annotations?.[key]).find((value) => value !== undefined);
  if (annotation === 'Auto' || annotation === 'auto') return undefined;
  const forNodes = node && trafficDistribution === sameNode ? [{ name: node }] : undefined;
  if (!zone && !forNodes) return undefined;
  return { ...(zone && { forZones: [{ name: zone }] }), ...(forNodes && { forNodes }) };
}

/** The same endpoint, though its conditions may have changed. */
const endpointKey = ({ addresses, hostname, targetRef }: Endpoint): string =>
  [...[...addresses].sort(), hostname ?? '', targetRef?.namespace ?? '', targetRef?.name ?? ''].join(' ');

function portsOf({ spec }: Service, pod: Pod): Port[] {
  return (spec?.ports ?? []).flatMap((servicePort) => {
    const port = targetPort(pod, servicePort);
    if (port === undefined) return [];
    const { name = '', protocol = 'TCP', appProtocol } = servicePort;
    return [{ name, protocol, port, ...(appProtocol && { appProtocol }) }];
  });
}

export const portsKey = (ports: readonly Port[]): string =>
  ports
    .map(({ name = '', protocol = 'TCP', port = 0, appProtocol = '' }) => [name, protocol, port, appProtocol].join(' '))
    .sort()
    .join('\n');

/** Places the endpoints: what is placed stays, what is new goes where it makes the fewest slices change. */
function fill(group: Group, slices: readonly EndpointSlice[], labels: Labels): Draft[] {
  const left = new Map(group.endpoints);
  const drafts = slices.map((slice) => keep(slice, group.ports, left, labels));
  const add = (draft: Draft): void => {
    for (const [key, endpoint] of left) {
      if (draft.endpoints.length >= sliceLimit) break;
      draft.endpoints.push(endpoint);
      draft.changed = true;
      left.delete(key);
    }
  };
  const byLength = (a: Draft, b: Draft): number => b.endpoints.length - a.endpoints.length;
  for (const draft of drafts.filter(({ changed, endpoints }) => changed && endpoints.length).sort(byLength)) add(draft);
  while (left.size > 0) {
    const fits = drafts.filter(({ changed, endpoints }) => !changed && endpoints.length + left.size <= sliceLimit);
    const draft = fits.sort(byLength)[0] ?? { before: undefined, ports: group.ports, endpoints: [], changed: true };
    if (!draft.before) drafts.push(draft);
    add(draft);
  }
  return drafts;
}

/** What is still wanted of a slice, as it is now. Takes it out of `left`. */
function keep(slice: EndpointSlice, ports: Port[], left: Map<string, Endpoint>, labels: Labels): Draft {
  const draft: Draft = { before: slice, ports, endpoints: [], changed: !hasLabels(slice, labels) };
  for (const old of slice.endpoints ?? []) {
    const key = endpointKey(old);
    const wanted = left.get(key);
    left.delete(key);
    if (wanted) draft.endpoints.push(wanted);
    if (!wanted || !isSameEndpoint(old, wanted)) draft.changed = true;
  }
  return draft;
}

const isSameEndpoint = (old: Endpoint, wanted: Endpoint): boolean =>
  isDeepStrictEqual(
    { ...old, targetRef: { ...old.targetRef, resourceVersion: undefined } },
    { ...wanted, targetRef: { ...wanted.targetRef, resourceVersion: undefined } },
  );

/** The Service's labels, and those by which its slices are found. */
function labelsOf(service: Service): Labels {
  const own = Object.entries(service.metadata.labels ?? {}).filter(([key]) => !reserved.has(key));
  return {
    ...Object.fromEntries(own),
    ...(isHeadless(service) && { [headlessLabel]: '' }),
    [serviceNameLabel]: service.metadata.name ?? '',
    [managedByLabel]: manager,
  };
}

/** Reserved ones are not looked at: others may have set them. */
function hasLabels({ metadata }: EndpointSlice, labels: Labels): boolean {
  const free = (all: Labels): Labels => Object.fromEntries(Object.entries(all).filter(([key]) => !reserved.has(key)));
  return isDeepStrictEqual(free(metadata.labels ?? {}), free(labels));
}

const isOwned = ({ metadata }: EndpointSlice, service: Service): boolean =>
  Boolean(metadata.ownerReferences?.some(({ uid, kind }) => uid === service.metadata.uid && kind === 'Service'));

function actionsOf({ before, ports, endpoints, changed }: Draft, family: Family, situation: SliceSituation): Action[] {
  if (!changed) return [];
  const { service, triggerTime } = situation;
  const { name = '', namespace = '', deletionTimestamp } = service.metadata;
  const { [triggerTimeAnnotation]: _old, ...others } = before?.metadata.annotations ?? {};
  const annotations = { ...others, ...(triggerTime && { [triggerTimeAnnotation]: triggerTime }) };
  const labels = labelsOf(service);
  if (before) {
    const metadata = { ...before.metadata, labels, annotations };
    const object: EndpointSlice = { ...before, metadata, endpoints, ports };
    return [{ do: 'update', ref: endpointSlices, object }];
  }
  // The garbage collector is about to delete what would be made now.
  if (deletionTimestamp) return [];
  const ownerReferences = [controllerRefTo({ apiVersion: 'v1', kind: 'Service' }, service.metadata)];
  const generateName = name.length < 253 ? `${name}-` : name;
  const metadata = { generateName, namespace, labels, annotations, ownerReferences };
  const kind = { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice' };
  const object: EndpointSlice = { ...kind, metadata, addressType: family, endpoints, ports };
  return [{ do: 'create', ref: endpointSlices, object }];
}
