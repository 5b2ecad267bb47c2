import { type FieldError, fieldError as e } from '../../kernel/status.ts';
import { accessModesText } from '../shared/cells.ts';
import { matches } from '../shared/check.ts';
import { semanticEqual } from '../shared/equal.ts';
import { qualifiedName } from '../shared/names.ts';
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
    syncDataSources(o.spec ?? {});
  },
  prepareForUpdate: (next) => syncDataSources(next.spec ?? {}),
  validate: (o) => validateClaimSpec(o.spec ?? {}, ['spec']),
  validateUpdate,
  subresources: {
    status: statusSubresource<PersistentVolumeClaim>({ validateUpdate: validateStatus }),
  },
});

/** `dataSource` and `dataSourceRef` say the same, unless the latter names another namespace. */
function syncDataSources(spec: PersistentVolumeClaimSpec): void {
  const { dataSource, dataSourceRef } = spec;
  if (dataSource && !dataSourceRef) spec.dataSourceRef = { ...dataSource };
  else if (dataSourceRef && !dataSource && dataSourceRef.namespace === undefined) {
    const { apiGroup, kind, name } = dataSourceRef;
    spec.dataSource = { ...(apiGroup !== undefined && { apiGroup }), kind: kind ?? '', name: name ?? '' };
  }
}

function* validateUpdate(next: PersistentVolumeClaim, previous: PersistentVolumeClaim): Iterable<FieldError> {
  const spec = next.spec ?? {};
  const before = previous.spec ?? {};
  const munged = { ...spec };
  // The binder sets volumeName once; a bound claim may grow; the class may be filled in late.
  if (!before.volumeName && spec.volumeName) munged.volumeName = '';
  const bound = previous.status?.phase === 'Bound';
  if (bound && spec.resources) {
    munged.resources = {
      ...spec.resources,
      ...(before.resources?.requests && { requests: before.resources.requests }),
    };
  }
  if (before.storageClassName === undefined && before.volumeName === undefined) delete munged.storageClassName;
  if (before.volumeAttributesClassName !== spec.volumeAttributesClassName) {
    if (before.volumeAttributesClassName !== undefined && spec.volumeAttributesClassName === undefined) {
      yield e.forbidden(['spec', 'volumeAttributesClassName'], 'update from non-nil value to nil is forbidden');
    }
    if (before.volumeAttributesClassName === undefined) delete munged.volumeAttributesClassName;
    else munged.volumeAttributesClassName = before.volumeAttributesClassName;
  }
  if (!sameSpec(munged, before)) {
    yield e.forbidden(
      ['spec'],
      'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims',
    );
  }
  const [size, oldSize] = [spec.resources?.requests?.['storage'], before.resources?.requests?.['storage']];
  if (bound && compareQuantities(size, oldSize) < 0) {
    const held = previous.status?.capacity?.['storage'];
    if (compareQuantities(size, held) <= 0) {
      yield e.forbidden(['spec', 'resources', 'requests', 'storage'], 'field can not be less than status.capacity');
    }
  }
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
