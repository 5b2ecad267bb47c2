// storage.k8s.io/v1 CSIDriver, CSINode and CSIStorageCapacity.
import { type FieldError, type FieldPath, fieldError as e } from '../../kernel/status.ts';
import { validateDriverName } from '../core/pod/volumes.ts';
import { immutable, matches, nonNegative, oneOf, quantityNonNegative } from '../shared/check.ts';
import { semanticEqual } from '../shared/equal.ts';
import { validateLabelSelector } from '../shared/labels.ts';
import { dnsSubdomain, qualifiedName } from '../shared/names.ts';
import { ageColumn, defaultColumns, nameColumn, resource } from '../shared/resource.ts';
import type { CSIDriver, CSINode, CSIStorageCapacity } from '../typings/storage.ts';

/** Names of drivers are driver names: at most 63 characters. */
const driverName = (name: string): readonly string[] => [...validateDriverName(name, [])].map((error) => error.message);

export const csiDriver = resource<CSIDriver>('storage.k8s.io/v1/csidrivers', {
  returnsDeletedObject: true,
  columns: [
    nameColumn,
    { name: 'AttachRequired', type: 'boolean', value: (o) => o.spec?.attachRequired ?? true },
    { name: 'PodInfoOnMount', type: 'boolean', value: (o) => o.spec?.podInfoOnMount ?? false },
    { name: 'StorageCapacity', type: 'boolean', value: (o) => o.spec?.storageCapacity ?? false },
    {
      name: 'TokenRequests',
      type: 'string',
      value: (o) => o.spec?.tokenRequests?.map((one) => one.audience ?? '').join(',') ?? '<unset>',
    },
    { name: 'RequiresRepublish', type: 'boolean', value: (o) => o.spec?.requiresRepublish ?? false },
    { name: 'Modes', type: 'string', value: (o) => (o.spec?.volumeLifecycleModes ?? []).join(',') || '<none>' },
    ageColumn,
  ],
  requiresResourceVersion: true,
  // Counted from 0, unlike everywhere else.
  prepareForCreate: (o) => dropDisabled(o),
  prepareForUpdate(next, previous) {
    dropDisabled(next);
    if (semanticEqual(next.spec, previous.spec)) return;
    next.metadata.generation = (previous.metadata.generation ?? 0) + 1;
  },
  default(o) {
    o.spec ??= {};
    const spec = o.spec;
    spec.attachRequired ??= true;
    spec.podInfoOnMount ??= false;
    spec.storageCapacity ??= false;
    spec.fsGroupPolicy ??= 'ReadWriteOnceWithFSType';
    if ((spec.volumeLifecycleModes ?? []).length === 0) spec.volumeLifecycleModes = ['Persistent'];
    spec.requiresRepublish ??= false;
    spec.seLinuxMount ??= false;
  },
  validate: validateDriver,
  *validateUpdate(next, previous) {
    yield* immutable(next.spec?.attachRequired, previous.spec?.attachRequired, ['spec', 'attachedRequired']);
    const path = ['spec', 'volumeLifecycleModes'];
    yield* immutable(next.spec?.volumeLifecycleModes, previous.spec?.volumeLifecycleModes, path);
  },
  *warnings(o, previous) {
    const { tokenRequests, serviceAccountTokenInSecrets } = o.spec ?? {};
    if (previous && semanticEqual(tokenRequests, previous.spec?.tokenRequests)) return;
    if ((tokenRequests ?? []).length > 0 && serviceAccountTokenInSecrets === undefined) {
      yield 'spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to prevent possible logging of tokens in volume attributes';
    }
  },
});

/** What stands behind a gate that is off. */
function dropDisabled(o: CSIDriver): void {
  delete o.spec?.preventPodSchedulingIfMissing;
}

