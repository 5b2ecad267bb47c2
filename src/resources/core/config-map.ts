import { type FieldError, fieldError as e } from '../../kernel/status.ts';
import { matches } from '../shared/check.ts';
import { semanticEqual } from '../shared/equal.ts';
import { configMapKey } from '../shared/names.ts';
import { ageColumn, nameColumn, resource } from '../shared/resource.ts';
import type { ConfigMap } from '../typings/core.ts';

const limitBytes = 1 << 20;

/** core/v1 ConfigMap. Immutability: KEP-1412. */
export const configMap = resource<ConfigMap>('/v1/configmaps', {
  columns: [
    nameColumn,
    {
      name: 'Data',
      type: 'string',
      value: (o) => Object.keys(o.data ?? {}).length + Object.keys(o.binaryData ?? {}).length,
    },
    ageColumn,
  ],
  validate,
  validateUpdate: (next, previous) => validateImmutableData(next, previous, ['data', 'binaryData']),
});

function* validate(map: ConfigMap): Iterable<FieldError> {
  let bytes = 0;
  for (const [key, value] of Object.entries(map.data ?? {})) {
    yield* matches(configMapKey, key, ['data', { key }]);
    if (map.binaryData && key in map.binaryData) {
      yield e.invalid(['data', { key }], key, 'duplicate of key present in binaryData');
    }
    bytes += Buffer.byteLength(value);
  }
  for (const [key, value] of Object.entries(map.binaryData ?? {})) {
    yield* matches(configMapKey, key, ['binaryData', { key }]);
    bytes += Buffer.byteLength(value, 'base64');
  }
  if (bytes > limitBytes) yield e.tooLong([{ key: '' }], limitBytes);
}

interface Immutable {
  immutable?: boolean;
}

/** Shared with Secret: once immutable, always; and then nothing of the data changes. */
export function* validateImmutableData<T extends Immutable>(
  next: T,
  previous: T,
  fields: readonly (keyof T & string)[],
): Iterable<FieldError> {
  if (!previous.immutable) return;
  const detail = 'field is immutable when `immutable` is set';
  if (!next.immutable) yield e.forbidden(['immutable'], detail);
  for (const field of fields) {
    if (!semanticEqual(next[field], previous[field], field)) yield e.forbidden([field], detail);
  }
}
