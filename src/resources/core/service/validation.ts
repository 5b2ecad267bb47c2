import { type FieldError, type FieldPath, fieldError as e } from '../../../kernel/status.ts';
import { matches, oneOf, port, portOrName } from '../../shared/check.ts';
import { familyOf, isDualStackPair, parseSloppy, validCIDR, validIP } from '../../shared/ip.ts';
import { validateLabels } from '../../shared/labels.ts';
import { dnsLabel, dnsSubdomain, qualifiedName } from '../../shared/names.ts';
import type { Service, ServicePort, ServiceSpec } from '../../typings/core.ts';
import { endpointAddressAllowed } from '../endpoints.ts';
import { isExternal, isHeadless, needsHealthCheck } from './defaults.ts';

const at = (...steps: (string | number)[]): FieldPath => ['spec', ...steps];
const maxAffinitySeconds = 86_400;

export function* validateService(o: Service): Iterable<FieldError> {
  const spec = o.spec ?? {};
  yield* validateType(spec);
  yield* validatePorts(spec);
  yield* validateLabels(spec.selector, at('selector'));
  yield* validateAffinity(spec);
  yield* validateClusterIPs(spec);
  for (const [i, ip] of (spec.externalIPs ?? []).entries()) {
    const errors = [...validIP(ip, at('externalIPs', i))];
    yield* errors.length > 0 ? errors : endpointAddressAllowed(ip, at('externalIPs', i));
  }
  yield* validateLoadBalancer(spec);
  yield* validateTrafficPolicies(spec);
}

