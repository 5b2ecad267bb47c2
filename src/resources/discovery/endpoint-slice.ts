import { type FieldError, type FieldPath, fieldError as e } from '../../kernel/status.ts';
import { endpointAddressAllowed } from '../core/endpoints.ts';
import { withMore } from '../shared/cells.ts';
import { immutable, matches, oneOf } from '../shared/check.ts';
import { semanticEqual } from '../shared/equal.ts';
import { familyOf, ipWarnings, validIP } from '../shared/ip.ts';
import { validateLabels } from '../shared/labels.ts';
import { dnsLabel, dnsSubdomain, labelValue, qualifiedName, type StringRule } from '../shared/names.ts';
import { ageColumn, nameColumn, resource } from '../shared/resource.ts';
import type { Endpoint, EndpointSlice } from '../typings/discovery.ts';

/** discovery.k8s.io/v1 EndpointSlice. */
export const endpointSlice = resource<EndpointSlice>('discovery.k8s.io/v1/endpointslices', {
  columns: [
    nameColumn,
    { name: 'AddressType', type: 'string', value: (o) => o.addressType ?? '' },
    {
      name: 'Ports',
      type: 'string',
      value: (o) =>
        withMore(
          (o.ports ?? []).map((one) => String(one.port ?? one.name ?? '*')),
          3,
        ),
    },
    {
      name: 'Endpoints',
      type: 'string',
      value: (o) =>
        withMore(
          (o.endpoints ?? []).flatMap((one) => one.addresses ?? []),
          3,
        ),
    },
    ageColumn,
  ],
  generation: (next, previous) =>
    !semanticEqual(withoutMetadata(next), withoutMetadata(previous)) ||
    !semanticEqual(next.metadata.labels, previous.metadata.labels, 'labels'),
  default(o) {
    for (const one of o.ports ?? []) {
      one.name ??= '';
      one.protocol ??= 'TCP';
    }
  },
  validate,
  *validateUpdate(next, previous) {
    yield* immutable(next.addressType, previous.addressType, ['addressType']);
  },
  *warnings(next, previous) {
    if (!previous && next.addressType === 'FQDN') yield 'addressType: FQDN endpoints are deprecated';
    if (next.addressType === 'FQDN') return;
    for (const [i, endpoint] of (next.endpoints ?? []).entries()) {
      for (const [j, address] of (endpoint.addresses ?? []).entries()) {
        yield* ipWarnings(address, ['endpoints', i, 'addresses', j]);
      }
    }
  },
});

const withoutMetadata = ({ metadata: _, ...rest }: EndpointSlice): object => rest;

function* validate(o: EndpointSlice): Iterable<FieldError> {
  yield* oneOf(o.addressType, ['FQDN', 'IPv4', 'IPv6'], ['addressType']);
  const endpoints = o.endpoints ?? [];
  if (endpoints.length > 1000) yield e.tooMany(['endpoints'], endpoints.length, 1000);
  else for (const [i, one] of endpoints.entries()) yield* validateEndpoint(one, o.addressType ?? '', ['endpoints', i]);
  yield* validatePorts(o);
}

function* validateEndpoint(one: Endpoint, addressType: string, path: FieldPath): Iterable<FieldError> {
  const addresses = one.addresses ?? [];
  if (addresses.length === 0) yield e.required([...path, 'addresses'], 'must contain at least 1 address');
  if (addresses.length > 100) yield e.tooMany([...path, 'addresses'], addresses.length, 100);
  for (const [j, address] of addresses.entries()) {
    const at = [...path, 'addresses', j];
    if (addressType === 'FQDN') {
      yield* matches(dnsSubdomain, address, at);
      continue;
    }
    if (addressType !== 'IPv4' && addressType !== 'IPv6') continue;
    const problems = [...validIP(address, at)];
    yield* problems;
    if (problems.length > 0) continue;
    if (familyOf(address) !== addressType) {
      yield e.invalid([...path, 'addresses'], address, `must be an ${addressType} address`);
    }
    yield* endpointAddressAllowed(address, at);
  }
  if (one.nodeName !== undefined) yield* matches(dnsSubdomain, one.nodeName, [...path, 'nodeName']);
  if (one.hostname !== undefined) yield* matches(dnsLabel, one.hostname, [...path, 'hostname']);
  const topology = one.deprecatedTopology ?? {};
  if (Object.keys(topology).length > 16)
    yield e.tooMany([...path, 'deprecatedTopology'], Object.keys(topology).length, 16);
  yield* validateLabels(topology, [...path, 'deprecatedTopology']);
  yield* validateHints(one.hints?.forZones ?? [], labelValue, [...path, 'hints', 'forZones']);
  yield* validateHints(one.hints?.forNodes ?? [], dnsSubdomain, [...path, 'hints', 'forNodes']);
}

const maxHints = 8;

function* validateHints(hints: readonly { name?: string }[], rule: StringRule, path: FieldPath): Iterable<FieldError> {
  if (hints.length > maxHints) {
    yield e.tooMany(path, hints.length, maxHints);
    return;
  }
  const names = hints.map((one) => one.name ?? '');
  for (const [i, name] of names.entries()) {
    if (names.indexOf(name) < i) yield e.duplicate([...path, i, 'name'], name);
    yield* matches(rule, name, [...path, i, 'name']);
  }
}

function* validatePorts(o: EndpointSlice): Iterable<FieldError> {
  const ports = o.ports ?? [];
  if (ports.length > 20_000) yield e.tooMany(['ports'], ports.length, 20_000);
  const names = new Set<string>();
  for (const [i, one] of ports.entries()) {
    const at: FieldPath = ['ports', i];
    const name = one.name ?? '';
    if (name) yield* matches(dnsLabel, name, [...at, 'name']);
    if (names.has(name)) yield e.duplicate([...at, 'name'], name);
    names.add(name);
    yield* oneOf(one.protocol, ['SCTP', 'TCP', 'UDP'], [...at, 'protocol']);
    if (one.appProtocol !== undefined) yield* matches(qualifiedName, one.appProtocol, [...at, 'appProtocol']);
  }
}
