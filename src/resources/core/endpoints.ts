import { isIPv6 } from 'node:net';
import { type FieldError, type FieldPath, fieldError as e } from '../../kernel/status.ts';
import { matches, oneOf, port, required } from '../shared/check.ts';
import { since, withMore } from '../shared/cells.ts';
import { ipWarnings, parseSloppy, validIP } from '../shared/ip.ts';
import { dnsLabel, dnsSubdomain } from '../shared/names.ts';
import { nameColumn, resource } from '../shared/resource.ts';
import type { EndpointAddress, EndpointPort, Endpoints } from '../typings/core.ts';

/** core/v1 Endpoints. */
export const endpoints = resource<Endpoints>('/v1/endpoints', {
  columns: [
    nameColumn,
    { name: 'Endpoints', type: 'string', value: endpointsCell },
    { name: 'Age', type: 'string', value: (o, nowMs) => since(o.metadata.creationTimestamp, nowMs) },
  ],
  deprecation: 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice',
  allowCreateOnUpdate: true,
  default(o) {
    for (const subset of o.subsets ?? []) for (const one of subset.ports ?? []) one.protocol ||= 'TCP';
  },
  validate,
  *warnings(o) {
    for (const [i, subset] of (o.subsets ?? []).entries()) {
      for (const field of ['addresses', 'notReadyAddresses'] as const) {
        for (const [j, address] of (subset[field] ?? []).entries()) {
          yield* ipWarnings(address.ip ?? '', ['subsets', i, field, j, 'ip']);
        }
      }
    }
  },
});

function endpointsCell(o: Endpoints): string {
  if ((o.subsets ?? []).length === 0) return '<none>';
  const items: string[] = [];
  for (const { addresses = [], ports = [] } of o.subsets ?? []) {
    const ips = addresses.map((address) => address.ip ?? '');
    if (ports.length === 0) items.push(...ips);
    for (const one of ports) items.push(...ips.map((ip) => `${isIPv6(ip) ? `[${ip}]` : ip}:${one.port ?? 0}`));
  }
  return withMore(items, 3, ',', '');
}

function* validate(o: Endpoints): Iterable<FieldError> {
  for (const [i, subset] of (o.subsets ?? []).entries()) {
    const at: FieldPath = ['subsets', i];
    const { addresses = [], notReadyAddresses = [], ports = [] } = subset;
    if (addresses.length === 0 && notReadyAddresses.length === 0) {
      yield e.required(at, 'must specify `addresses` or `notReadyAddresses`');
    }
    for (const [j, address] of addresses.entries()) yield* validateAddress(address, [...at, 'addresses', j]);
    for (const [j, address] of notReadyAddresses.entries()) {
      yield* validateAddress(address, [...at, 'notReadyAddresses', j]);
    }
    for (const [j, one] of ports.entries()) yield* validatePort(one, ports.length > 1, [...at, 'ports', j]);
  }
}

function* validateAddress(address: EndpointAddress, path: FieldPath): Iterable<FieldError> {
  yield* validIP(address.ip, [...path, 'ip']);
  if (address.hostname) yield* matches(dnsLabel, address.hostname, [...path, 'hostname']);
  if (address.nodeName !== undefined) yield* matches(dnsSubdomain, address.nodeName, [...path, 'nodeName']);
  yield* endpointAddressAllowed(address.ip ?? '', [...path, 'ip']);
}

/** Traffic to these would leave the network or come back to the host. */
export function* endpointAddressAllowed(address: string, path: FieldPath): Iterable<FieldError> {
  if (parseSloppy(address) === undefined) {
    yield e.invalid(path, address, 'must be a valid IP address');
    return;
  }
  if (address === '0.0.0.0' || address === '::') yield e.invalid(path, address, `may not be unspecified (${address})`);
  if (address.startsWith('127.') || address === '::1') {
    yield e.invalid(path, address, 'may not be in the loopback range (127.0.0.0/8, ::1/128)');
  }
  if (address.startsWith('169.254.') || /^fe[89ab]/i.test(address)) {
    yield e.invalid(path, address, 'may not be in the link-local range (169.254.0.0/16, fe80::/10)');
  }
  if (/^224\.0\.0\./.test(address) || /^ff02:/i.test(address)) {
    yield e.invalid(path, address, 'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)');
  }
}

function* validatePort(one: EndpointPort, needsName: boolean, path: FieldPath): Iterable<FieldError> {
  if (needsName) yield* required(one.name, [...path, 'name']);
  if (one.name) yield* matches(dnsLabel, one.name, [...path, 'name']);
  yield* port(one.port, [...path, 'port']);
  yield* oneOf(one.protocol, ['SCTP', 'TCP', 'UDP'], [...path, 'protocol']);
}
