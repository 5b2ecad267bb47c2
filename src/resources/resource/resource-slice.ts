import { formatTime } from '../../kernel/clock.ts';
import { type FieldError, type FieldPath, fieldError as e } from '../../kernel/status.ts';
import { validateNodeSelector } from '../core/pod/scheduling.ts';
import { validateDriverName } from '../core/pod/volumes.ts';
import { immutable, matches, oneOf, requiredMatch } from '../shared/check.ts';
import { validateLabelName } from '../shared/labels.ts';
import { dnsLabel, dnsSubdomain } from '../shared/names.ts';
import { ageColumn, nameColumn, resource } from '../shared/resource.ts';
import type { Device, ResourceSlice, ResourceSliceSpec } from '../typings/resource.ts';
import { validateAttributes, validateQualifiedName } from './attributes.ts';
import { uniqueList } from './requests.ts';

const mostDevices = 128;
const mostDevicesWithExtras = 64;
const mostAttributesAndCapacities = 32;

/** resource.k8s.io/v1 ResourceSlice. */
export const resourceSlice = resource<ResourceSlice>('resource.k8s.io/v1/resourceslices', {
  columns: [
    nameColumn,
    { name: 'Node', type: 'string', value: (o) => o.spec?.nodeName ?? '' },
    { name: 'Driver', type: 'string', value: (o) => o.spec?.driver ?? '' },
    { name: 'Pool', type: 'string', value: (o) => o.spec?.pool?.name ?? '' },
    ageColumn,
  ],
  selectableFields: {
    'spec.nodeName': (o) => o.spec?.nodeName ?? '',
    'spec.driver': (o) => o.spec?.driver ?? '',
  },
  returnsDeletedObject: true,
  generation: true,
  prepareForCreate: (o, { nowMs }) => stampTaints(o, nowMs),
  prepareForUpdate: (next, _previous, { nowMs }) => stampTaints(next, nowMs),
  validate: (o) => validateSpec(o.spec ?? {}),
  *validateUpdate(next, previous) {
    yield* immutable(next.spec?.pool?.name, previous.spec?.pool?.name, ['spec', 'pool', 'name']);
    yield* immutable(next.spec?.driver, previous.spec?.driver, ['spec', 'driver']);
    yield* immutable(next.spec?.nodeName, previous.spec?.nodeName, ['spec', 'nodeName']);
  },
  *warnings(o) {
    const driver = o.spec?.driver ?? '';
    if (driver !== driver.toLowerCase()) {
      yield `spec.driver: driver names should be lowercase; "${driver}" contains uppercase characters`;
    }
  },
});

function stampTaints(o: ResourceSlice, nowMs: number): void {
  for (const device of o.spec?.devices ?? [])
    for (const taint of device.taints ?? []) taint.timeAdded ??= formatTime(nowMs);
}

function* validateSpec(spec: ResourceSliceSpec): Iterable<FieldError> {
  yield* validateDriverName(spec.driver, ['spec', 'driver']);
  yield* validatePool(spec);
  yield* validateWhere(spec);
  if (spec.sharedCounters && spec.devices) {
    yield e.invalid(['spec'], '', 'only one of `sharedCounters` or `devices` is allowed');
  }
  const devices = spec.devices ?? [];
  const extras = devices.some(
    (device) => (device.taints ?? []).length > 0 || (device.consumesCounters ?? []).length > 0,
  );
  yield* uniqueList(devices, extras ? mostDevicesWithExtras : mostDevices, (device) => device.name, [
    'spec',
    'devices',
  ]);
  for (const [i, device] of devices.entries()) {
    yield* validateDevice(device, ['spec', 'devices', i]);
    yield* validateDeviceNodes(device, spec.perDeviceNodeSelection === true, ['spec', 'devices', i]);
  }
}

