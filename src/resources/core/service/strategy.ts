// A Service's fields depend on each other; clients of every age change one and forget the others. What they meant is
// inferred here (pkg/registry/core/service: normalizeClusterIPs, patchAllocatedValues, dropTypeDependentFields).
import { semanticEqual } from '../../shared/equal.ts';
import type { Service, ServiceSpec } from '../../typings/core.ts';
import { isExternal, needsClusterIP, needsHealthCheck, needsNodePort } from './defaults.ts';

export function prepareForCreate(o: Service): void {
  const spec = o.spec ?? {};
  if (spec.clusterIP && (spec.clusterIPs ?? []).length === 0) spec.clusterIPs = [spec.clusterIP];
}

export function prepareForUpdate(next: Service, previous: Service): void {
  next.spec ??= {};
  const spec = next.spec;
  const before = previous.spec ?? {};
  keepAllocated(spec, before);
  alignClusterIPs(spec, before);
  dropWhatTheTypeLacks(spec, before);
  if (spec.type !== 'LoadBalancer' && next.status) next.status = { ...next.status, loadBalancer: {} };
}

/** Values that the server gave stay when a PUT leaves them out. */
function keepAllocated(spec: ServiceSpec, before: ServiceSpec): void {
  if (needsClusterIP(before) && needsClusterIP(spec)) {
    if (!spec.clusterIP && before.clusterIP) spec.clusterIP = before.clusterIP;
    if ((spec.clusterIPs ?? []).length === 0 && before.clusterIPs) spec.clusterIPs = [...before.clusterIPs];
  }
  if (needsNodePort(before) && needsNodePort(spec)) keepNodePorts(spec, before);
  if (needsHealthCheck(before) && needsHealthCheck(spec) && !spec.healthCheckNodePort && before.healthCheckNodePort) {
    spec.healthCheckNodePort = before.healthCheckNodePort;
  }
}

function keepNodePorts(spec: ServiceSpec, before: ServiceSpec): void {
  const wanted = nodePortsOf(spec);
  const taken = new Set(nodePortsOf(before).filter((port) => wanted.includes(port)));
  const byName = new Map((before.ports ?? []).map((port) => [port.name ?? '', port.nodePort]));
  for (const port of spec.ports ?? []) {
    const known = byName.get(port.name ?? '');
    if (!port.nodePort && known && !taken.has(known)) port.nodePort = known;
  }
}

export const nodePortsOf = (spec: ServiceSpec): number[] =>
  (spec.ports ?? []).map((port) => port.nodePort ?? 0).filter((port) => port !== 0);

const sameClusterIPs = (a: ServiceSpec, b: ServiceSpec): boolean => semanticEqual(a.clusterIPs, b.clusterIPs);

/** `clusterIP` is the first of `clusterIPs`; a client that changed only one of them means both. */
function alignClusterIPs(spec: ServiceSpec, before: ServiceSpec): void {
  if ((before.clusterIPs ?? []).length > 0 && (spec.clusterIPs ?? []).length === 0) {
    if ((before.clusterIP ?? '') === (spec.clusterIP ?? '') && before.clusterIPs)
      spec.clusterIPs = [...before.clusterIPs];
  }
  if ((before.clusterIP ?? '') === (spec.clusterIP ?? '') || !sameClusterIPs(spec, before)) return;
  if (before.clusterIP && !spec.clusterIP) delete spec.clusterIPs;
  else spec.clusterIPs = [spec.clusterIP ?? ''];
}

/** After a change of type: drop what no longer applies, unless the client changed that too (then validation speaks). */
function dropWhatTheTypeLacks(spec: ServiceSpec, before: ServiceSpec): void {
  if (needsClusterIP(before) && !needsClusterIP(spec)) {
    if (sameClusterIPs(spec, before) && (spec.clusterIP ?? '') === (before.clusterIP ?? '')) {
      delete spec.clusterIP;
      delete spec.clusterIPs;
    }
    if (semanticEqual(spec.ipFamilies, before.ipFamilies)) delete spec.ipFamilies;
    if (spec.ipFamilyPolicy === before.ipFamilyPolicy) delete spec.ipFamilyPolicy;
  }
  const named = spec.type === 'ExternalName' && before.type !== 'ExternalName';
  if (named && spec.internalTrafficPolicy === before.internalTrafficPolicy) delete spec.internalTrafficPolicy;
  if (needsNodePort(before) && !needsNodePort(spec)) {
    const known = nodePortsOf(before);
    if (nodePortsOf(spec).every((port) => known.includes(port)))
      for (const port of spec.ports ?? []) delete port.nodePort;
  }
  if (needsHealthCheck(before) && !needsHealthCheck(spec) && spec.healthCheckNodePort === before.healthCheckNodePort) {
    delete spec.healthCheckNodePort;
  }
  if (before.type === 'LoadBalancer' && spec.type !== 'LoadBalancer') {
    if (spec.allocateLoadBalancerNodePorts === before.allocateLoadBalancerNodePorts) {
      delete spec.allocateLoadBalancerNodePorts;
    }
    if (spec.loadBalancerClass === before.loadBalancerClass) delete spec.loadBalancerClass;
  }
  if (isExternal(before) && !isExternal(spec) && spec.externalTrafficPolicy === before.externalTrafficPolicy) {
    delete spec.externalTrafficPolicy;
  }
}
