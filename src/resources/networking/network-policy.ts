import { type FieldError, type FieldPath, fieldError as e } from '../../kernel/status.ts';
import { oneOf, port, portOrName } from '../shared/check.ts';
import { contains, parseNetwork, toText, validCIDR } from '../shared/ip.ts';
import { formatSelector, validateLabelSelector } from '../shared/labels.ts';
import { ageColumn, nameColumn, resource } from '../shared/resource.ts';
import type { IPBlock, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort } from '../typings/networking.ts';

/** networking.k8s.io/v1 NetworkPolicy. */
export const networkPolicy = resource<NetworkPolicy>('networking.k8s.io/v1/networkpolicies', {
  columns: [
    nameColumn,
    { name: 'Pod-Selector', type: 'string', value: (o) => formatSelector(o.spec?.podSelector) },
    ageColumn,
  ],
  generation: true,
  default(o) {
    o.spec ??= {};
    const spec = o.spec;
    for (const rule of [...(spec.ingress ?? []), ...(spec.egress ?? [])]) {
      for (const one of rule.ports ?? []) one.protocol ??= 'TCP';
    }
    if ((spec.policyTypes ?? []).length === 0) {
      spec.policyTypes = (spec.egress ?? []).length > 0 ? ['Ingress', 'Egress'] : ['Ingress'];
    }
  },
  validate,
});

function* validate(o: NetworkPolicy): Iterable<FieldError> {
  const spec = o.spec ?? {};
  yield* validateLabelSelector(spec.podSelector, ['spec', 'podSelector']);
  for (const [i, rule] of (spec.ingress ?? []).entries()) {
    yield* validateRule(rule.ports, rule.from, 'from', ['spec', 'ingress', i]);
  }
  for (const [i, rule] of (spec.egress ?? []).entries()) {
    yield* validateRule(rule.ports, rule.to, 'to', ['spec', 'egress', i]);
  }
  const types = spec.policyTypes ?? [];
  if (types.length > 2) yield e.invalid(['spec', 'policyTypes'], types, 'may not specify more than two policyTypes');
  else
    for (const [i, type] of types.entries())
      yield* oneOf(type, ['Ingress', 'Egress'], ['spec', 'policyTypes', i], false);
}

function* validateRule(
  ports: readonly NetworkPolicyPort[] | undefined,
  peers: readonly NetworkPolicyPeer[] | undefined,
  field: 'from' | 'to',
  path: FieldPath,
): Iterable<FieldError> {
  for (const [i, one] of (ports ?? []).entries()) yield* validatePort(one, [...path, 'ports', i]);
  for (const [i, peer] of (peers ?? []).entries()) yield* validatePeer(peer, [...path, field, i]);
}

function* validatePort(one: NetworkPolicyPort, path: FieldPath): Iterable<FieldError> {
  if (one.protocol !== undefined) yield* oneOf(one.protocol, ['TCP', 'UDP', 'SCTP'], [...path, 'protocol'], false);
  const end = one.endPort;
  if (one.port === undefined) {
    if (end !== undefined) {
      yield e.invalid([...path, 'endPort'], end, 'may not be specified when `port` is not specified');
    }
    return;
  }
  yield* portOrName(one.port, [...path, 'port']);
  if (end === undefined) return;
  if (typeof one.port === 'string') {
    yield e.invalid([...path, 'endPort'], end, 'may not be specified when `port` is non-numeric');
    return;
  }
  if (end < one.port) yield e.invalid([...path, 'endPort'], one.port, 'must be greater than or equal to `port`');
  yield* port(end, [...path, 'endPort']);
}

function* validatePeer(peer: NetworkPolicyPeer, path: FieldPath): Iterable<FieldError> {
  yield* validateLabelSelector(peer.podSelector, [...path, 'podSelector']);
  yield* validateLabelSelector(peer.namespaceSelector, [...path, 'namespaceSelector']);
  if (peer.ipBlock) yield* validateBlock(peer.ipBlock, [...path, 'ipBlock']);
  if (!peer.podSelector && !peer.namespaceSelector && !peer.ipBlock) yield e.required(path, 'must specify a peer');
  else if (peer.ipBlock && (peer.podSelector || peer.namespaceSelector)) {
    yield e.forbidden(path, 'may not specify both ipBlock and another peer');
  }
}

function* validateBlock(block: IPBlock, path: FieldPath): Iterable<FieldError> {
  if (!block.cidr) {
    yield e.required([...path, 'cidr']);
    return;
  }
  yield* validCIDR(block.cidr, [...path, 'cidr']);
  const whole = parseNetwork(block.cidr);
  if (!whole) return;
  for (const [i, text] of (block.except ?? []).entries()) {
    yield* validCIDR(text, [...path, 'except', i]);
    const part = parseNetwork(text);
    if (!part) continue;
    const inside = contains(whole, toText(part.base, part.family)) && part.prefixLength > whole.prefixLength;
    if (!inside) yield e.invalid([...path, 'except', i], text, 'must be a strict subset of `cidr`');
  }
}