function* validateType(spec: ServiceSpec): Iterable<FieldError> {
  const headless = isHeadless(spec);
  if ((spec.ports ?? []).length === 0 && !headless && spec.type !== 'ExternalName') yield e.required(at('ports'));
  if ((spec.type === 'LoadBalancer' || spec.type === 'NodePort') && headless) {
    yield e.invalid(at('clusterIPs', 0), 'None', `may not be set to 'None' for ${spec.type} services`);
  }
  if (spec.type === 'ExternalName') {
    for (const field of ['clusterIPs', 'ipFamilies'] as const) {
      if ((spec[field] ?? []).length > 0) yield e.forbidden(at(field), 'may not be set for ExternalName services');
    }
    if (spec.ipFamilyPolicy !== undefined) {
      yield e.forbidden(at('ipFamilyPolicy'), 'may not be set for ExternalName services');
    }
    const name = (spec.externalName ?? '').replace(/\.$/, '');
    if (name) yield* matches(dnsSubdomain, name, at('externalName'));
    else yield e.required(at('externalName'));
  }
  yield* oneOf(spec.type, ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'], at('type'));
}

function* validatePorts(spec: ServiceSpec): Iterable<FieldError> {
  const ports = spec.ports ?? [];
  const names = new Set<string>();
  const nodePorts = new Set<string>();
  const numbers = new Set<string>();
  for (const [i, one] of ports.entries()) {
    yield* validatePort(one, ports.length > 1, names, at('ports', i));
    if (spec.type === 'ClusterIP' && one.nodePort) {
      yield e.forbidden(at('ports', i, 'nodePort'), "may not be used when `type` is 'ClusterIP'");
    }
    const nodeKey = `${one.protocol}/${one.nodePort}`;
    if (one.nodePort && nodePorts.has(nodeKey)) yield e.duplicate(at('ports', i, 'nodePort'), one.nodePort);
    nodePorts.add(nodeKey);
    const key = `${one.protocol}/${one.port}`;
    if (numbers.has(key)) {
      yield e.duplicate(at('ports', i), { port: one.port ?? 0, protocol: one.protocol ?? '', targetPort: 0 });
    }
    numbers.add(key);
  }
}

function* validatePort(
  one: ServicePort,
  needsName: boolean,
  names: Set<string>,
  path: FieldPath,
): Iterable<FieldError> {
  if (needsName && !one.name) yield e.required([...path, 'name']);
  else if (one.name) {
    yield* matches(dnsLabel, one.name, [...path, 'name']);
    if (names.has(one.name)) yield e.duplicate([...path, 'name'], one.name);
    names.add(one.name);
  }
  yield* port(one.port, [...path, 'port']);
  yield* oneOf(one.protocol, ['SCTP', 'TCP', 'UDP'], [...path, 'protocol']);
  yield* portOrName(one.targetPort, [...path, 'targetPort']);
  if (one.appProtocol !== undefined) yield* matches(qualifiedName, one.appProtocol, [...path, 'appProtocol']);
}

function* validateAffinity(spec: ServiceSpec): Iterable<FieldError> {
  yield* oneOf(spec.sessionAffinity, ['ClientIP', 'None'], at('sessionAffinity'));
  const seconds = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds;
  const path = at('sessionAffinityConfig', 'clientIP', 'timeoutSeconds');
  if (spec.sessionAffinity === 'None' && spec.sessionAffinityConfig) {
    yield e.forbidden(at('sessionAffinityConfig'), 'must not be set when session affinity is None');
  } else if (spec.sessionAffinity === 'ClientIP') {
    if (seconds === undefined) yield e.required(path, 'when session affinity type is ClientIP');
    else if (seconds <= 0 || seconds > maxAffinitySeconds) {
      yield e.invalid(path, seconds, `must be greater than 0 and less than ${maxAffinitySeconds}`);
    }
  }
}

/** `clusterIP`, `clusterIPs`, `ipFamilies` and `ipFamilyPolicy` agree. */
export function* validateClusterIPs(spec: ServiceSpec): Iterable<FieldError> {
  if (spec.type === 'ExternalName') return;
  const ips = spec.clusterIPs ?? [];
  const families = spec.ipFamilies ?? [];
  if (spec.clusterIP) {
    if (ips.length === 0) yield e.required(at('clusterIPs'));
    else if (ips[0] !== spec.clusterIP) {
      yield e.invalid(at('clusterIPs'), ips, 'first value must match `clusterIP`');
    }
  } else if (ips.length > 0) {
    yield e.invalid(at('clusterIPs'), ips, 'must be empty when `clusterIP` is not specified');
  }
  for (const [i, family] of families.entries()) {
    yield* oneOf(family, ['IPv4', 'IPv6'], at('ipFamilies', i), false);
    if (families.indexOf(family) < i) yield e.duplicate(at('ipFamilies', i), family);
  }
  if (spec.ipFamilyPolicy !== undefined) {
    yield* oneOf(
      spec.ipFamilyPolicy,
      ['PreferDualStack', 'RequireDualStack', 'SingleStack'],
      at('ipFamilyPolicy'),
      false,
    );
  }
  const addressErrors = [...validateAddresses(ips)];
  yield* addressErrors;
  if (addressErrors.length > 0) return;
  if (ips.length > 2) yield e.invalid(at('clusterIPs'), ips, 'may only hold up to 2 values');
  else if (ips.length === 2 && !isDualStackPair(ips)) {
    yield e.invalid(at('clusterIPs'), ips, 'may specify no more than one IP for each IP family');
  }
  if (isHeadless(spec)) return;
  for (const [i, ip] of ips.entries()) {
    const family = families[i];
    if (family && family !== familyOf(ip)) {
      yield e.invalid(at('clusterIPs', i), ip, `expected an ${family} value as indicated by \`ipFamilies[${i}]\``);
    }
  }
}

function* validateAddresses(ips: readonly string[]): Iterable<FieldError> {
  for (const [i, ip] of ips.entries()) {
    if (i === 0 && ip === 'None') {
      if (ips.length > 1) yield e.invalid(at('clusterIPs'), ips, "'None' must be the first and only value");
    } else yield* validIP(ip, at('clusterIPs', i));
  }
}

function* validateLoadBalancer(spec: ServiceSpec): Iterable<FieldError> {
  const isLoadBalancer = spec.type === 'LoadBalancer';
  const onlyThere = "may only be used when `type` is 'LoadBalancer'";
  const ranges = spec.loadBalancerSourceRanges ?? [];
  if (ranges.length > 0 && !isLoadBalancer) yield e.forbidden(at('LoadBalancerSourceRanges'), onlyThere);
  for (const [i, range] of ranges.entries()) yield* validCIDR(range.trim(), at('LoadBalancerSourceRanges', i));
  if (spec.allocateLoadBalancerNodePorts !== undefined && !isLoadBalancer) {
    yield e.forbidden(at('allocateLoadBalancerNodePorts'), onlyThere);
  }
  if (spec.loadBalancerClass === undefined) return;
  if (isLoadBalancer) yield* matches(qualifiedName, spec.loadBalancerClass, at('loadBalancerClass'));
  else yield e.forbidden(at('loadBalancerClass'), onlyThere);
}

function* validateTrafficPolicies(spec: ServiceSpec): Iterable<FieldError> {
  const path = at('externalTrafficPolicy');
  if (isExternal(spec)) yield* oneOf(spec.externalTrafficPolicy, ['Cluster', 'Local'], path);
  else if (spec.externalTrafficPolicy) {
    yield e.invalid(path, spec.externalTrafficPolicy, 'may only be set for externally-accessible services');
  }
  const check = spec.healthCheckNodePort;
  if (check && !needsHealthCheck(spec)) {
    const detail = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
    yield e.invalid(at('healthCheckNodePort'), check, detail);
  } else if (check) yield* port(check, at('healthCheckNodePort'));
  if (spec.internalTrafficPolicy !== undefined) {
    yield* oneOf(spec.internalTrafficPolicy, ['Cluster', 'Local'], at('internalTrafficPolicy'), false);
  }
  if (spec.trafficDistribution !== undefined) {
    const known = ['PreferClose', 'PreferSameZone', 'PreferSameNode'];
    yield* oneOf(spec.trafficDistribution, known, at('trafficDistribution'), false);
  }
}

const once = 'may not change once set';

export function* validateServiceUpdate(next: Service, previous: Service): Iterable<FieldError> {
  const spec = next.spec ?? {};
  const before = previous.spec ?? {};
  const named = spec.type === 'ExternalName' || before.type === 'ExternalName';
  if (!named && !(isHeadless(before) && isHeadless(spec))) yield* validateKeptIPs(spec, before);
  if (!named && !isHeadless(before) && !isHeadless(spec)) yield* validateKeptFamilies(spec, before);
  if (spec.type === 'LoadBalancer' && before.type === 'LoadBalancer') {
    if (spec.loadBalancerClass !== before.loadBalancerClass) {
      yield e.invalid(at('loadBalancerClass'), spec.loadBalancerClass, once);
    }
  }
  if (needsHealthCheck(before) && needsHealthCheck(spec) && spec.healthCheckNodePort !== before.healthCheckNodePort) {
    yield e.forbidden(at('healthCheckNodePort'), 'field is immutable');
  }
}

function* validateKeptIPs(spec: ServiceSpec, before: ServiceSpec): Iterable<FieldError> {
  const ips = spec.clusterIPs ?? [];
  const old = before.clusterIPs ?? [];
  if (ips.length === old.length) {
    for (const [i, ip] of old.entries()) if (ip !== ips[i]) yield e.invalid(at('clusterIPs', i), ips, once);
    return;
  }
  if (ips.length === 0) yield e.invalid(at('clusterIPs', 0), ips, 'primary clusterIP can not be unset');
  else if (old.length > 0 && ips[0] !== old[0]) yield e.invalid(at('clusterIPs', 0), ips, once);
  if (old.length > ips.length && ips.length === 1 && spec.ipFamilyPolicy !== 'SingleStack') {
    const detail = "must be set to 'SingleStack' when releasing the secondary clusterIP";
    yield e.invalid(at('ipFamilyPolicy'), spec.ipFamilyPolicy, detail);
  }
}

function* validateKeptFamilies(spec: ServiceSpec, before: ServiceSpec): Iterable<FieldError> {
  const families = spec.ipFamilies ?? [];
  const old = before.ipFamilies ?? [];
  if (families.length === old.length) {
    for (const [i, family] of old.entries()) {
      if (family !== families[i]) yield e.invalid(at('ipFamilies', 0), families, once);
    }
    return;
  }
  if (families.length > 0 && old.length > 0 && families[0] !== old[0]) {
    yield e.invalid(at('ipFamilies', 0), spec.clusterIPs, once);
  }
  if (old.length > families.length && families.length === 1 && spec.ipFamilyPolicy !== 'SingleStack') {
    const detail = "must be set to 'SingleStack' when releasing the secondary ipFamily";
    yield e.invalid(at('ipFamilyPolicy'), spec.ipFamilyPolicy, detail);
  }
}

export function* validateLoadBalancerStatus(next: Service): Iterable<FieldError> {
  const ingress = next.status?.loadBalancer?.ingress ?? [];
  const path = ['status', 'loadBalancer', 'ingress'];
  if (next.spec?.type !== 'LoadBalancer') {
    if (ingress.length > 0) yield e.forbidden(path, "may only be used when `spec.type` is 'LoadBalancer'");
    return;
  }
  for (const [i, one] of ingress.entries()) {
    if (one.ip) {
      yield* validIP(one.ip, [...path, i, 'ip']);
      if (one.ipMode === undefined) yield e.required([...path, i, 'ipMode'], 'must be specified when `ip` is set');
      else yield* oneOf(one.ipMode, ['Proxy', 'VIP'], [...path, i, 'ipMode'], false);
    } else if (one.ipMode !== undefined) {
      yield e.forbidden([...path, i, 'ipMode'], 'may not be specified when `ip` is not set');
    }
    if (one.hostname) {
      yield* matches(dnsSubdomain, one.hostname, [...path, i, 'hostname']);
      if (parseSloppy(one.hostname) !== undefined) {
        yield e.invalid([...path, i, 'hostname'], one.hostname, 'must be a DNS name, not an IP address');
      }
    }
  }
}
