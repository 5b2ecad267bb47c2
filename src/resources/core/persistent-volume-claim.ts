import { type FieldError, fieldError as e } from '../../kernel/status.ts';
import { accessModesText } from '../shared/cells.ts';
import { immutable, matches } from '../shared/check.ts';
import { semanticEqual } from '../shared/equal.ts';
import { immutableMessage, qualifiedName } from '../shared/names.ts';
import { compareQuantities } from '../shared/quantity.ts';
import { ageColumn, nameColumn, resource, statusSubresource } from '../shared/resource.ts';
import type { PersistentVolumeClaim, PersistentVolumeClaimSpec } from '../typings/core.ts';
import { roundList, roundResources } from './pod/defaults.ts';
import { validateClaimSpec } from './volume-claim.ts';

const classAnnotation = 'volume.beta.kubernetes.io/storage-class';

/** core/v1 PersistentVolumeClaim. */
export const persistentVolumeClaim = resource<PersistentVolumeClaim>('/v1/persistentvolumeclaims', {
  returnsDeletedObject: true,
  columns: [
    nameColumn,
    {
      name: 'Status',
      type: 'string',
      value: (o) => (o.metadata.deletionTimestamp ? 'Terminating' : (o.status?.phase ?? '')),
    },
    { name: 'Volume', type: 'string', value: (o) => o.spec?.volumeName ?? '' },
    {
      name: 'Capacity',
      type: 'string',
      value: (o) => (o.spec?.volumeName ? (o.status?.capacity?.['storage'] ?? '0') : ''),
    },
    {
      name: 'Access Modes',
      type: 'string',
      value: (o) => (o.spec?.volumeName ? accessModesText(o.status?.accessModes) : ''),
    },
    {
      name: 'StorageClass',
      type: 'string',
      value: (o) => o.metadata.annotations?.[classAnnotation] ?? o.spec?.storageClassName ?? '',
    },
    {
      name: 'VolumeAttributesClass',
      type: 'string',
      value: (o) => o.spec?.volumeAttributesClassName ?? '<unset>',
    },
    ageColumn,
    { name: 'VolumeMode', type: 'string', priority: 1, value: (o) => o.spec?.volumeMode ?? '<unset>' },
  ],
  default(o) {
    o.spec ??= {};
    const spec = o.spec;
    spec.volumeMode ??= 'Filesystem';
    roundResources(spec.resources);
    o.status ??= {};
    o.status.phase ||= 'Pending';
    for (const list of [o.status.capacity, o.status.allocatedResources]) if (list) roundList(list);
  },
  prepareForCreate(o) {
    o.status = { phase: 'Pending' };
    o.spec ??= {};
    dropDataSources(o.spec, {});
    syncDataSources(o.spec);
  },
  prepareForUpdate(next, previous) {
    next.spec ??= {};
    dropDataSources(next.spec, previous.spec ?? {});
    syncDataSources(next.spec);
  },
  validate: (o) => validateClaimSpec(o.spec ?? {}, ['spec']),
  validateUpdate,
  subresources: {
    status: statusSubresource<PersistentVolumeClaim>({ validateUpdate: validateStatus }),
  },
});

/** Before dataSourceRef, what could not be used was ignored; and references across namespaces are behind a gate. */
function dropDataSources(spec: PersistentVolumeClaimSpec, before: PersistentVolumeClaimSpec): void {
  if (spec.dataSourceRef?.namespace && !before.dataSourceRef) delete spec.dataSourceRef;
  if (before.dataSource || before.dataSourceRef || spec.dataSourceRef || !spec.dataSource) return;
  const { apiGroup, kind } = spec.dataSource;
  const isClaim = kind === 'PersistentVolumeClaim' && !apiGroup;
  const isSnapshot = kind === 'VolumeSnapshot' && apiGroup === 'snapshot.storage.k8s.io';
  if (!isClaim && !isSnapshot) delete spec.dataSource;
}

