import { type FieldError, type FieldPath, fieldError as e } from '../../kernel/status.ts';
import { loadBalancerAddresses, withMore } from '../shared/cells.ts';
import { matches, port, required } from '../shared/check.ts';
import { ipWarnings, parseSloppy, validIP } from '../shared/ip.ts';
import { dnsLabel, dnsSubdomain, pathSegment, portName, wildcardDnsSubdomain } from '../shared/names.ts';
import { ageColumn, nameColumn, resource, statusSubresource } from '../shared/resource.ts';
import type { HTTPIngressPath, Ingress, IngressBackend, IngressRule, IngressSpec } from '../typings/networking.ts';

const classAnnotation = 'kubernetes.io/ingress.class';

/** networking.k8s.io/v1 Ingress. */
export const ingress = resource<Ingress>('networking.k8s.io/v1/ingresses', {
  columns: [
    nameColumn,
    { name: 'Class', type: 'string', value: (o) => o.spec?.ingressClassName ?? '<none>' },
    { name: 'Hosts', type: 'string', value: hostsCell },
    { name: 'Address', type: 'string', value: (o) => loadBalancerAddresses(o.status?.loadBalancer?.ingress).join(',') },
    { name: 'Ports', type: 'string', value: (o) => ((o.spec?.tls ?? []).length > 0 ? '80, 443' : '80') },
    ageColumn,
  ],
  generation: true,
  validate: (o) => validateSpec(o.spec ?? {}),
  *validateCreate(o) {
    const annotation = o.metadata.annotations?.[classAnnotation];
    const name = o.spec?.ingressClassName;
    if (annotation !== undefined && name !== undefined && annotation !== name) {
      const detail = 'must match `ingressClassName` when both are specified';
      yield e.invalid(['annotations', classAnnotation], annotation, detail);
    }
  },
  *warnings(next, previous) {
    const annotated = next.metadata.annotations?.[classAnnotation] !== undefined;
    if (!previous && annotated && next.spec?.ingressClassName === undefined) {
      yield `annotation "${classAnnotation}" is deprecated, please use 'spec.ingressClassName' instead`;
    }
    for (const [i, one] of (next.status?.loadBalancer?.ingress ?? []).entries()) {
      if (one.ip) yield* ipWarnings(one.ip, ['status', 'loadBalancer', 'ingress', i]);
    }
  },
  subresources: { status: statusSubresource<Ingress>({ validateUpdate: validateStatus }) },
});

function hostsCell(o: Ingress): string {
  const rules = o.spec?.rules ?? [];
  const shown: string[] = [];
  let more = false;
  for (const rule of rules) {
    if (shown.length === 3) more = true;
    if (!more && rule.host) shown.push(rule.host);
  }
  if (shown.length === 0) return '*';
  return more ? `${shown.join(',')} + ${rules.length - 3} more...` : withMore(shown, 3);
}

function* validateSpec(spec: IngressSpec): Iterable<FieldError> {
  if ((spec.rules ?? []).length === 0 && !spec.defaultBackend) {
    yield e.invalid(['spec'], spec.rules ?? null, 'either `defaultBackend` or `rules` must be specified');
  }
  if (spec.defaultBackend) yield* validateBackend(spec.defaultBackend, ['spec', 'defaultBackend']);
  for (const [i, rule] of (spec.rules ?? []).entries()) yield* validateRule(rule, ['spec', 'rules', i]);
  for (const [i, tls] of (spec.tls ?? []).entries()) {
    for (const [j, host] of (tls.hosts ?? []).entries()) {
      yield* matches(host.includes('*') ? wildcardDnsSubdomain : dnsSubdomain, host, ['spec', 'tls', i, 'hosts', j]);
    }
    if (tls.secretName) yield* matches(dnsSubdomain, tls.secretName, ['spec', 'tls', i, 'secretName']);
  }
  if (spec.ingressClassName !== undefined) {
    yield* matches(dnsSubdomain, spec.ingressClassName, ['spec', 'ingressClassName']);
  }
}

const notAnAddress = 'must be a DNS name, not an IP address';

function* validateRule(rule: IngressRule, path: FieldPath): Iterable<FieldError> {
  const host = rule.host ?? '';
  if (host) {
    if (parseSloppy(host) !== undefined) yield e.invalid([...path, 'host'], host, notAnAddress);
    yield* matches(host.includes('*') ? wildcardDnsSubdomain : dnsSubdomain, host, [...path, 'host']);
  }
  if (!rule.http) return;
  const paths = rule.http.paths ?? [];
  if (paths.length === 0) yield e.required([...path, 'http', 'paths']);
  for (const [i, one] of paths.entries()) yield* validatePath(one, [...path, 'http', 'paths', i]);
}

function* validatePath(one: HTTPIngressPath, path: FieldPath): Iterable<FieldError> {
  const text = one.path ?? '';
  const at = [...path, 'path'];
  switch (one.pathType) {
    case undefined:
    case null:
      yield e.required([...path, 'pathType'], 'pathType must be specified');
      return;
    case 'Exact':
    case 'Prefix':
      if (!text.startsWith('/')) yield e.invalid(at, text, 'must be an absolute path');
      for (const part of ['//', '/./', '/../', '%2f', '%2F']) {
        if (text.includes(part)) yield e.invalid(at, text, `must not contain '${part}'`);
      }
      for (const end of ['/..', '/.']) if (text.endsWith(end)) yield e.invalid(at, text, `cannot end with '${end}'`);
      break;
    case 'ImplementationSpecific':
      if (text && !text.startsWith('/')) yield e.invalid(at, text, 'must be an absolute path');
      break;
    default:
      yield e.notSupported([...path, 'pathType'], one.pathType, ['Exact', 'ImplementationSpecific', 'Prefix']);
  }
  yield* validateBackend(one.backend ?? {}, [...path, 'backend']);
}

function* validateBackend(backend: IngressBackend, path: FieldPath): Iterable<FieldError> {
  const { resource: reference, service } = backend;
  if (reference && service) yield e.invalid(path, '', 'cannot set both resource and service backends');
  else if (reference) {
    const at = [...path, 'resource'];
    if (reference.apiGroup) yield* matches(dnsSubdomain, reference.apiGroup, [...at, 'apiGroup']);
    for (const field of ['kind', 'name'] as const) {
      yield* required(reference[field], [...at, field]);
      yield* matches(pathSegment, reference[field], [...at, field]);
    }
  } else if (service) {
    const at = [...path, 'service'];
    if (!service.name) yield e.required([...at, 'name']);
    else yield* matches(dnsLabel, service.name, [...at, 'name']);
    const { name, number } = service.port ?? {};
    if (name && number) yield e.invalid(path, '', 'cannot set both port name & port number');
    else if (name) yield* matches(portName, name, [...at, 'port', 'name']);
    else if (number) yield* port(number, [...at, 'port', 'number']);
    else yield e.required(path, 'port name or number is required');
  } else yield e.invalid(path, '', 'resource or service backend is required');
}

function* validateStatus(o: Ingress): Iterable<FieldError> {
  for (const [i, one] of (o.status?.loadBalancer?.ingress ?? []).entries()) {
    const path: FieldPath = ['status', 'loadBalancer', 'ingress', i];
    if (one.ip) yield* validIP(one.ip, [...path, 'ip']);
    if (!one.hostname) continue;
    yield* matches(dnsSubdomain, one.hostname, [...path, 'hostname']);
    if (parseSloppy(one.hostname) !== undefined) yield e.invalid([...path, 'hostname'], one.hostname, notAnAddress);
  }
}
