// Rules of a pod's volumes.
import { type FieldError, type FieldPath, fieldError as e } from '../../../kernel/status.ts';
import { fileMode, matches, noBacksteps, nonReservedPath, required, requiredMatch } from '../../shared/check.ts';
import { dnsLabel, dnsSubdomain } from '../../shared/names.ts';
import { nanos } from '../../shared/quantity.ts';
import type {
  DownwardAPIVolumeFile,
  KeyToPath,
  PodSpec,
  ProjectedVolumeSource,
  Volume,
  VolumeProjection,
} from '../../typings/core.ts';
import { validateClaimSpec } from '../volume-claim.ts';
import { validateFieldRef, validateResourceFieldRef, volumeFields } from './environment.ts';

const sourcesInOrder = [
  'emptyDir',
  'hostPath',
  'gitRepo',
  'gcePersistentDisk',
  'awsElasticBlockStore',
  'secret',
  'nfs',
  'iscsi',
  'glusterfs',
  'flocker',
  'persistentVolumeClaim',
  'rbd',
  'cinder',
  'cephfs',
  'quobyte',
  'downwardAPI',
  'fc',
  'flexVolume',
  'configMap',
  'azureFile',
  'vsphereVolume',
  'photonPersistentDisk',
  'portworxVolume',
  'azureDisk',
  'storageos',
  'projected',
  'scaleIO',
  'csi',
  'ephemeral',
  'image',
] as const;

/** Fields that upstream's errors spell in their own way. */
const shownAs: Readonly<Record<string, string>> = { cephfs: 'cephFS', downwardAPI: 'downwarAPI' };

/** Checks the volumes; returns the good ones by name for the mounts to refer to. */
export function* validateVolumes(
  spec: PodSpec,
  podName: string | undefined,
  path: FieldPath,
): Generator<FieldError, Map<string, Volume>> {
  const good = new Map<string, Volume>();
  const created = new Set(
    podName ? (spec.volumes ?? []).filter((one) => one.ephemeral).map((one) => `${podName}-${one.name}`) : [],
  );
  for (const [i, volume] of (spec.volumes ?? []).entries()) {
    const at = [...path, i];
    const name = volume.name ?? '';
    const errors = [...validateVolume(volume, podName, at), ...requiredMatch(dnsLabel, name, [...at, 'name'])];
    if (good.has(name)) errors.push(e.duplicate([...at, 'name'], name));
    if (errors.length === 0) good.set(name, volume);
    yield* errors;
    const claim = volume.persistentVolumeClaim?.claimName ?? '';
    if (created.has(claim)) {
      yield e.invalid(
        [...at, 'persistentVolumeClaim', 'claimName'],
        claim,
        'must not reference a PVC that gets created for an ephemeral volume',
      );
    }
  }
  return good;
}

function* validateVolume(volume: Volume, podName: string | undefined, at: FieldPath): Iterable<FieldError> {
  const set = sourcesInOrder.filter((name) => volume[name] !== undefined);
  for (const extra of set.slice(1)) {
    yield e.forbidden([...at, shownAs[extra] ?? extra], 'may not specify more than 1 volume type');
  }
  const source = set[0];
  if (!source) yield e.required(at, 'must specify a volume type');
  else yield* validateSource(volume, source, podName, at);
}

function* validateSource(
  volume: Volume,
  source: (typeof sourcesInOrder)[number],
  podName: string | undefined,
  at: FieldPath,
): Iterable<FieldError> {
  const path = [...at, source];
  switch (source) {
    case 'emptyDir':
      if (nanos(volume.emptyDir?.sizeLimit) < 0n) {
        yield e.forbidden([...path, 'sizeLimit'], 'SizeLimit field must be a valid resource quantity');
      }
      break;
    case 'hostPath':
      yield* validateHostPath(volume, path);
      break;
    case 'secret':
      yield* required(volume.secret?.secretName, [...path, 'secretName']);
      yield* fileMode(volume.secret?.defaultMode, [...path, 'defaultMode']);
      yield* validateItems(volume.secret?.items, [...path, 'items']);
      break;
    case 'configMap':
      yield* required(volume.configMap?.name, [...path, 'name']);
      yield* fileMode(volume.configMap?.defaultMode, [...path, 'defaultMode']);
      yield* validateItems(volume.configMap?.items, [...path, 'items']);
      break;
    case 'downwardAPI':
      yield* fileMode(volume.downwardAPI?.defaultMode, [...path, 'defaultMode']);
      for (const file of volume.downwardAPI?.items ?? []) yield* validateDownwardFile(file, path);
      break;
    case 'projected':
      yield* fileMode(volume.projected?.defaultMode, [...path, 'defaultMode']);
      yield* validateProjection(volume.projected ?? {}, path);
      break;
    case 'persistentVolumeClaim':
      yield* required(volume.persistentVolumeClaim?.claimName, [...path, 'claimName']);
      break;
    case 'ephemeral':
      yield* validateEphemeral(volume, podName, at);
      break;
    case 'image':
      yield* required(volume.image?.reference, [...path, 'reference']);
      break;
    default:
      yield* validateRemoteSource(volume, source, path);
  }
}

