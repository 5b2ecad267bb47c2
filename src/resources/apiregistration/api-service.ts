import { type FieldError, fieldError as e } from '../../kernel/status.ts';
import { matches } from '../shared/check.ts';
import { dnsLabel1035, dnsSubdomain, pathSegment } from '../shared/names.ts';
import { ageColumn, nameColumn, resource, statusSubresource } from '../shared/resource.ts';
import { validateServiceReference } from '../shared/webhook.ts';
import type { APIService } from '../typings/apiregistration.ts';

/** apiregistration.k8s.io/v1 APIService. */
export const apiService = resource<APIService>('apiregistration.k8s.io/v1/apiservices', {
  anyFinalizer: true,
  columns: [
    nameColumn,
    {
      name: 'Service',
      type: 'string',
      value: (o) => (o.spec?.service ? `${o.spec.service.namespace}/${o.spec.service.name}` : 'Local'),
    },
    { name: 'Available', type: 'string', value: availableCell },
    ageColumn,
  ],
  requiresResourceVersion: true,
  default(o) {
    if (o.spec?.service) o.spec.service.port ??= 443;
  },
  prepareForCreate(o) {
    // Nothing has to be reached for a group that this server serves itself.
    if (o.spec?.service) return;
    o.status = {
      conditions: [
        { type: 'Available', status: 'True', reason: 'Local', message: 'Local APIServices are always available' },
      ],
    };
  },
  validateName: pathSegment,
  validate,
  subresources: { status: statusSubresource<APIService>({ keepMetadata: true }) },
});

function availableCell(o: APIService): string {
  const condition = o.status?.conditions?.find((one) => one.type === 'Available');
  if (!condition) return 'Unknown';
  return condition.status === 'True' ? 'True' : `${condition.status} (${condition.reason ?? ''})`;
}

function* validate(o: APIService): Iterable<FieldError> {
  const spec = o.spec ?? {};
  const version = spec.version ?? '';
  const group = spec.group ?? '';
  const wanted = `${version}.${group}`;
  if (o.metadata.name !== wanted) {
    yield e.invalid(
      ['metadata', 'name'],
      o.metadata.name,
      `must be \`spec.version+"."+spec.group\`: ${JSON.stringify(wanted)}`,
    );
  }
  if (!group && version !== 'v1') {
    yield e.required(['spec', 'group'], 'only v1 may have an empty group and it better be legacy kube');
  }
  if (group) yield* matches(dnsSubdomain, group, ['spec', 'group']);
  yield* matches(dnsLabel1035, version, ['spec', 'version']);
  for (const [field, high] of [
    ['groupPriorityMinimum', 20_000],
    ['versionPriority', 1000],
  ] as const) {
    const value = spec[field] ?? 0;
    if (value <= 0 || value > high) yield e.invalid(['spec', field], value, `must be positive and less than ${high}`);
  }
  if (!spec.service) {
    if (spec.caBundle)
      yield e.invalid(
        ['spec', 'caBundle'],
        `${spec.caBundle.length} bytes`,
        'local APIServices may not have a caBundle',
      );
    if (spec.insecureSkipTLSVerify) {
      yield e.invalid(['spec', 'insecureSkipTLSVerify'], true, 'local APIServices may not have insecureSkipTLSVerify');
    }
    return;
  }
  yield* validateServiceReference(spec.service, ['spec', 'service']);
  if (spec.insecureSkipTLSVerify && spec.caBundle) {
    yield e.invalid(['spec', 'insecureSkipTLSVerify'], true, 'may not be true if caBundle is present');
  }
}