function* validatePool(spec: ResourceSliceSpec): Iterable<FieldError> {
  const { name = '', resourceSliceCount = 0, generation = 0 } = spec.pool ?? {};
  const path: FieldPath = ['spec', 'pool'];
  if (!name) yield e.required([...path, 'name']);
  else if (name.length > 253) yield e.tooLong([...path, 'name'], 253);
  else for (const part of name.split('/')) yield* matches(dnsSubdomain, part, [...path, 'name']);
  if (resourceSliceCount <= 0) {
    yield e.invalid([...path, 'resourceSliceCount'], resourceSliceCount, 'must be greater than zero');
  }
  if (generation < 0) yield e.invalid([...path, 'generation'], generation, 'must be greater than or equal to zero');
}

/** Exactly one way to say which nodes reach the devices. */
function* validateWhere(spec: ResourceSliceSpec): Iterable<FieldError> {
  const set: string[] = [];
  if (spec.nodeName !== undefined) {
    if (spec.nodeName === '') {
      yield e.invalid(['spec', 'nodeName'], '', 'must be either unset or set to a non-empty string');
    } else {
      set.push('`nodeName`');
      yield* matches(dnsSubdomain, spec.nodeName, ['spec', 'nodeName']);
    }
  }
  if (spec.nodeSelector) {
    set.push('`nodeSelector`');
    yield* validateNodeSelector(spec.nodeSelector, ['spec', 'nodeSelector']);
    const terms = spec.nodeSelector.nodeSelectorTerms ?? [];
    if (terms.length !== 1) {
      yield e.invalid(['spec', 'nodeSelector', 'nodeSelectorTerms'], terms, 'must have exactly one node selector term');
    }
  }
  for (const field of ['allNodes', 'perDeviceNodeSelection'] as const) {
    if (spec[field]) set.push(`\`${field}\``);
    else if (spec[field] === false) yield e.invalid(['spec', field], false, 'must be either unset or set to true');
  }
  const one = 'exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required';
  if (set.length === 0) yield e.required(['spec'], one);
  else if (set.length > 1) yield e.invalid(['spec'], `{${set.join(', ')}}`, `${one}, but multiple fields are set`);
}

function* validateDevice(device: Device, path: FieldPath): Iterable<FieldError> {
  yield* requiredMatch(dnsLabel, device.name, [...path, 'name']);
  const attributes = Object.entries(device.attributes ?? {});
  const total = attributes.length + Object.keys(device.capacity ?? {}).length;
  if (total > mostAttributesAndCapacities) {
    const detail = `the total number of attributes and capacities must not exceed ${mostAttributesAndCapacities}`;
    yield e.invalid(path, total, detail);
  }
  yield* validateAttributes(device.attributes, [...path, 'attributes']);
  for (const key of Object.keys(device.capacity ?? {})) yield* validateQualifiedName(key, [...path, 'capacity']);
  for (const [i, taint] of (device.taints ?? []).entries()) {
    const at = [...path, 'taints', i];
    yield* validateLabelName(taint.key ?? '', [...at, 'key']);
    yield* oneOf(taint.effect, ['NoExecute', 'NoSchedule', 'None'], [...at, 'effect']);
  }
}

const perDevice =
  'exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when `perDeviceNodeSelection` is set to true in the ResourceSlice spec';

/** Which nodes reach one device, when the slice leaves it to the devices. */
function* validateDeviceNodes(device: Device, own: boolean, path: FieldPath): Iterable<FieldError> {
  const { nodeName, nodeSelector, allNodes } = device;
  if (!own) {
    if (nodeName === undefined && nodeSelector === undefined && allNodes === undefined) return;
    const detail =
      '`nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice spec';
    yield e.invalid(path, null, detail);
    return;
  }
  const set: string[] = [];
  if (nodeName) {
    set.push('`nodeName`');
    yield* matches(dnsSubdomain, nodeName, [...path, 'nodeName']);
  } else if (nodeName === '') yield e.invalid([...path, 'nodeName'], '', 'must not be empty');
  if (nodeSelector) {
    set.push('`nodeSelector`');
    yield* validateNodeSelector(nodeSelector, [...path, 'nodeSelector']);
  }
  if (allNodes) set.push('`allNodes`');
  else if (allNodes === false) yield e.invalid([...path, 'allNodes'], false, 'must be either unset or set to true');
  if (set.length === 0) yield e.required(path, perDevice);
  else if (set.length > 1) yield e.invalid(path, `{${set.join(', ')}}`, perDevice);
}
