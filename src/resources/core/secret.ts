import { type FieldError, type FieldPath, fieldError as e } from '../../kernel/status.ts';
import { checkSyntax } from '../../schema/index.ts';
import { immutable, matches } from '../shared/check.ts';
import { configMapKey } from '../shared/names.ts';
import { ageColumn, nameColumn, resource } from '../shared/resource.ts';
import type { Secret } from '../typings/core.ts';
import { validateImmutableData } from './config-map.ts';

const limitBytes = 1 << 20;

/** core/v1 Secret. */
export const secret = resource<Secret>('/v1/secrets', {
  columns: [
    nameColumn,
    { name: 'Type', type: 'string', value: (o) => o.type ?? '' },
    { name: 'Data', type: 'string', value: (o) => Object.keys(o.data ?? {}).length },
    ageColumn,
  ],
  selectableFields: { type: (o) => o.type ?? '' },
  default(o) {
    for (const [key, value] of Object.entries(o.stringData ?? {})) {
      o.data ??= {};
      o.data[key] = Buffer.from(value).toString('base64');
    }
    delete o.stringData;
    o.type ||= 'Opaque';
  },
  prepareForUpdate(next, previous) {
    if (!next.type && previous.type) next.type = previous.type;
  },
  validate,
  *validateUpdate(next, previous) {
    yield* immutable(next.type, previous.type, ['type']);
    yield* validateImmutableData(next, previous, ['data']);
  },
});

function* validate(o: Secret): Iterable<FieldError> {
  let bytes = 0;
  for (const [key, value] of Object.entries(o.data ?? {})) {
    yield* matches(configMapKey, key, ['data', { key }]);
    bytes += Buffer.byteLength(value, 'base64');
  }
  if (bytes > limitBytes) yield e.tooLong(['data'], limitBytes);
  yield* validateType(o);
}

const at = (key: string): FieldPath => ['data', { key }];

function* validateType(o: Secret): Iterable<FieldError> {
  const data = o.data ?? {};
  switch (o.type) {
    case 'kubernetes.io/service-account-token': {
      const key = 'kubernetes.io/service-account.name';
      if (!o.metadata.annotations?.[key]) yield e.required(['metadata', 'annotations', { key }]);
      break;
    }
    case 'kubernetes.io/dockercfg':
      yield* validateJson(data, '.dockercfg');
      break;
    case 'kubernetes.io/dockerconfigjson':
      yield* validateJson(data, '.dockerconfigjson');
      break;
    case 'kubernetes.io/basic-auth':
      if (!('username' in data) && !('password' in data)) {
        yield e.required(at('username'));
        yield e.required(at('password'));
      }
      break;
    case 'kubernetes.io/ssh-auth':
      if (!data['ssh-privatekey']) yield e.required(at('ssh-privatekey'));
      break;
    case 'kubernetes.io/tls':
      if (!('tls.crt' in data)) yield e.required(at('tls.crt'));
      if (!('tls.key' in data)) yield e.required(at('tls.key'));
  }
}

function* validateJson(data: Record<string, string>, key: string): Iterable<FieldError> {
  const value = data[key];
  if (value === undefined) {
    yield e.required(at(key));
    return;
  }
  try {
    checkSyntax(Buffer.from(value, 'base64').toString());
  } catch (error) {
    yield e.invalid(at(key), '<secret contents redacted>', (error as Error).message);
  }
}
