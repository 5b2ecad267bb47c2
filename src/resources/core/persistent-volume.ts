import { formatTime } from '../../kernel/clock.ts';
import { type FieldError, type FieldPath, fieldError as e } from '../../kernel/status.ts';
import type { HookContext } from '../define.ts';
import { accessModesText } from '../shared/cells.ts';
import { matches, noBacksteps, oneOf, quantityPositive } from '../shared/check.ts';
import { semanticEqual } from '../shared/equal.ts';
import { dnsSubdomain } from '../shared/names.ts';
import { ageColumn, nameColumn, resource, statusSubresource } from '../shared/resource.ts';
import type { PersistentVolume, PersistentVolumeSpec } from '../typings/core.ts';
import { roundList } from './pod/defaults.ts';
import { validateNodeSelector } from './pod/scheduling.ts';
import { validateDriverName, validateHostPathType, validateRemoteSource } from './pod/volumes.ts';
import { validateAccessModes } from './volume-claim.ts';

const classAnnotation = 'volume.beta.kubernetes.io/storage-class';

const claimCell = (o: PersistentVolume): string =>
  o.spec?.claimRef ? `${o.spec.claimRef.namespace ?? ''}/${o.spec.claimRef.name ?? ''}` : '';

/** core/v1 PersistentVolume. */
export const persistentVolume = resource<PersistentVolume>('/v1/persistentvolumes', {
  returnsDeletedObject: true,
  columns: [
    nameColumn,
    { name: 'Capacity', type: 'string', value: (o) => o.spec?.capacity?.['storage'] ?? '0' },
    { name: 'Access Modes', type: 'string', value: (o) => accessModesText(o.spec?.accessModes) },
    { name: 'Reclaim Policy', type: 'string', value: (o) => o.spec?.persistentVolumeReclaimPolicy ?? '' },
    {
      name: 'Status',
      type: 'string',
      value: (o) => (o.metadata.deletionTimestamp ? 'Terminating' : (o.status?.phase ?? '')),
    },
    { name: 'Claim', type: 'string', value: claimCell },
    {
      name: 'StorageClass',
      type: 'string',
      value: (o) => o.metadata.annotations?.[classAnnotation] ?? o.spec?.storageClassName ?? '',
    },
    { name: 'VolumeAttributesClass', type: 'string', value: (o) => o.spec?.volumeAttributesClassName ?? '<unset>' },
    { name: 'Reason', type: 'string', value: (o) => o.status?.reason ?? '' },
    ageColumn,
    { name: 'VolumeMode', type: 'string', priority: 1, value: (o) => o.spec?.volumeMode ?? '<unset>' },
  ],
  default(o) {
    o.spec ??= {};
    const spec = o.spec;
    spec.persistentVolumeReclaimPolicy ||= 'Retain';
    spec.volumeMode ??= 'Filesystem';
    if (spec.capacity) roundList(spec.capacity);
    if (spec.hostPath) spec.hostPath.type ??= '';
    if (spec.iscsi) spec.iscsi.iscsiInterface ||= 'default';
    o.status ??= {};
    o.status.phase ||= 'Pending';
  },
  prepareForCreate(o, { nowMs }) {
    o.status = { phase: 'Pending', lastPhaseTransitionTime: formatTime(nowMs) };
  },
  validate,
  validateUpdate,
  subresources: {
    status: statusSubresource<PersistentVolume>({ finish: stampPhase }),
  },
});

function stampPhase(merged: PersistentVolume, previous: PersistentVolume, { nowMs }: HookContext): void {
  const status = { ...merged.status };
  const before = previous.status ?? {};
  const unchangedTime =
    !status.lastPhaseTransitionTime || status.lastPhaseTransitionTime === before.lastPhaseTransitionTime;
  if (status.phase !== before.phase && unchangedTime) status.lastPhaseTransitionTime = formatTime(nowMs);
  else if (!status.lastPhaseTransitionTime && before.lastPhaseTransitionTime) {
    status.lastPhaseTransitionTime = before.lastPhaseTransitionTime;
  }
  merged.status = status;
}

const sources = [
  'hostPath',
  'gcePersistentDisk',
  'awsElasticBlockStore',
  'glusterfs',
  'flocker',
  'nfs',
  'rbd',
  'quobyte',
  'cephfs',
  'iscsi',
  'cinder',
  'fc',
  'flexVolume',
  'azureFile',
  'vsphereVolume',
  'photonPersistentDisk',
  'portworxVolume',
  'azureDisk',
  'scaleIO',
  'local',
  'storageos',
  'csi',
] as const;

const sourceNames = (spec: PersistentVolumeSpec) => sources.filter((name) => spec[name] !== undefined);