const requiredFields: Readonly<Record<string, readonly string[]>> = {
  gitRepo: ['repository'],
  gcePersistentDisk: ['pdName'],
  awsElasticBlockStore: ['volumeID'],
  nfs: ['server', 'path'],
  iscsi: ['targetPortal', 'iqn'],
  glusterfs: ['endpoints', 'path'],
  rbd: ['monitors', 'image'],
  cinder: ['volumeID'],
  cephfs: ['monitors'],
  quobyte: ['registry', 'volume'],
  flexVolume: ['driver'],
  azureFile: ['secretName', 'shareName'],
  vsphereVolume: ['volumePath'],
  photonPersistentDisk: ['pdID'],
  portworxVolume: ['volumeID'],
  azureDisk: ['diskName', 'diskURI'],
  storageos: ['volumeName'],
  scaleIO: ['gateway', 'system', 'volumeName'],
  csi: ['driver'],
};

/** Storage that lives elsewhere: what names it must be there. Drivers check the rest. */
export function* validateRemoteSource(holder: object, source: string, path: FieldPath): Iterable<FieldError> {
  const fields = (holder as Record<string, Record<string, unknown> | undefined>)[source] ?? {};
  for (const name of requiredFields[source] ?? []) {
    const value = fields[name];
    if (!value || (Array.isArray(value) && value.length === 0)) yield e.required([...path, name]);
  }
  if (source === 'nfs' && typeof fields['path'] === 'string' && fields['path'] && !fields['path'].startsWith('/')) {
    yield e.invalid([...path, 'path'], fields['path'], 'must be an absolute path');
  }
}

const hostPathTypes = [
  '',
  'BlockDevice',
  'CharDevice',
  'Directory',
  'DirectoryOrCreate',
  'File',
  'FileOrCreate',
  'Socket',
];

function* validateHostPath(volume: Volume, path: FieldPath): Iterable<FieldError> {
  const hostPath = volume.hostPath?.path ?? '';
  if (!hostPath) yield e.required([...path, 'path']);
  else {
    yield* noBacksteps(hostPath, [...path, 'path']);
    yield* validateHostPathType(volume.hostPath?.type, [...path, 'type']);
  }
}

export function* validateHostPathType(type: string | undefined, path: FieldPath): Iterable<FieldError> {
  if (type !== undefined && !hostPathTypes.includes(type)) yield e.notSupported(path, type, hostPathTypes);
}

function* validateItems(items: readonly KeyToPath[] | undefined, path: FieldPath): Iterable<FieldError> {
  for (const [i, item] of (items ?? []).entries()) {
    yield* required(item.key, [...path, i, 'key']);
    yield* required(item.path, [...path, i, 'path']);
    yield* nonReservedPath(item.path ?? '', [...path, i, 'path']);
    yield* fileMode(item.mode, [...path, i, 'mode']);
  }
}

function* validateDownwardFile(file: DownwardAPIVolumeFile, path: FieldPath): Iterable<FieldError> {
  yield* required(file.path, [...path, 'path']);
  yield* nonReservedPath(file.path ?? '', [...path, 'path']);
  if (file.fieldRef) {
    yield* validateFieldRef(file.fieldRef, volumeFields, [...path, 'fieldRef']);
    if (file.resourceFieldRef) {
      yield e.invalid(path, 'resource', 'fieldRef and resourceFieldRef can not be specified simultaneously');
    }
  } else if (file.resourceFieldRef) {
    yield* validateResourceFieldRef(file.resourceFieldRef, true, [...path, 'resourceFieldRef']);
  } else yield e.required(path, 'one of fieldRef and resourceFieldRef is required');
  yield* fileMode(file.mode, [...path, 'mode']);
}

