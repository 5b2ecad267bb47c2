import { type FieldError, type FieldPath, fieldError as e } from '../../kernel/status.ts';
import { matches, oneOf } from '../shared/check.ts';
import { orNone } from '../shared/cells.ts';
import { semanticEqual } from '../shared/equal.ts';
import { isDualStackPair, validCIDR } from '../shared/ip.ts';
import { validateLabelName } from '../shared/labels.ts';
import { labelValue } from '../shared/names.ts';
import { ageColumn, nameColumn, proxy, resource, statusSubresource } from '../shared/resource.ts';
import type { Node, NodeSpec, NodeStatus } from '../typings/core.ts';
import { roundList } from './pod/defaults.ts';
import { taintEffects } from './pod/scheduling.ts';
import { validateResourceQuantity } from './resource-names.ts';

/** core/v1 Node. */
export const node = resource<Node>('/v1/nodes', {
  columns: [
    nameColumn,
    { name: 'Status', type: 'string', value: statusCell },
    { name: 'Roles', type: 'string', value: (o) => orNone(roles(o).join(',')) },
    ageColumn,
    { name: 'Version', type: 'string', value: (o) => o.status?.nodeInfo?.kubeletVersion ?? '' },
    { name: 'Internal-IP', type: 'string', priority: 1, value: (o) => address(o, 'InternalIP') },
    { name: 'External-IP', type: 'string', priority: 1, value: (o) => address(o, 'ExternalIP') },
    { name: 'OS-Image', type: 'string', priority: 1, value: (o) => orUnknown(o.status?.nodeInfo?.osImage) },
    { name: 'Kernel-Version', type: 'string', priority: 1, value: kernelCell },
    {
      name: 'Container-Runtime',
      type: 'string',
      priority: 1,
      value: (o) => orUnknown(o.status?.nodeInfo?.containerRuntimeVersion),
    },
  ],
  selectableFields: { 'spec.unschedulable': (o) => String(o.spec?.unschedulable ?? false) },
  default(o) {
    syncPodCIDRs(o.spec);
    if (!o.status) return;
    if (o.status.capacity) roundList(o.status.capacity);
    if (o.status.allocatable) roundList(o.status.allocatable);
    else if (o.status.capacity) o.status.allocatable = { ...o.status.capacity };
  },
  keepsStatusOnCreate: true,
  prepareForCreate: dropConfigSource,
  prepareForUpdate: dropConfigSource,
  validate,
  validateUpdate,
  *warnings(o) {
    if (o.spec?.externalID) yield 'spec.externalID: this field is deprecated, and is unused by Kubernetes';
  },
  isSoft: (next, previous) => previous !== undefined && onlyHeartbeats(next, previous),
  subresources: {
    status: statusSubresource<Node>({
      finish: (o) => delete o.status?.config,
      validateUpdate: validateStatusUpdate,
    }),
    proxy: proxy('NodeProxyOptions'),
  },
});

function statusCell(o: Node): string {
  const ready = o.status?.conditions?.find((condition) => condition.type === 'Ready');
  const status = ready ? (ready.status === 'True' ? 'Ready' : 'NotReady') : 'Unknown';
  return o.spec?.unschedulable ? `${status},SchedulingDisabled` : status;
}

const rolePrefix = 'node-role.kubernetes.io/';

function roles(o: Node): string[] {
  const found = new Set<string>();
  for (const [key, value] of Object.entries(o.metadata.labels ?? {})) {
    if (key.startsWith(rolePrefix) && key.length > rolePrefix.length) found.add(key.slice(rolePrefix.length));
    else if (key === 'kubernetes.io/role' && value) found.add(value);
  }
  return [...found].sort();
}

const address = (o: Node, type: string): string =>
  o.status?.addresses?.find((one) => one.type === type)?.address ?? '<none>';

const orUnknown = (text: string | undefined): string => text || '<unknown>';

function kernelCell(o: Node): string {
  const { kernelVersion, architecture } = o.status?.nodeInfo ?? {};
  return `${orUnknown(kernelVersion)}${architecture ? ` (${architecture})` : ''}`;
}

/** `podCIDR` is the first of `podCIDRs`, whichever was written. */
function syncPodCIDRs(spec: NodeSpec | undefined): void {
  if (!spec) return;
  const first = spec.podCIDRs?.[0];
  if (spec.podCIDR && first !== spec.podCIDR) spec.podCIDRs = [spec.podCIDR];
  else if (first && !spec.podCIDR) spec.podCIDR = first;
}

