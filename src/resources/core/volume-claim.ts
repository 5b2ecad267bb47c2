// Rules of a claim's spec, in PersistentVolumeClaims, StatefulSets and ephemeral volumes.
import { type FieldError, type FieldPath, fieldError as e } from '../../kernel/status.ts';
import { matches, oneOf, quantityPositive } from '../shared/check.ts';
import { semanticEqual } from '../shared/equal.ts';
import { validateLabelSelector } from '../shared/labels.ts';
import { dnsSubdomain } from '../shared/names.ts';
import type { PersistentVolumeClaimSpec, TypedObjectReference } from '../typings/core.ts';

export const accessModes = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod'];

export function* validateClaimSpec(spec: PersistentVolumeClaimSpec, path: FieldPath): Iterable<FieldError> {
  if ((spec.accessModes ?? []).length === 0) {
    yield e.required([...path, 'accessModes'], 'at least 1 access mode is required');
  }
  yield* validateLabelSelector(spec.selector, [...path, 'selector']);
  yield* validateAccessModes(spec.accessModes, [...path, 'accessModes']);
  const storage = spec.resources?.requests?.['storage'];
  if (storage === undefined) yield e.required([...path, 'resources', { key: 'storage' }]);
  else yield* quantityPositive(storage, [...path, 'resources', { key: 'storage' }]);
  for (const field of ['storageClassName', 'volumeAttributesClassName'] as const) {
    if (spec[field]) yield* matches(dnsSubdomain, spec[field], [...path, field]);
  }
  if (spec.volumeMode !== undefined) {
    yield* oneOf(spec.volumeMode, ['Block', 'Filesystem'], [...path, 'volumeMode'], false);
  }
  for (const field of ['dataSource', 'dataSourceRef'] as const) {
    const source = spec[field];
    if (source) yield* validateSource(source, [...path, field]);
  }
  const { dataSource, dataSourceRef } = spec;
  if (dataSource && dataSourceRef) {
    const { namespace, ...rest } = dataSourceRef;
    const detail = namespace
      ? 'may not be specified when dataSourceRef.namespace is specified'
      : 'must match dataSourceRef';
    if (namespace || !semanticEqual({ ...dataSource }, rest)) {
      const error = e.invalid(path, '', detail);
      yield { ...error, message: `Invalid value: ${error.field}.dataSource: ${detail}` };
    }
  }
}

function* validateSource(source: TypedObjectReference, path: FieldPath): Iterable<FieldError> {
  if (!source.name) yield e.required([...path, 'name']);
  if (!source.kind) yield e.required([...path, 'kind']);
  if (!source.apiGroup && source.kind !== 'PersistentVolumeClaim') {
    yield e.invalid(path, source.kind, "must be 'PersistentVolumeClaim' when referencing the default apiGroup");
  }
  if (source.apiGroup) yield* matches(dnsSubdomain, source.apiGroup, [...path, 'apiGroup']);
}

export function* validateAccessModes(modes: readonly string[] | undefined, path: FieldPath): Iterable<FieldError> {
  for (const mode of modes ?? []) if (!accessModes.includes(mode)) yield e.notSupported(path, mode, accessModes);
  const others = (modes ?? []).some((mode) => mode !== 'ReadWriteOncePod' && accessModes.includes(mode));
  if (modes?.includes('ReadWriteOncePod') && others) {
    yield e.forbidden(path, 'may not use ReadWriteOncePod with other access modes');
  }
}