/** `dataSource` and `dataSourceRef` say the same, unless the latter names another namespace. */
function syncDataSources(spec: PersistentVolumeClaimSpec): void {
  const { dataSource, dataSourceRef } = spec;
  if (dataSource && !dataSourceRef) spec.dataSourceRef = { ...dataSource };
  else if (dataSourceRef && !dataSource && !dataSourceRef.namespace) {
    const { apiGroup, kind, name } = dataSourceRef;
    spec.dataSource = { ...(apiGroup !== undefined && { apiGroup }), kind: kind ?? '', name: name ?? '' };
  }
}

function* validateUpdate(next: PersistentVolumeClaim, previous: PersistentVolumeClaim): Iterable<FieldError> {
  const spec = next.spec ?? {};
  const before = previous.spec ?? {};
  const munged = { ...spec };
  // The binder sets volumeName once; a bound claim may grow and change its class; the storage class may come late.
  if (!before.volumeName) munged.volumeName = before.volumeName ?? '';
  const [annotation, oldAnnotation] = [next, previous].map((o) => o.metadata.annotations?.[classAnnotation]);
  if (annotation !== oldAnnotation) {
    yield e.invalid(['metadata', 'annotations', { key: classAnnotation }], annotation ?? '', immutableMessage);
  }
  if (before.storageClassName === undefined && oldAnnotation === undefined) delete munged.storageClassName;
  const size = spec.resources?.requests?.['storage'];
  const oldSize = before.resources?.requests?.['storage'];
  if (next.status?.phase === 'Bound') {
    if (spec.resources?.requests) {
      const requests = { ...spec.resources.requests, ...(oldSize !== undefined && { storage: oldSize }) };
      munged.resources = { ...spec.resources, requests };
    }
    delete munged.volumeAttributesClassName;
    const name = before.volumeAttributesClassName;
    if (name !== undefined) munged.volumeAttributesClassName = name;
  }
  if (!sameSpec(munged, before)) {
    yield e.forbidden(
      ['spec'],
      'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims',
    );
  }
  const sizePath = ['spec', 'resources', 'requests', 'storage'];
  if (compareQuantities(size, oldSize) < 0 && compareQuantities(size, previous.status?.capacity?.['storage']) <= 0) {
    yield e.forbidden(sizePath, 'field can not be less than status.capacity');
  }
  yield* immutable(spec.volumeMode, before.volumeMode, ['volumeMode']);
  yield* validateAttributesClass(spec.volumeAttributesClassName, previous);
}

/** Once a class is applied there must be one. */
function* validateAttributesClass(name: string | undefined, previous: PersistentVolumeClaim): Iterable<FieldError> {
  if (name === previous.spec?.volumeAttributesClassName || name) return;
  if (previous.status?.currentVolumeAttributesClassName === undefined) return;
  yield e.forbidden(
    ['spec', 'volumeAttributesClassName'],
    `update to ${name === undefined ? 'nil' : 'empty string'} is forbidden when status.currentVolumeAttributesClassName is not nil`,
  );
}

function sameSpec(a: PersistentVolumeClaimSpec, b: PersistentVolumeClaimSpec): boolean {
  return semanticEqual({ ...a, volumeName: a.volumeName ?? '' }, { ...b, volumeName: b.volumeName ?? '' });
}

function* validateStatus(next: PersistentVolumeClaim): Iterable<FieldError> {
  if ((next.spec?.accessModes ?? []).length === 0) yield e.required(['Spec', 'accessModes']);
  for (const [name, value] of Object.entries(next.status?.capacity ?? {})) {
    yield* matches(qualifiedName, name, ['status', 'capacity', { key: name }]);
    if (compareQuantities(value, '0') < 0) {
      yield e.invalid(['status', 'capacity', { key: name }], value, 'must be a valid resource quantity');
    }
  }
}
