import { type FieldError, type FieldPath, fieldError as e } from '../../kernel/status.ts';
import { immutable } from '../shared/check.ts';
import { ageColumn, nameColumn, resource, statusSubresource } from '../shared/resource.ts';
import type { ResourceQuota, ResourceQuotaSpec, ScopedResourceSelectorRequirement } from '../typings/core.ts';
import { roundList } from './pod/defaults.ts';
import { validateQuotaResourceName, validateResourceQuantity } from './resource-names.ts';

/** core/v1 ResourceQuota. */
export const resourceQuota = resource<ResourceQuota>('/v1/resourcequotas', {
  returnsDeletedObject: true,
  columns: [
    nameColumn,
    { name: 'Request', type: 'string', value: (o) => usageCell(o, false) },
    { name: 'Limit', type: 'string', value: (o) => usageCell(o, true) },
    ageColumn,
  ],
  default(o) {
    for (const list of [o.spec?.hard, o.status?.hard, o.status?.used]) if (list) roundList(list);
  },
  validate: (o) => validateSpec(o.spec ?? {}),
  *validateUpdate(next, previous) {
    yield* immutable([...(next.spec?.scopes ?? [])].sort(), [...(previous.spec?.scopes ?? [])].sort(), [
      'spec',
      'scopes',
    ]);
  },
  subresources: {
    status: statusSubresource<ResourceQuota>({
      *validateUpdate(next) {
        for (const field of ['hard', 'used'] as const) yield* validateList(next.status?.[field], ['status', field]);
      },
    }),
  },
});

function usageCell(o: ResourceQuota, limits: boolean): string {
  const hard = o.status?.hard ?? {};
  return Object.keys(hard)
    .sort()
    .filter((name) => name.startsWith('limits.') === limits)
    .map((name) => `${name}: ${o.status?.used?.[name] ?? '0'}/${hard[name]}`)
    .join(', ');
}

function* validateSpec(spec: ResourceQuotaSpec): Iterable<FieldError> {
  yield* validateList(spec.hard, ['spec', 'hard']);
  yield* validateScopes(spec);
  for (const [i, one] of (spec.scopeSelector?.matchExpressions ?? []).entries()) {
    yield* validateScopeRequirement(one, ['spec', 'scopeSelector', 'matchExpressions', i]);
  }
}

function* validateList(list: Record<string, string> | undefined, path: FieldPath): Iterable<FieldError> {
  for (const [name, value] of Object.entries(list ?? {})) {
    yield* validateQuotaResourceName(name, [...path, { key: name }]);
    yield* validateResourceQuantity(name, value, [...path, { key: name }]);
  }
}

const podScopes = [
  'Terminating',
  'NotTerminating',
  'BestEffort',
  'NotBestEffort',
  'PriorityClass',
  'CrossNamespacePodAffinity',
];
const scopes = [...podScopes, 'VolumeAttributesClass'];
const exclusive = [
  ['Terminating', 'NotTerminating'],
  ['BestEffort', 'NotBestEffort'],
] as const;

function* validateScopes(spec: ResourceQuotaSpec): Iterable<FieldError> {
  const set = new Set(spec.scopes ?? []);
  for (const scope of set) {
    if (!scopes.includes(scope)) yield e.invalid(['spec', 'scopes'], spec.scopes, 'unsupported scope');
    for (const name of Object.keys(spec.hard ?? {})) {
      if (scopes.includes(scope) && scope !== 'VolumeAttributesClass' && !isPodResource(name, scope)) {
        yield e.invalid(['spec', 'scopes'], spec.scopes, 'unsupported scope applied to resource');
      }
    }
  }
  for (const [a, b] of exclusive) {
    if (set.has(a) && set.has(b)) yield e.invalid(['spec', 'scopes'], spec.scopes, 'conflicting scopes');
  }
}

const computeResource = /^((requests|limits)\.)?(cpu|memory|ephemeral-storage|hugepages-.*)$/;

const isPodResource = (name: string, scope: string): boolean =>
  name === 'pods' || (scope !== 'BestEffort' && (computeResource.test(name) || name.startsWith('requests.')));

function* validateScopeRequirement(one: ScopedResourceSelectorRequirement, path: FieldPath): Iterable<FieldError> {
  const values = one.values ?? [];
  if (!scopes.includes(one.scopeName ?? '')) {
    yield e.invalid([...path, 'scopeName'], one.scopeName ?? '', 'unsupported scope');
  }
  switch (one.operator) {
    case 'In':
    case 'NotIn':
      if (values.length === 0) {
        yield e.required(
          [...path, 'values'],
          "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector",
        );
      }
      break;
    case 'Exists':
    case 'DoesNotExist':
      if (values.length > 0) {
        yield e.invalid(
          [...path, 'values'],
          values,
          "must be no value when `operator` is 'Exists' or 'DoesNotExist' for scope selector",
        );
      }
      break;
    default:
      yield e.invalid([...path, 'operator'], one.operator ?? '', 'not a valid selector operator');
  }
}