function* validate(o: Node): Iterable<FieldError> {
  yield* validateTaints(o);
  const cidrs = o.spec?.podCIDRs ?? [];
  for (const [i, cidr] of cidrs.entries()) yield* validCIDR(cidr, ['spec', 'podCIDRs', i]);
  if (cidrs.length > 1 && !isDualStackPair(cidrs)) {
    yield e.invalid(['spec', 'podCIDRs'], cidrs, 'may specify no more than one CIDR for each IP family');
  }
  yield* validateStatusLists(o.status);
}

function* validateTaints(o: Node): Iterable<FieldError> {
  const seen = new Set<string>();
  for (const [i, taint] of (o.spec?.taints ?? []).entries()) {
    const at: FieldPath = ['metadata', 'taints', i];
    yield* validateLabelName(taint.key ?? '', [...at, 'key']);
    if (taint.value) yield* matches(labelValue, taint.value, [...at, 'value']);
    yield* oneOf(taint.effect, taintEffects, [...at, 'effect']);
    const key = `${taint.key}:${taint.effect}`;
    if (seen.has(key)) {
      const error = e.duplicate(at, taint);
      yield { ...error, message: `${error.message}: taints must be unique by key and effect pair` };
    }
    seen.add(key);
  }
}

function* validateStatusLists(status: NodeStatus | undefined): Iterable<FieldError> {
  for (const field of ['capacity', 'allocatable'] as const) {
    for (const [name, value] of Object.entries(status?.[field] ?? {})) {
      yield* validateResourceQuantity(name, value, ['status', field, name]);
    }
  }
  yield* validateFeatures(status?.declaredFeatures ?? []);
}

/** Kubelets take no configuration from the API any more. */
function dropConfigSource(o: Node): void {
  delete o.spec?.configSource;
  delete o.status?.config;
}

const featureName = /^[A-Z][a-zA-Z0-9]*(\/[a-zA-Z0-9]+)*$/;

function* validateFeatures(features: readonly string[]): Iterable<FieldError> {
  for (const [i, feature] of features.entries()) {
    const path: FieldPath = ['status', 'declaredFeatures', i];
    const before = features[i - 1];
    if (!featureName.test(feature)) {
      const rule =
        "must start with an UpperCamelCase segment, with subsequent segments separated by '/' (e.g., MyFeature or MyFeature/mySubFeature), and contain only alphanumeric characters and slashes";
      yield e.invalid(path, feature, `invalid feature name "${feature}": ${rule}`);
    }
    if (before === feature) yield e.duplicate(path, feature);
    else if (before !== undefined && before > feature)
      yield e.invalid(path, feature, 'list must be sorted alphabetically');
  }
}

function* validateUpdate(next: Node, previous: Node): Iterable<FieldError> {
  const spec = next.spec ?? {};
  const before = previous.spec ?? {};
  if ((before.podCIDRs ?? []).length > 0 && !semanticEqual(before.podCIDRs, spec.podCIDRs)) {
    yield e.forbidden(['spec', 'podCIDRs'], 'node updates may not change podCIDR except from "" to valid');
  }
  if (before.providerID && before.providerID !== spec.providerID) {
    yield e.forbidden(['spec', 'providerID'], 'node updates may not change providerID except from "" to valid');
  }
  if ((spec.externalID ?? '') !== (before.externalID ?? '')) {
    yield e.forbidden(['spec', 'externalID'], 'may not be updated');
  }
}

function* validateStatusUpdate(next: Node): Iterable<FieldError> {
  yield* validateStatusLists(next.status);
  const seen = new Set<string>();
  for (const [i, one] of (next.status?.addresses ?? []).entries()) {
    const key = `${one.type}/${one.address}`;
    if (seen.has(key)) yield e.duplicate(['status', 'addresses', i], one);
    seen.add(key);
  }
}

/** True when nothing but the conditions' heartbeat times (and bookkeeping) differs. */
function onlyHeartbeats(next: Node, previous: Node): boolean {
  const bare = (o: Node): object => {
    const { resourceVersion: _, managedFields: __, ...metadata } = o.metadata;
    const conditions = o.status?.conditions?.map(({ lastHeartbeatTime: ___, ...condition }) => condition);
    return { metadata, spec: o.spec, status: { ...o.status, conditions } };
  };
  return semanticEqual(bare(next), bare(previous));
}
