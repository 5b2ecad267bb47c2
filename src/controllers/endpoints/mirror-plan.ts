/** EndpointSlices that say what hand-made Endpoints say, one for each subset and family. */
import { isIP } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import { endpointSlices } from '../../client/index.ts';
import type { Endpoint, EndpointAddress, EndpointSlice, Endpoints } from '../../schema/generated/index.ts';
import { type Action, controllerRefTo } from '../runtime/index.ts';
import { canonical } from './endpoints-plan.ts';
import type { Family } from './pods.ts';
import { managedByLabel, portsKey, serviceNameLabel, triggerTimeAnnotation } from './slices-plan.ts';

export const mirrorManager = 'endpointslicemirroring-controller.k8s.io';
const skipLabel = 'endpointslice.kubernetes.io/skip-mirror';
export const leaderAnnotation = 'control-plane.alpha.kubernetes.io/leader';
const appliedAnnotation = 'kubectl.kubernetes.io/last-applied-configuration';
/** Addresses of one subset that are mirrored. */
const subsetLimit = 1000;

type Ports = NonNullable<EndpointSlice['ports']>;

/** Whether Endpoints are mirrored, as far as they say themselves. */
export const isMirrored = ({ metadata }: Endpoints): boolean =>
  metadata.labels?.[skipLabel] !== 'true' && metadata.annotations?.[leaderAnnotation] === undefined;

export interface MirrorPlan {
  actions: Action[];
  /** Addresses that are none. */
  invalid: number;
  /** Addresses that are not mirrored, the invalid ones among them. */
  skipped: number;
}

interface Wanted {
  family: Family;
  ports: Ports;
  endpoints: Endpoint[];
}

/** Plans the slices of `endpoints`. `slices`: those mirrored for that name so far. */
export function planMirror(endpoints: Endpoints | undefined, slices: readonly EndpointSlice[]): MirrorPlan {
  const plan: MirrorPlan = { actions: [], invalid: 0, skipped: 0 };
  const left = [...slices];
  for (const wanted of endpoints ? wantedOf(endpoints, plan) : []) {
    const at = left.findIndex((slice) => isFor(slice, wanted));
    const before = at >= 0 ? left.splice(at, 1)[0] : undefined;
    if (endpoints) plan.actions.push(...actionsOf(endpoints, wanted, before));
  }
  plan.actions = reuse(plan.actions, left);
  for (const object of left) plan.actions.push({ do: 'delete', ref: endpointSlices, object });
  return plan;
}

const isFor = ({ addressType, ports }: EndpointSlice, wanted: Wanted): boolean =>
  addressType === wanted.family && portsKey(ports ?? []) === portsKey(wanted.ports);

function wantedOf({ subsets }: Endpoints, plan: MirrorPlan): Wanted[] {
  return canonical(subsets ?? []).flatMap(({ addresses = [], notReadyAddresses = [], ports = [] }) => {
    const all = [
      ...addresses.map((address) => ({ address, ready: true })),
      ...notReadyAddresses.map((address) => ({ address, ready: false })),
    ];
    const valid = all.filter(({ address }) => isIP(address.ip) !== 0);
    const mirrored = valid.slice(0, subsetLimit);
    plan.invalid += all.length - valid.length;
    plan.skipped += all.length - mirrored.length;
    const mirroredPorts: Ports = ports.map(({ name = '', protocol = 'TCP', port, appProtocol }) => ({
      name,
      protocol,
      port,
      ...(appProtocol && { appProtocol }),
    }));
    return (['IPv4', 'IPv6'] as const)
      .map((family) => ({
        family,
        ports: mirroredPorts,
        endpoints: mirrored
          .filter(({ address }) => isIP(address.ip) === (family === 'IPv6' ? 6 : 4))
          .map(({ address, ready }) => endpointOf(address, ready)),
      }))
      .filter((wanted) => wanted.endpoints.length > 0);
  });
}

const endpointOf = ({ ip, hostname, nodeName, targetRef }: EndpointAddress, ready: boolean): Endpoint => ({
  addresses: [ip],
  conditions: { ready },
  ...(hostname && { hostname }),
  ...(targetRef && { targetRef }),
  ...(nodeName && { nodeName }),
});

function actionsOf(
  endpoints: Endpoints,
  { family, ports, endpoints: addresses }: Wanted,
  before?: EndpointSlice,
): Action[] {
  const { name = '', namespace = '' } = endpoints.metadata;
  const {
    [triggerTimeAnnotation]: _time,
    [appliedAnnotation]: _applied,
    ...annotations
  } = endpoints.metadata.annotations ?? {};
  const common = {
    labels: { ...endpoints.metadata.labels, [serviceNameLabel]: name, [managedByLabel]: mirrorManager },
    ...(Object.keys(annotations).length > 0 && { annotations }),
    ownerReferences: [controllerRefTo({ apiVersion: 'v1', kind: 'Endpoints' }, endpoints.metadata)],
  };
  if (before) {
    const { annotations: _old, ...metadata } = before.metadata;
    const object: EndpointSlice = { ...before, metadata: { ...metadata, ...common }, endpoints: addresses, ports };
    return isDeepStrictEqual(object, before) ? [] : [{ do: 'update', ref: endpointSlices, object }];
  }
  const generateName = name.length < 253 ? `${name}-` : name;
  const kind = { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice' };
  const metadata = { generateName, namespace, ...common };
  const object: EndpointSlice = { ...kind, metadata, addressType: family, endpoints: addresses, ports };
  return endpoints.metadata.deletionTimestamp ? [] : [{ do: 'create', ref: endpointSlices, object }];
}

/** What would be made takes the place of what would be deleted. Takes it out of `left`. */
function reuse(actions: readonly Action[], left: EndpointSlice[]): Action[] {
  return actions.map((action) => {
    const { addressType } = action.object as EndpointSlice;
    const at = action.do === 'create' ? left.findIndex((slice) => slice.addressType === addressType) : -1;
    if (at < 0) return action;
    const [old] = left.splice(at, 1);
    const { generateName: _name, ...wanted } = action.object.metadata;
    const { annotations: _annotations, ...metadata } = old?.metadata ?? {};
    return { do: 'update', ref: action.ref, object: { ...action.object, metadata: { ...metadata, ...wanted } } };
  });
}
