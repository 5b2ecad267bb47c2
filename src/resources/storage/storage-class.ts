import { type FieldError, type FieldPath, fieldError as e } from '../../kernel/status.ts';
import { immutable, matches, oneOf } from '../shared/check.ts';
import { qualifiedName } from '../shared/names.ts';
import { ageColumn, resource } from '../shared/resource.ts';
import type { StorageClass } from '../typings/storage.ts';

const defaultAnnotations = [
  'storageclass.kubernetes.io/is-default-class',
  'storageclass.beta.kubernetes.io/is-default-class',
];

/** storage.k8s.io/v1 StorageClass. */
export const storageClass = resource<StorageClass>('storage.k8s.io/v1/storageclasses', {
  returnsDeletedObject: true,
  columns: [
    {
      name: 'Name',
      type: 'string',
      format: 'name',
      value: (o) => {
        const isDefault = defaultAnnotations.some((key) => o.metadata.annotations?.[key] === 'true');
        return `${o.metadata.name}${isDefault ? ' (default)' : ''}`;
      },
    },
    { name: 'Provisioner', type: 'string', value: (o) => o.provisioner ?? '' },
    { name: 'ReclaimPolicy', type: 'string', value: (o) => o.reclaimPolicy ?? 'Delete' },
    { name: 'VolumeBindingMode', type: 'string', value: (o) => o.volumeBindingMode ?? 'Immediate' },
    { name: 'AllowVolumeExpansion', type: 'string', value: (o) => o.allowVolumeExpansion ?? false },
    ageColumn,
  ],
  default(o) {
    o.reclaimPolicy ??= 'Delete';
    o.volumeBindingMode ??= 'Immediate';
  },
  validate,
  *validateUpdate(next, previous) {
    for (const field of ['parameters', 'provisioner', 'reclaimPolicy', 'volumeBindingMode'] as const) {
      yield* immutable(next[field], previous[field], [field]);
    }
  },
});

const parametersLimitBytes = 256 << 10;

function* validate(o: StorageClass): Iterable<FieldError> {
  if (!o.provisioner) yield e.required(['provisioner']);
  else yield* matches((value) => qualifiedName(value.toLowerCase()), o.provisioner, ['provisioner']);
  yield* validateParameters(o.parameters);
  if (o.reclaimPolicy !== undefined) yield* oneOf(o.reclaimPolicy, ['Delete', 'Retain'], ['reclaimPolicy']);
  yield* oneOf(o.volumeBindingMode, ['Immediate', 'WaitForFirstConsumer'], ['volumeBindingMode'], false);
  for (const [i, term] of (o.allowedTopologies ?? []).entries()) {
    yield* validateTopology(term.matchLabelExpressions ?? [], ['allowedTopologies', i, 'matchLabelExpressions']);
  }
}

function* validateTopology(
  expressions: readonly { key?: string; values?: string[] }[],
  path: FieldPath,
): Iterable<FieldError> {
  const keys = new Set<string>();
  for (const [i, one] of expressions.entries()) {
    const key = one.key ?? '';
    const values = one.values ?? [];
    if (values.length === 0) yield e.required([...path, i, 'values']);
    for (const [j, value] of values.entries()) {
      if (values.indexOf(value) < j) yield e.duplicate([...path, i, 'values', j], value);
    }
    yield* matches(qualifiedName, key, [...path, i, 'key']);
    if (keys.has(key)) yield e.duplicate([...path, i, 'key'], key);
    keys.add(key);
  }
}

export function* validateParameters(parameters: Record<string, string> | undefined): Iterable<FieldError> {
  let bytes = 0;
  for (const [key, value] of Object.entries(parameters ?? {})) {
    if (!key) yield e.invalid(['parameters'], key, 'field can not be empty.');
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  if (bytes > parametersLimitBytes) yield e.tooLong(['parameters'], parametersLimitBytes);
  const count = Object.keys(parameters ?? {}).length;
  if (count > 512)
    yield { ...e.tooLong(['parameters'], 512), message: 'Too long: Provisioner Parameters exceeded max allowed' };
}
