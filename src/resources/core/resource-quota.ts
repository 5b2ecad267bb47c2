import { type FieldError, type FieldPath, fieldError as e } from '../../kernel/status.ts';
import { immutable } from '../shared/check.ts';
import { compareQuantities } from '../shared/quantity.ts';
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
  *warnings(next, previous) {
    if (!previous) yield* warnings(next);
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
  yield* validateScopeSelector(spec);
}

function* validateList(list: Record<string, string> | undefined, path: FieldPath): Iterable<FieldError> {
  for (const [name, value] of Object.entries(list ?? {})) {
    yield* validateQuotaResourceName(name, [...path, { key: name }]);
    yield* validateResourceQuantity(name, value, [...path, { key: name }]);
  }
}

const scopes = [
  'Terminating',
  'NotTerminating',
  'BestEffort',
  'NotBestEffort',
  'PriorityClass',
  'CrossNamespacePodAffinity',
  'VolumeAttributesClass',
];
const standard =
  /^((requests\.|limits\.)?(cpu|memory|ephemeral-storage)|(requests\.)?hugepages-.*|requests\.storage|pods|resourcequotas|services(\.nodeports|\.loadbalancers)?|replicationcontrollers|secrets|persistentvolumeclaims|configmaps)$/;
const ofPods = /^((requests\.|limits\.)?(cpu|memory)|pods)$/;

const countedIn = (name: string, scope: string): boolean => {
  if (!scopes.includes(scope)) return true;
  if (scope === 'BestEffort') return name === 'pods';
  if (scope === 'VolumeAttributesClass') return name === 'persistentvolumeclaims' || name === 'requests.storage';
  return ofPods.test(name);
};

function* validateScopes(spec: ResourceQuotaSpec): Iterable<FieldError> {
  const path = ['spec', 'scopes'];
  const given = spec.scopes ?? [];
  for (const scope of given) yield* validateScope(scope, spec, path, path, given);
  yield* validateConflicts(given, spec, path);
}

function* validateScope(
  scope: string,
  spec: ResourceQuotaSpec,
  namePath: FieldPath,
  path: FieldPath,
  value: unknown,
): Iterable<FieldError> {
  if (!scopes.includes(scope)) yield e.invalid(namePath, namePath === path ? value : scope, 'unsupported scope');
  for (const name of Object.keys(spec.hard ?? {}).sort()) {
    if (standard.test(name) && !countedIn(name, scope)) {
      yield e.invalid(path, value, 'unsupported scope applied to resource');
    }
  }
}

function* validateConflicts(given: readonly string[], spec: ResourceQuotaSpec, path: FieldPath): Iterable<FieldError> {
  for (const pair of [
    ['BestEffort', 'NotBestEffort'],
    ['Terminating', 'NotTerminating'],
  ]) {
    if (pair.every((one) => given.includes(one))) yield e.invalid(path, spec.scopes ?? [], 'conflicting scopes');
  }
}

const mustExist =
  "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity";

function* validateScopeSelector(spec: ResourceQuotaSpec): Iterable<FieldError> {
  const path = ['spec', 'scopeSelector', 'matchExpressions'];
  const expressions = spec.scopeSelector?.matchExpressions ?? [];
  const printed = {
    MatchExpressions: expressions.map((one) => ({
      ScopeName: one.scopeName ?? '',
      Operator: one.operator ?? '',
      Values: one.values ?? null,
    })),
  };
  for (const one of expressions) {
    const scope = one.scopeName ?? '';
    yield* validateScope(scope, spec, [...path, 'scopeName'], path, printed);
    if (!['PriorityClass', 'VolumeAttributesClass'].includes(scope) && scopes.includes(scope)) {
      if (one.operator !== 'Exists') yield e.invalid([...path, 'operator'], one.operator ?? '', mustExist);
    }
    yield* validateOperator(one, path);
  }
  yield* validateConflicts(
    expressions.map((one) => one.scopeName ?? ''),
    spec,
    path,
  );
}

function* validateOperator(one: ScopedResourceSelectorRequirement, path: FieldPath): Iterable<FieldError> {
  const values = one.values ?? [];
  const at = [...path, 'values'];
  if (one.operator === 'In' || one.operator === 'NotIn') {
    if (values.length > 0) return;
    yield e.required(at, "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector");
  } else if (one.operator === 'Exists' || one.operator === 'DoesNotExist') {
    if (values.length === 0) return;
    yield e.invalid(at, values, "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector");
  } else yield e.invalid([...path, 'operator'], one.operator ?? '', 'not a valid selector operator');
}

/** A request above the limit can never be met. */
function* warnings(o: ResourceQuota): Iterable<string> {
  const hard = o.spec?.hard ?? {};
  for (const name of ['cpu', 'memory', 'storage', 'ephemeral-storage']) {
    const bare = name === 'cpu' || name === 'memory' ? name : '';
    const request = `requests.${name}` in hard ? `requests.${name}` : bare;
    const limit = `limits.${name}`;
    if (hard[request] === undefined || hard[limit] === undefined) continue;
    if (compareQuantities(hard[request], hard[limit]) > 0) {
      yield `ResourceQuota ${request} (${hard[request]}) should be less than ${limit} (${hard[limit]})`;
    }
  }
}