function* validate(o: PersistentVolume): Iterable<FieldError> {
  const spec = o.spec ?? {};
  if ((spec.accessModes ?? []).length === 0) yield e.required(['spec', 'accessModes']);
  yield* validateAccessModes(spec.accessModes, ['spec', 'accessModes']);
  yield* validateCapacity(spec);
  const reclaim = spec.persistentVolumeReclaimPolicy;
  if (reclaim) {
    yield* oneOf(reclaim, ['Delete', 'Recycle', 'Retain'], ['spec', 'persistentVolumeReclaimPolicy']);
  }
  if (spec.nodeAffinity) {
    const required = spec.nodeAffinity.required;
    const path = ['spec', 'nodeAffinity', 'required'];
    if (required) yield* validateNodeSelector(required, path);
    else yield e.required(path, 'must specify required node constraints');
  }
  yield* validateVolumeSource(spec, ['spec']);
  if (spec.hostPath?.path === '/' && reclaim === 'Recycle') {
    yield e.forbidden(['spec', 'persistentVolumeReclaimPolicy'], "may not be 'recycle' for a hostPath mount of '/'");
  }
  for (const field of ['storageClassName', 'volumeAttributesClassName'] as const) {
    if (spec[field]) yield* matches(dnsSubdomain, spec[field], ['spec', field]);
  }
  if (spec.volumeMode !== undefined) {
    yield* oneOf(spec.volumeMode, ['Block', 'Filesystem'], ['spec', 'volumeMode'], false);
  }
}

function* validateCapacity(spec: PersistentVolumeSpec): Iterable<FieldError> {
  const capacity = spec.capacity ?? {};
  const names = Object.keys(capacity);
  if (names.length === 0) yield e.required(['spec', 'capacity']);
  if (!('storage' in capacity) || names.length > 1)
    yield e.notSupported(['spec', 'capacity'], spec.capacity ?? null, ['storage']);
  for (const name of names) yield* quantityPositive(capacity[name], ['spec', 'capacity', { key: name }]);
}

function* validateVolumeSource(spec: PersistentVolumeSpec, path: FieldPath): Iterable<FieldError> {
  const given = sourceNames(spec);
  for (const extra of given.slice(1)) {
    const name = extra === 'cephfs' ? 'cephFS' : extra;
    if (extra !== 'flexVolume') yield e.forbidden([...path, name], 'may not specify more than 1 volume type');
  }
  const source = given[0];
  switch (source) {
    case undefined:
      yield e.required(path, 'must specify a volume type');
      break;
    case 'hostPath':
      if (!spec.hostPath?.path) yield e.required([...path, 'hostPath', 'path']);
      else {
        yield* noBacksteps(spec.hostPath.path, [...path, 'hostPath', 'path']);
        yield* validateHostPathType(spec.hostPath.type, [...path, 'hostPath', 'type']);
      }
      break;
    case 'local':
      if (!spec.local?.path) yield e.required([...path, 'local', 'path']);
      else yield* noBacksteps(spec.local.path, [...path, 'local', 'path']);
      if (!spec.nodeAffinity) yield e.required([...path, 'nodeAffinity'], 'Local volume requires node affinity');
      break;
    case 'csi':
      yield* validateDriverName(spec.csi?.driver, [...path, 'csi', 'driver']);
      if (!spec.csi?.volumeHandle) yield e.required([...path, 'csi', 'volumeHandle']);
      break;
    default:
      yield* validateRemoteSource(spec, source, [...path, source]);
  }
}

const withoutSecrets = (spec: PersistentVolumeSpec): object => {
  if (!spec.csi) return pick(spec);
  const { controllerExpandSecretRef: _, nodeExpandSecretRef: __, ...csi } = spec.csi;
  return { ...pick(spec), csi };
};

const pick = (spec: PersistentVolumeSpec): Record<string, unknown> =>
  Object.fromEntries(sourceNames(spec).map((name) => [name, spec[name]]));

function* validateUpdate(next: PersistentVolume, previous: PersistentVolume): Iterable<FieldError> {
  const spec = next.spec ?? {};
  const before = previous.spec ?? {};
  if (!semanticEqual(withoutSecrets(spec), withoutSecrets(before))) {
    yield e.forbidden(['spec', 'persistentvolumesource'], 'spec.persistentvolumesource is immutable after creation');
  }
  if (spec.volumeMode !== before.volumeMode) {
    yield e.invalid(['volumeMode'], spec.volumeMode, 'field is immutable');
  }
  if (before.nodeAffinity && !semanticEqual(spec.nodeAffinity, before.nodeAffinity)) {
    yield e.invalid(
      ['nodeAffinity'],
      spec.nodeAffinity,
      'field is immutable, except for updating from beta label to GA',
    );
  }
}
