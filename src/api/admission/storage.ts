/** Claims get a default class and may grow only where their class lets them; objects in use are protected. */
import type { PersistentVolumeClaim, StorageClass } from '../../schema/generated/index.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../types.ts';
import { newestDefault } from './default-class.ts';
import type { Lookup } from './lookup.ts';
import { compareAmounts } from './quantities.ts';
import { forbidden, isResource, on } from './request.ts';

const classKind = 'storage.k8s.io/v1/StorageClass';
const betaClass = 'volume.beta.kubernetes.io/storage-class';
const defaultMarks = [
  'storageclass.kubernetes.io/is-default-class',
  'storageclass.beta.kubernetes.io/is-default-class',
] as const;

const isClaim = (request: AdmissionRequest): boolean => isResource(request, '', 'persistentvolumeclaims');

export function defaultStorageClass(lookup: Lookup): AdmissionPlugin {
  return {
    name: 'DefaultStorageClass',
    handles: on('CREATE'),
    admit(request) {
      if (!isClaim(request)) return;
      const claim = request.object as PersistentVolumeClaim;
      if (claim.metadata.annotations?.[betaClass] !== undefined || claim.spec?.storageClassName !== undefined) return;
      const name = newestDefault(lookup.list<StorageClass>(classKind), defaultMarks);
      if (name !== undefined) claim.spec = { ...claim.spec, storageClassName: name };
    },
  };
}

const protections: readonly { group: string; resource: string; finalizer: string }[] = [
  { group: '', resource: 'persistentvolumes', finalizer: 'kubernetes.io/pv-protection' },
  { group: '', resource: 'persistentvolumeclaims', finalizer: 'kubernetes.io/pvc-protection' },
  { group: 'storage.k8s.io', resource: 'volumeattributesclasses', finalizer: 'kubernetes.io/vac-protection' },
];

/** The finalizer is taken off by a controller when nothing uses the object any more. */
export const storageObjectInUseProtection: AdmissionPlugin = {
  name: 'StorageObjectInUseProtection',
  handles: on('CREATE'),
  admit(request) {
    const metadata = request.object?.metadata;
    const protection = protections.find(({ group, resource }) => isResource(request, group, resource));
    if (!protection || !metadata || metadata.finalizers?.includes(protection.finalizer)) return;
    metadata.finalizers = [...(metadata.finalizers ?? []), protection.finalizer];
  },
};

export function persistentVolumeClaimResize(lookup: Lookup): AdmissionPlugin {
  return {
    name: 'PersistentVolumeClaimResize',
    handles: on('UPDATE'),
    validate(request) {
      if (!isClaim(request)) return;
      const next = request.object as PersistentVolumeClaim;
      const previous = request.oldObject as PersistentVolumeClaim;
      const size = (claim: PersistentVolumeClaim) => claim.spec?.resources?.requests?.['storage'];
      if (compareAmounts(size(next), size(previous)) <= 0) return;
      if (previous.status?.phase !== 'Bound')
        throw forbidden(request, 'Only bound persistent volume claims can be expanded');
      if (mayGrow(lookup, next, previous)) return;
      throw forbidden(
        request,
        'only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize',
      );
    },
  };
}

function mayGrow(lookup: Lookup, next: PersistentVolumeClaim, previous: PersistentVolumeClaim): boolean {
  const classOf = ({ metadata, spec }: PersistentVolumeClaim) =>
    metadata.annotations?.[betaClass] ?? spec?.storageClassName;
  const name = classOf(next);
  if (!name || name !== classOf(previous)) return false;
  return lookup.get<StorageClass>(classKind, name)?.allowVolumeExpansion ?? false;
}
