// Environment variables, and the downward API fields that they and volumes may name.
import { type FieldError, type FieldPath, fieldError as e } from '../../../kernel/status.ts';
import { matches, noBacksteps, requiredMatch } from '../../shared/check.ts';
import { configMapKey, dnsLabel, dnsSubdomain, envVarName, qualifiedName } from '../../shared/names.ts';
import { nanos } from '../../shared/quantity.ts';
import type {
  EnvFromSource,
  EnvVar,
  EnvVarSource,
  ObjectFieldSelector,
  ResourceFieldSelector,
} from '../../typings/core.ts';

export function* validateEnvironment(variables: readonly EnvVar[] | undefined, path: FieldPath): Iterable<FieldError> {
  for (const [i, variable] of (variables ?? []).entries()) {
    yield* requiredMatch(envVarName, variable.name, [...path, i, 'name']);
    if (variable.valueFrom) yield* validateSource(variable, variable.valueFrom, [...path, i, 'valueFrom']);
  }
}

const sources = ['fieldRef', 'resourceFieldRef', 'configMapKeyRef', 'secretKeyRef', 'fileKeyRef'] as const;

function* validateSource(variable: EnvVar, source: EnvVarSource, path: FieldPath): Iterable<FieldError> {
  if (source.fieldRef) yield* validateFieldRef(source.fieldRef, environmentFields, [...path, 'fieldRef']);
  if (source.resourceFieldRef) {
    yield* validateResourceFieldRef(source.resourceFieldRef, false, [...path, 'resourceFieldRef']);
  }
  for (const kind of ['configMapKeyRef', 'secretKeyRef'] as const) {
    const reference = source[kind];
    if (!reference) continue;
    yield* matches(dnsSubdomain, reference.name, [...path, kind, 'name']);
    yield* requiredMatch(configMapKey, reference.key, [...path, kind, 'key']);
  }
  if (source.fileKeyRef) {
    const at = [...path, 'fileKeyRef'];
    yield* requiredMatch(envVarName, source.fileKeyRef.key, [...at, 'key']);
    yield* requiredMatch(dnsLabel, source.fileKeyRef.volumeName, [...at, 'volumeName']);
    if (!source.fileKeyRef.path) yield e.required([...at, 'path']);
    else yield* noBacksteps(source.fileKeyRef.path, [...at, 'path']);
  }
  const count = sources.filter((name) => source[name] !== undefined).length;
  if (count === 0) {
    yield e.invalid(
      path,
      '',
      'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`',
    );
  } else if (variable.value) yield e.invalid(path, '', 'may not be specified when `value` is not empty');
  else if (count > 1) yield e.invalid(path, '', 'may not have more than one field specified at a time');
}

export function* validateEnvironmentFrom(
  from: readonly EnvFromSource[] | undefined,
  path: FieldPath,
): Iterable<FieldError> {
  for (const [i, source] of (from ?? []).entries()) {
    if (source.prefix) yield* matches(envVarName, source.prefix, [...path, i, 'prefix']);
    for (const kind of ['configMapRef', 'secretRef'] as const) {
      const reference = source[kind];
      if (reference) yield* requiredMatch(dnsSubdomain, reference.name, [...path, i, kind, 'name']);
    }
    if (!source.configMapRef && !source.secretRef) {
      yield e.invalid(path, '', 'must specify one of: `configMapRef` or `secretRef`');
    } else if (source.configMapRef && source.secretRef) {
      yield e.invalid(path, '', 'may not have more than one field specified at a time');
    }
  }
}

const commonFields = ['metadata.name', 'metadata.namespace', 'metadata.uid'];
const environmentFields = [
  ...commonFields,
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
];
/** Fields that a downward API volume may show. */
export const volumeFields = ['metadata.annotations', 'metadata.labels', ...commonFields];

const knownFields = new Set([...environmentFields, ...volumeFields, 'spec.restartPolicy', 'status.phase']);
const subscripted = /^(metadata\.(?:annotations|labels))\['(.*)'\]$/;

export function* validateFieldRef(
  reference: ObjectFieldSelector,
  allowed: readonly string[],
  path: FieldPath,
): Iterable<FieldError> {
  if (!reference.apiVersion) {
    yield e.required([...path, 'apiVersion']);
    return;
  }
  const field = reference.fieldPath ?? '';
  if (!field) {
    yield e.required([...path, 'fieldPath']);
    return;
  }
  const at = [...path, 'fieldPath'];
  if (reference.apiVersion !== 'v1') {
    yield e.invalid(at, field, `error converting fieldPath: unsupported pod version: ${reference.apiVersion}`);
    return;
  }
  const match = subscripted.exec(field);
  if (match) {
    const key = match[2] ?? '';
    yield* matches(qualifiedName, match[1] === 'metadata.annotations' ? key.toLowerCase() : key, path);
  } else if (!knownFields.has(field)) {
    yield e.invalid(at, field, `error converting fieldPath: field label not supported: ${field}`);
  } else if (!allowed.includes(field)) yield e.notSupported(at, field, [...allowed].sort());
}

const resourceFields = ['cpu', 'ephemeral-storage', 'memory'].flatMap((name) => [`limits.${name}`, `requests.${name}`]);
const sizes = ['1', ...['k', 'M', 'G', 'T', 'P', 'E', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'].map((unit) => `1${unit}`)];

export function* validateResourceFieldRef(
  reference: ResourceFieldSelector,
  inVolume: boolean,
  path: FieldPath,
): Iterable<FieldError> {
  const resource = reference.resource ?? '';
  const hugePages = /^(limits|requests)\.hugepages-/.test(resource);
  if (inVolume && !reference.containerName) yield e.required([...path, 'containerName']);
  else if (!resource) yield e.required([...path, 'resource']);
  else if (!hugePages && !resourceFields.includes(resource)) {
    yield e.notSupported([...path, 'resource'], resource, [...resourceFields].sort());
  }
  const divisor = reference.divisor;
  if (divisor === undefined || nanos(divisor) === 0n) return;
  const name = resource.slice(resource.indexOf('.') + 1);
  if (name === 'cpu') {
    if (divisor !== '1' && divisor !== '1m') {
      yield e.invalid(
        [...path, 'divisor'],
        resource,
        "only divisor's values 1m and 1 are supported with the cpu resource",
      );
    }
  } else if (!sizes.includes(divisor)) {
    const what = name === 'ephemeral-storage' ? 'local ephemeral storage' : hugePages ? 'hugepages' : name;
    yield e.invalid(
      [...path, 'divisor'],
      resource,
      `only divisor's values ${sizes.join(', ')} are supported with the ${what} resource`,
    );
  }
}
