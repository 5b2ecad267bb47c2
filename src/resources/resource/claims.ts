// resource.k8s.io/v1 ResourceClaim, ResourceClaimTemplate and DeviceClass.
import { type FieldError, type FieldPath, fieldError as e } from '../../kernel/status.ts';
import { isExtendedResource } from '../core/resource-names.ts';
import { immutable, required } from '../shared/check.ts';
import { semanticEqual } from '../shared/equal.ts';
import { ageColumn, nameColumn, resource, statusSubresource } from '../shared/resource.ts';
import type { AllocatedDeviceStatus, DeviceClass, ResourceClaim, ResourceClaimTemplate } from '../typings/resource.ts';
import {
  defaultRequests,
  uniqueList,
  validateConfiguration,
  validateDeviceClaim,
  validateSelectors,
} from './requests.ts';

const mostConsumers = 256;

export const resourceClaim = resource<ResourceClaim>('resource.k8s.io/v1/resourceclaims', {
  columns: [nameColumn, { name: 'State', type: 'string', value: stateCell }, ageColumn],
  returnsDeletedObject: true,
  default: (o) => defaultRequests(o.spec?.devices),
  *validate(o) {
    yield* validateDeviceClaim(o.spec?.devices, ['spec', 'devices']);
  },
  *validateUpdate(next, previous) {
    yield* immutable(next.spec, previous.spec, ['spec']);
  },
  subresources: {
    status: statusSubresource<ResourceClaim>({
      keepMetadata: true,
      finish: dropDeallocatedDevices,
      validateUpdate: validateStatus,
    }),
  },
});

function stateCell(o: ResourceClaim): string {
  const states: string[] = [];
  if (o.metadata.deletionTimestamp) states.push('deleted');
  if (o.status?.allocation) {
    states.push('allocated');
    if ((o.status.reservedFor ?? []).length > 0) states.push('reserved');
  } else if (!o.metadata.deletionTimestamp) states.push('pending');
  return states.join(',');
}

const deviceKey = (o: { driver?: string; pool?: string; device?: string }): string =>
  `${o.driver}/${o.pool}/${o.device}`;

const allocatedDevices = (o: ResourceClaim): Set<string> =>
  new Set((o.status?.allocation?.devices?.results ?? []).map(deviceKey));

/** What a driver reported about a device goes with its allocation. */
function dropDeallocatedDevices(merged: ResourceClaim, previous: ResourceClaim): void {
  const devices = merged.status?.devices;
  if (!devices) return;
  const now = allocatedDevices(merged);
  const before = allocatedDevices(previous);
  const kept = devices.filter((device) => !before.has(deviceKey(device)) || now.has(deviceKey(device)));
  const { devices: _, ...status } = merged.status ?? {};
  merged.status = { ...status, ...(kept.length > 0 && { devices: kept }) };
}

function* validateStatus(next: ResourceClaim, previous: ResourceClaim): Iterable<FieldError> {
  const status = next.status ?? {};
  const before = previous.status ?? {};
  const path: FieldPath = ['status', 'reservedFor'];
  const consumers = status.reservedFor ?? [];
  yield* uniqueList(consumers, mostConsumers, (consumer) => consumer.uid, path);
  for (const [i, consumer] of consumers.entries()) {
    for (const field of ['resource', 'name', 'uid'] as const) yield* required(consumer[field], [...path, i, field]);
  }
  if (consumers.length > 0) {
    if (!status.allocation) yield e.forbidden(path, 'may not be specified when `allocated` is not set');
    else if (next.metadata.deletionTimestamp) {
      const known = new Set((before.reservedFor ?? []).map((consumer) => consumer.uid));
      if (consumers.some((consumer) => !known.has(consumer.uid))) {
        const detail = 'new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set';
        yield e.forbidden(path, detail);
      }
    }
  }
  yield* validateDevices(status.devices, allocatedDevices(next));
  if (before.allocation && status.allocation) {
    yield* immutable(status.allocation, before.allocation, ['status', 'allocation']);
  }
}

function* validateDevices(
  devices: readonly AllocatedDeviceStatus[] | undefined,
  allocated: ReadonlySet<string>,
): Iterable<FieldError> {
  const path: FieldPath = ['status', 'devices'];
  yield* uniqueList(devices, Number.POSITIVE_INFINITY, deviceKey, path);
  for (const [i, device] of (devices ?? []).entries()) {
    for (const field of ['driver', 'pool', 'device'] as const) yield* required(device[field], [...path, i, field]);
    if (!allocated.has(deviceKey(device))) {
      yield e.invalid([...path, i], deviceKey(device), 'must be an allocated device in the claim');
    }
  }
}

export const resourceClaimTemplate = resource<ResourceClaimTemplate>('resource.k8s.io/v1/resourceclaimtemplates', {
  columns: [nameColumn, ageColumn],
  returnsDeletedObject: true,
  default: (o) => defaultRequests(o.spec?.spec?.devices),
  *validate(o) {
    yield* validateDeviceClaim(o.spec?.spec?.devices, ['spec', 'spec', 'devices']);
  },
  *validateUpdate(next, previous) {
    if (!semanticEqual(next.spec, previous.spec)) yield* immutable(next.spec, previous.spec, ['spec']);
  },
});

export const deviceClass = resource<DeviceClass>('resource.k8s.io/v1/deviceclasses', {
  columns: [nameColumn, ageColumn],
  returnsDeletedObject: true,
  generation: true,
  *validate(o) {
    yield* validateSelectors(o.spec?.selectors, ['spec', 'selectors']);
    yield* uniqueList(o.spec?.config, 32, () => undefined, ['spec', 'config']);
    for (const [i, config] of (o.spec?.config ?? []).entries())
      yield* validateConfiguration(config.opaque, ['spec', 'config', i]);
    const name = o.spec?.extendedResourceName;
    if (name !== undefined && !isExtendedResource(name)) {
      yield e.invalid(['spec', 'extendedResourceName'], name, 'must be a valid extended resource name');
    }
  },
});
