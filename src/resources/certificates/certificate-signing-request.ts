import { formatTime } from '../../kernel/clock.ts';
import { type FieldError, type FieldPath, fieldError as e } from '../../kernel/status.ts';
import type { HookContext, ObjectSubresource } from '../define.ts';
import { humanDuration } from '../shared/cells.ts';
import { semanticEqual } from '../shared/equal.ts';
import { dnsSubdomain, pathSegment } from '../shared/names.ts';
import { ageColumn, nameColumn, objectVerbs, resource, statusSubresource } from '../shared/resource.ts';
import type {
  CertificateSigningRequest as CSR,
  CertificateSigningRequestCondition as Condition,
} from '../typings/certificates.ts';
import { requestProblem } from './request.ts';

/** certificates.k8s.io/v1 CertificateSigningRequest. */
export const certificateSigningRequest = resource<CSR>('certificates.k8s.io/v1/certificatesigningrequests', {
  columns: [
    nameColumn,
    ageColumn,
    { name: 'SignerName', type: 'string', value: (o) => o.spec?.signerName || '<none>' },
    { name: 'Requestor', type: 'string', value: (o) => o.spec?.username ?? '' },
    {
      name: 'RequestedDuration',
      type: 'string',
      value: (o) =>
        o.spec?.expirationSeconds === undefined ? '<none>' : humanDuration(o.spec.expirationSeconds * 1000),
    },
    { name: 'Condition', type: 'string', value: conditionCell },
  ],
  selectableFields: { 'spec.signerName': (o) => o.spec?.signerName ?? '' },
  prepareForCreate: setRequestor,
  prepareForUpdate(next, previous) {
    if (previous.spec) next.spec = previous.spec;
  },
  validateName: pathSegment,
  validate,
  subresources: {
    status: statusSubresource<CSR>({ finish: finishStatus, validateUpdate: validateStatus }),
    approval: approval(),
  },
});

function conditionCell(o: CSR): string {
  const types = new Set((o.status?.conditions ?? []).map((condition) => condition.type));
  const decision = types.has('Denied') ? 'Denied' : types.has('Approved') ? 'Approved' : 'Pending';
  return [decision, ...(types.has('Failed') ? ['Failed'] : []), ...(o.status?.certificate ? ['Issued'] : [])].join(',');
}

/** Who asks is what the request was authenticated as, whatever the body says. */
function setRequestor(o: CSR, { user }: HookContext): void {
  const { username: _, uid: __, groups: ___, extra: ____, ...spec } = o.spec ?? {};
  const extra = Object.fromEntries(Object.entries(user.extra ?? {}).map(([key, values]) => [key, [...values]]));
  o.spec = {
    ...spec,
    username: user.name,
    ...(user.uid && { uid: user.uid }),
    ...(user.groups.length > 0 && { groups: [...user.groups] }),
    ...(Object.keys(extra).length > 0 && { extra }),
  };
  o.status = {};
}

function* validate(o: CSR): Iterable<FieldError> {
  const spec = o.spec ?? {};
  const problem = requestProblem(spec.request ?? '');
  if (problem) yield e.invalid(['spec', 'request'], spec.request ?? '', problem);
  const usages = spec.usages ?? [];
  if (usages.length === 0) yield e.required(['spec', 'usages']);
  for (const [i, usage] of usages.entries()) {
    if (!knownUsages.includes(usage)) yield e.notSupported(['spec', 'usages', i], usage, [...knownUsages].sort());
    if (usages.indexOf(usage) < i) yield e.duplicate(['spec', 'usages', i], usage);
  }
  yield* validateSignerName(spec.signerName ?? '', ['spec', 'signerName']);
  const seconds = spec.expirationSeconds;
  if (seconds !== undefined && seconds < 600) {
    yield e.invalid(
      ['spec', 'expirationSeconds'],
      seconds,
      'may not specify a duration less than 600 seconds (10 minutes)',
    );
  }
}

const knownUsages = [
  'signing',
  'digital signature',
  'content commitment',
  'key encipherment',
  'key agreement',
  'data encipherment',
  'cert sign',
  'crl sign',
  'encipher only',
  'decipher only',
  'any',
  'server auth',
  'client auth',
  'code signing',
  'email protection',
  's/mime',
  'ipsec end system',
  'ipsec tunnel',
  'ipsec user',
  'timestamping',
  'ocsp signing',
  'microsoft sgc',
  'netscape sgc',
];