function* validateProjection(projected: ProjectedVolumeSource, path: FieldPath): Iterable<FieldError> {
  const paths = new Set<string>();
  for (const [i, source] of (projected.sources ?? []).entries()) {
    const at = [...path, 'sources', i];
    for (const kind of ['secret', 'configMap'] as const) {
      const one = source[kind];
      if (!one) continue;
      yield* required(one.name, [...at, kind, 'name']);
      yield* validateItems(one.items, [...at, kind, 'items']);
      for (const item of one.items ?? []) yield* uniquePath(item.path, one.name, paths, path);
    }
    for (const file of source.downwardAPI?.items ?? []) {
      yield* validateDownwardFile(file, [...at, 'downwardAPI']);
      yield* uniquePath(file.path, file.path, paths, path);
    }
    yield* validateTokenSource(source, at, path);
    yield* validateTrustSource(source, at, paths, path);
    if (Object.values(source).filter((one) => one !== undefined).length > 1) {
      yield e.forbidden(at, 'may not specify more than 1 volume type per source');
    }
  }
}

function* uniquePath(
  itemPath: string | undefined,
  value: string | undefined,
  seen: Set<string>,
  path: FieldPath,
): Iterable<FieldError> {
  if (!itemPath) return;
  if (seen.has(itemPath)) yield e.invalid(path, value, 'conflicting duplicate paths');
  seen.add(itemPath);
}

function* validateTokenSource(source: VolumeProjection, at: FieldPath, path: FieldPath): Iterable<FieldError> {
  const token = source.serviceAccountToken;
  if (!token) return;
  const seconds = token.expirationSeconds ?? 0;
  const field = [...at, 'serviceAccountToken', 'expirationSeconds'];
  if (seconds < 600) yield e.invalid(field, seconds, 'may not specify a duration less than 10 minutes');
  if (seconds > 2 ** 32) yield e.invalid(field, seconds, 'may not specify a duration larger than 2^32 seconds');
  if (!token.path) yield e.required([...path, 'path']);
  else yield* nonReservedPath(token.path, [...path, 'path']);
}

function* validateTrustSource(
  source: VolumeProjection,
  at: FieldPath,
  seen: Set<string>,
  path: FieldPath,
): Iterable<FieldError> {
  const bundle = source.clusterTrustBundle;
  if (!bundle) return;
  const here = [...at, 'clusterTrustBundle'];
  if (bundle.name !== undefined && bundle.signerName !== undefined) {
    yield e.invalid(here, bundle, 'only one of name and signerName may be used');
  } else if (bundle.name === undefined && bundle.signerName === undefined) {
    yield e.required(here, 'either name or signerName must be specified');
  }
  yield* required(bundle.path, [...here, 'path']);
  yield* nonReservedPath(bundle.path ?? '', [...here, 'path']);
  yield* uniquePath(bundle.path, bundle.path, seen, path);
}

function* validateEphemeral(volume: Volume, podName: string | undefined, at: FieldPath): Iterable<FieldError> {
  const template = volume.ephemeral?.volumeClaimTemplate;
  const path = [...at, 'ephemeral', 'volumeClaimTemplate'];
  if (!template) yield e.required(path);
  else yield* validateClaimSpec(template.spec ?? {}, [...path, 'spec']);
  if (podName && volume.name) {
    const claim = `${podName}-${volume.name}`;
    for (const message of dnsSubdomain(claim)) {
      yield e.invalid([...at, 'name'], volume.name, `PVC name "${claim}": ${message}`);
    }
  }
}

/** A driver's name: a DNS subdomain of at most 63 characters, upper case tolerated. */
export function* validateDriverName(name: string | undefined, path: FieldPath): Iterable<FieldError> {
  if (!name) {
    yield e.required(path);
    return;
  }
  if (name.length > 63) yield e.tooLong(path, 63);
  yield* matches((value) => dnsSubdomain(value.toLowerCase()), name, path);
}