function* validateDriver(o: CSIDriver): Iterable<FieldError> {
  for (const message of driverName(o.metadata.name ?? ''))
    yield e.invalid(['metadata', 'name'], o.metadata.name, message);
  const spec = o.spec ?? {};
  for (const field of ['attachRequired', 'podInfoOnMount', 'storageCapacity'] as const) {
    if (spec[field] === undefined) yield e.required(['spec', field]);
  }
  yield* oneOf(spec.fsGroupPolicy, ['File', 'None', 'ReadWriteOnceWithFSType'], ['spec', 'fsGroupPolicy'], false);
  const period = spec.nodeAllocatableUpdatePeriodSeconds;
  if (period !== undefined && period < 10) {
    const path: FieldPath = ['spec', 'nodeAllocatableUpdatePeriodSeconds'];
    yield e.invalid(path, period, 'must be greater than or equal to 10 seconds');
  }
  const seen = new Set<string>();
  for (const [i, request] of (spec.tokenRequests ?? []).entries()) {
    const audience = request.audience ?? '';
    if (seen.has(audience)) yield e.duplicate(['spec', 'tokenRequests', i, 'audience'], audience);
    seen.add(audience);
    const seconds = request.expirationSeconds;
    const path: FieldPath = ['spec', 'tokenRequests', i, 'expirationSeconds'];
    if (seconds !== undefined && seconds < 600) {
      yield e.invalid(path, seconds, 'may not specify a duration less than 10 minutes');
    }
    if (seconds !== undefined && seconds > 2 ** 32) {
      yield e.invalid(path, seconds, 'may not specify a duration larger than 2^32 seconds');
    }
  }
  for (const mode of spec.volumeLifecycleModes ?? []) {
    yield* oneOf(mode, ['Persistent', 'Ephemeral'], ['spec', 'volumeLifecycleModes'], false);
  }
}

export const csiNode = resource<CSINode>('storage.k8s.io/v1/csinodes', {
  returnsDeletedObject: true,
  columns: [nameColumn, { name: 'Drivers', type: 'integer', value: (o) => (o.spec?.drivers ?? []).length }, ageColumn],
  requiresResourceVersion: true,
  validate: validateNode,
  *validateUpdate(next, previous) {
    for (const old of previous.spec?.drivers ?? []) {
      const one = (next.spec?.drivers ?? []).find((driver) => driver.name === old.name);
      if (one && !semanticEqual({ ...one, allocatable: old.allocatable }, old)) {
        yield e.invalid(['spec', 'drivers'], one, 'field is immutable');
      }
    }
  },
});

function* validateNode(o: CSINode): Iterable<FieldError> {
  const names = new Set<string>();
  for (const [i, driver] of (o.spec?.drivers ?? []).entries()) {
    const path: FieldPath = ['spec', 'drivers', i];
    yield* validateDriverName(driver.name, [...path, 'name']);
    if (!driver.nodeID) yield e.required([...path, 'nodeID']);
    else if (driver.nodeID.length > 192)
      yield e.invalid([...path, 'nodeID'], driver.nodeID, 'must be 192 characters or less');
    if (driver.allocatable) yield* nonNegative(driver.allocatable.count, [...path, 'allocatable', 'count']);
    if (names.has(driver.name ?? '')) yield e.duplicate([...path, 'name'], driver.name);
    names.add(driver.name ?? '');
    const keys = driver.topologyKeys ?? [];
    for (const [j, key] of keys.entries()) {
      if (!key) yield e.required(path);
      if (keys.indexOf(key) < j) yield e.duplicate(path, key);
      yield* matches(qualifiedName, key, path);
    }
  }
}

export const csiStorageCapacity = resource<CSIStorageCapacity>('storage.k8s.io/v1/csistoragecapacities', {
  columns: defaultColumns,
  requiresResourceVersion: true,
  *validate(o) {
    yield* validateLabelSelector(o.nodeTopology, ['nodeTopology']);
    yield* matches(dnsSubdomain, o.storageClassName, ['storageClassName']);
    yield* quantityNonNegative(o.capacity, ['capacity']);
    yield* quantityNonNegative(o.maximumVolumeSize, ['maximumVolumeSize']);
  },
  *validateUpdate(next, previous) {
    yield* immutable(next.nodeTopology, previous.nodeTopology, ['nodeTopology']);
    yield* immutable(next.storageClassName, previous.storageClassName, ['storageClassName']);
  },
});