/** `example.com/signer.path`. */
export function* validateSignerName(name: string, path: FieldPath): Iterable<FieldError> {
  if (!name) {
    yield e.required(path);
    return;
  }
  const segments = name.split('/');
  const [domain = '', rest = ''] = segments;
  if (segments.length !== 2) {
    yield e.invalid(path, name, "must be a fully qualified domain and path of the form 'example.com/signer-name'");
    return;
  }
  if (dnsSubdomain(domain).length > 0)
    yield e.invalid(path, domain, `validating label "${domain}": ${dnsSubdomain(domain)[0]}`);
  else if (domain.split('.').length < 2) {
    yield e.invalid(path, domain, 'should be a domain with at least two segments separated by dots');
  }
  for (const label of rest.split('.')) {
    for (const message of dnsSubdomain(label.toLowerCase()))
      yield e.invalid(path, rest, `validating label "${label}": ${message}`);
  }
  if (name.length > 571) yield e.tooLong(path, 571);
}

/** Approval is given through its own subresource: here it stays as it is, and adding or removing it is an error. */
function finishStatus(merged: CSR, previous: CSR, context: HookContext): void {
  let conditions = merged.status?.conditions ?? [];
  for (const type of ['Approved', 'Denied']) {
    const old = (previous.status?.conditions ?? []).filter((condition) => condition.type === type);
    if (conditions.filter((condition) => condition.type === type).length !== old.length) continue;
    conditions = conditions.map((condition) => (condition.type === type ? (old.shift() ?? condition) : condition));
  }
  merged.status = { ...merged.status, conditions: stamped(conditions, previous, context.nowMs) };
  if (conditions.length === 0) delete merged.status.conditions;
}

function stamped(conditions: readonly Condition[], previous: CSR, nowMs: number): Condition[] {
  const now = formatTime(nowMs);
  const known = new Map((previous.status?.conditions ?? []).map((condition) => [condition.type, condition]));
  return conditions.map((condition) => {
    const old = known.get(condition.type);
    const lastTransitionTime =
      condition.lastTransitionTime ??
      (old && old.status === condition.status ? old.lastTransitionTime : undefined) ??
      now;
    return { ...condition, lastUpdateTime: condition.lastUpdateTime ?? now, lastTransitionTime };
  });
}

function approval(): ObjectSubresource<CSR> {
  return {
    type: 'object',
    verbs: objectVerbs,
    merge(next, previous, { nowMs }) {
      const conditions = stamped(next.status?.conditions ?? [], previous, nowMs);
      const status = { ...previous.status, conditions };
      return { ...previous, metadata: next.metadata, status };
    },
    *validateUpdate(next, previous) {
      yield* validateConditions(next, previous, ['Approved', 'Denied']);
    },
  };
}

function* validateStatus(next: CSR, previous: CSR): Iterable<FieldError> {
  yield* validateConditions(next, previous, ['Failed']);
  const before = previous.status?.certificate;
  if (before && next.status?.certificate !== before) {
    yield e.forbidden(['status', 'certificate'], 'updates may not change a non-empty certificate');
  }
  const certificate = next.status?.certificate;
  if (certificate && !before && !/-----BEGIN CERTIFICATE-----/.test(Buffer.from(certificate, 'base64').toString())) {
    const value = '<certificate data>';
    yield e.invalid(['status', 'certificate'], value, 'must contain at least one CERTIFICATE PEM block');
  }
}

const finalConditions = ['Approved', 'Denied', 'Failed'];

function* validateConditions(next: CSR, previous: CSR, mayAdd: readonly string[]): Iterable<FieldError> {
  const conditions = next.status?.conditions ?? [];
  const seen = new Set<string>();
  for (const [i, { type = '', status }] of conditions.entries()) {
    const path: FieldPath = ['status', 'conditions', i];
    if (!type) yield e.required([...path, 'type']);
    const allowed = finalConditions.includes(type) ? ['True'] : ['False', 'True', 'Unknown'];
    if (!status) yield e.required([...path, 'status']);
    else if (!allowed.includes(status)) yield e.notSupported([...path, 'status'], status, allowed);
    const opposite = type === 'Approved' ? 'Denied' : type === 'Denied' ? 'Approved' : '';
    if (opposite && seen.has(opposite)) {
      yield e.invalid(['status', 'conditions'], type, 'Approved and Denied conditions are mutually exclusive');
    }
    if (seen.has(type)) yield e.duplicate([...path, 'type'], type);
    seen.add(type);
  }
  for (const type of finalConditions) {
    const of = (o: CSR): Condition[] => (o.status?.conditions ?? []).filter((one) => one.type === type);
    if (semanticEqual(of(next), of(previous))) continue;
    if (of(next).length < of(previous).length) {
      yield e.forbidden(['status', 'conditions'], `updates may not remove a condition of type "${type}"`);
    } else if (of(previous).length === 0 && !mayAdd.includes(type)) {
      yield e.forbidden(['status', 'conditions'], `updates may not add a condition of type "${type}"`);
    }
  }
}
