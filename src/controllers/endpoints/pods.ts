/** What a Service takes from a pod: whether it is an endpoint, of which addresses and ports. */
import { isIPv6 } from 'node:net';
import type { ObjectReference, Pod, Service, ServicePort } from '../../schema/generated/index.ts';
import { isReady, isTerminal } from '../pod-state.ts';

export type Family = 'IPv4' | 'IPv6';

/** Pods that have ended or have no address are no endpoints. Those that are ending are, if `withTerminating`. */
export function isEndpoint(pod: Pod, withTerminating: boolean): boolean {
  if (isTerminal(pod) || addressesOf(pod).length === 0) return false;
  return withTerminating || !pod.metadata.deletionTimestamp;
}

const addressesOf = ({ status }: Pod): string[] => {
  const { podIP, podIPs = [] } = status ?? {};
  const ips = podIPs.map(({ ip = '' }) => ip);
  return (ips.length ? ips : [podIP ?? '']).filter((ip) => ip !== '');
};

export const addressesIn = (pod: Pod, family: Family): string[] =>
  (pod.status?.podIPs ?? []).map(({ ip = '' }) => ip).filter((ip) => ip !== '' && isIPv6(ip) === (family === 'IPv6'));

/** Whose pods these are, as an endpoint says it. */
export const referenceTo = ({ metadata: { namespace = '', name = '', uid = '' } }: Pod): ObjectReference => ({
  kind: 'Pod',
  namespace,
  name,
  uid,
});

/** The pod's host name when it is one in this Service's domain. */
export const hostnameIn = ({ spec }: Pod, { metadata }: Service): string | undefined =>
  spec.hostname && spec.subdomain === metadata.name ? spec.hostname : undefined;

/** The number of the pod's port behind a Service's; undefined when it has none of that name. */
export function targetPort(
  { spec }: Pod,
  { targetPort: target, port, protocol = 'TCP' }: ServicePort,
): number | undefined {
  if (typeof target !== 'string') return target || port;
  const sidecars = (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  for (const { ports = [] } of [...spec.containers, ...sidecars]) {
    const found = ports.find((each) => each.name === target && (each.protocol ?? 'TCP') === protocol);
    if (found) return found.containerPort;
  }
  return undefined;
}

export const isHeadless = ({ spec }: Service): boolean => !spec?.clusterIP || spec.clusterIP === 'None';

/** All that endpoints show of a pod, apart from its labels: while it is the same, they need no look. */
export const markOf = (pod: Pod): string => {
  const { spec, metadata } = pod;
  const state = [isTerminal(pod), isReady(pod), Boolean(metadata.deletionTimestamp), metadata.uid];
  return [...state, spec.nodeName, spec.hostname, spec.subdomain, ...addressesOf(pod)].join(' ');
};
