import { type FieldError, type FieldPath, fieldError as e } from '../../kernel/status.ts';
import { defaultPodTemplate, roundResources } from '../core/pod/defaults.ts';
import { validatePodTemplate } from '../core/pod/validation.ts';
import { templateWarnings } from '../core/pod/warnings.ts';
import { matches, nonNegative, oneOf } from '../shared/check.ts';
import { validateClaimSpec } from '../core/volume-claim.ts';
import { semanticEqual } from '../shared/equal.ts';
import { dnsLabel } from '../shared/names.ts';
import { ageColumn, nameColumn, resource, statusSubresource } from '../shared/resource.ts';
import {
  containersColumn,
  imagesColumn,
  scaleSubresource,
  validateAlwaysRestarts,
  validateSelector,
} from '../shared/workload.ts';
import type { PodTemplateSpec } from '../typings/core.ts';
import type { StatefulSet, StatefulSetSpec, StatefulSetStatus } from '../typings/apps.ts';

/** apps/v1 StatefulSet. */
export const statefulSet = resource<StatefulSet>('apps/v1/statefulsets', {
  columns: [
    nameColumn,
    { name: 'Ready', type: 'string', value: (o) => `${o.status?.readyReplicas ?? 0}/${o.spec?.replicas ?? 0}` },
    ageColumn,
    containersColumn,
    imagesColumn,
  ],
  generation: true,
  default(o) {
    o.spec ??= {};
    defaultSpec(o.spec);
  },
  validateName: dnsLabel,
  prepareForCreate: dropDisabled,
  prepareForUpdate: dropDisabled,
  validate: (o) => validateSpec(o.spec ?? {}),
  validateCreate,
  validateUpdate,
  *warnings(next, previous) {
    yield* templateWarnings(next, previous, next.spec?.template, ['spec', 'template']);
    if ((next.spec?.revisionHistoryLimit ?? 0) < 0) {
      yield 'spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended';
    }
  },
  subresources: {
    status: statusSubresource<StatefulSet>({
      validateUpdate: (next, previous) => validateStatus(next.status ?? {}, previous.status ?? {}),
    }),
    scale: scaleSubresource<StatefulSet>(),
  },
});

function defaultSpec(spec: StatefulSetSpec): void {
  spec.podManagementPolicy ||= 'OrderedReady';
  spec.updateStrategy ??= {};
  const strategy = spec.updateStrategy;
  if (!strategy.type) {
    strategy.type = 'RollingUpdate';
    strategy.rollingUpdate ??= {};
  }
  if (strategy.type === 'RollingUpdate' && strategy.rollingUpdate) strategy.rollingUpdate.partition ??= 0;
  spec.persistentVolumeClaimRetentionPolicy ??= {};
  const retention = spec.persistentVolumeClaimRetentionPolicy;
  retention.whenDeleted ||= 'Retain';
  retention.whenScaled ||= 'Retain';
  spec.replicas ??= 1;
  spec.revisionHistoryLimit ??= 10;
  spec.template ??= {};
  defaultPodTemplate(spec.template);
  for (const claim of spec.volumeClaimTemplates ?? []) {
    claim.spec ??= {};
    claim.spec.volumeMode ??= 'Filesystem';
    roundResources(claim.spec.resources);
    claim.status ??= {};
    claim.status.phase ||= 'Pending';
  }
}

/** `maxUnavailable` is behind a gate that is off. */
function dropDisabled(o: StatefulSet): void {
  delete o.spec?.updateStrategy?.rollingUpdate?.maxUnavailable;
}

/** The immutable parts are checked when they are made. */
function* validateCreate(o: StatefulSet): Iterable<FieldError> {
  const spec = o.spec ?? {};
  for (const [i, claim] of (spec.volumeClaimTemplates ?? []).entries()) {
    yield* validateClaimSpec(claim.spec ?? {}, ['spec', 'volumeClaimTemplates', i, 'spec']);
  }
  if (spec.serviceName) yield* matches(dnsLabel, spec.serviceName, ['spec', 'serviceName']);
}

/** The template as its pods will be: with a volume for each claim, without the names that the controller overwrites. */
function podTemplate(spec: StatefulSetSpec): PodTemplateSpec {
  const claims = (spec.volumeClaimTemplates ?? []).map((claim) => claim.metadata?.name ?? '');
  const { subdomain: _, hostname: __, ...pod } = spec.template?.spec ?? {};
  if (claims.length === 0) return { ...spec.template, spec: pod };
  const volumes = [
    ...claims.map((name) => ({ name, persistentVolumeClaim: { claimName: name } })),
    ...(pod.volumes ?? []).filter((volume) => !claims.includes(volume.name ?? '')),
  ];
  return { ...spec.template, spec: { ...pod, volumes } };
}

function* validateSpec(spec: StatefulSetSpec): Iterable<FieldError> {
  const policy = spec.podManagementPolicy;
  if (!policy) yield e.required(['spec', 'podManagementPolicy']);
  else if (policy !== 'OrderedReady' && policy !== 'Parallel') {
    yield e.invalid(['spec', 'podManagementPolicy'], policy, "must be 'OrderedReady' or 'Parallel'");
  }
  yield* validateStrategy(spec);
  const retention = spec.persistentVolumeClaimRetentionPolicy ?? {};
  for (const field of ['whenDeleted', 'whenScaled'] as const) {
    const path: FieldPath = ['spec', 'persistentVolumeClaimRetentionPolicy', field];
    yield* oneOf(retention[field], ['Retain', 'Delete'], path, false);
  }
  yield* nonNegative(spec.replicas, ['spec', 'replicas']);
  yield* nonNegative(spec.minReadySeconds, ['spec', 'minReadySeconds']);
  if (spec.ordinals) yield* nonNegative(spec.ordinals.start, ['spec', 'ordinals', 'start']);
  if (yield* validateSelector(spec.selector, spec.template, 'statefulset', '')) {
    yield* validatePodTemplate(podTemplate(spec), ['spec', 'template']);
    yield* validateAlwaysRestarts(spec.template, 'StatefulSet', ['spec', 'template']);
  }
}

function* validateStrategy(spec: StatefulSetSpec): Iterable<FieldError> {
  const path: FieldPath = ['spec', 'updateStrategy'];
  const { type, rollingUpdate } = spec.updateStrategy ?? {};
  switch (type) {
    case undefined:
    case '':
      yield e.required(path);
      break;
    case 'OnDelete':
      if (rollingUpdate) {
        yield e.invalid([...path, 'rollingUpdate'], rollingUpdate, `only allowed for updateStrategy 'RollingUpdate'`);
      }
      break;
    case 'RollingUpdate':
      yield* nonNegative(rollingUpdate?.partition, [...path, 'rollingUpdate', 'partition']);
      break;
    default:
      yield e.invalid(
        path,
        { Type: type, RollingUpdate: rollingUpdate ?? null },
        "must be 'RollingUpdate' or 'OnDelete'",
      );
  }
}

const mutable = [
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
] as const;

function* validateUpdate(next: StatefulSet, previous: StatefulSet): Iterable<FieldError> {
  const fixed = (o: StatefulSet): object => {
    const rest: Record<string, unknown> = { ...o.spec };
    for (const field of mutable) delete rest[field];
    return rest;
  };
  if (!semanticEqual(fixed(next), fixed(previous))) {
    yield e.forbidden(
      ['spec'],
      "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
    );
  }
}

const counts = [
  'replicas',
  'readyReplicas',
  'availableReplicas',
  'currentReplicas',
  'updatedReplicas',
  'observedGeneration',
  'collisionCount',
] as const;

function* validateStatus(next: StatefulSetStatus, previous: StatefulSetStatus): Iterable<FieldError> {
  for (const field of counts) yield* nonNegative(next[field], ['status', field]);
  for (const field of ['readyReplicas', 'currentReplicas', 'updatedReplicas', 'availableReplicas'] as const) {
    if ((next[field] ?? 0) > (next.replicas ?? 0)) {
      yield e.invalid(['status', field], next[field], 'cannot be greater than status.replicas');
    }
  }
  if ((next.availableReplicas ?? 0) > (next.readyReplicas ?? 0)) {
    yield e.invalid(
      ['status', 'availableReplicas'],
      next.availableReplicas,
      'cannot be greater than status.readyReplicas',
    );
  }
  if ((next.collisionCount ?? 0) < (previous.collisionCount ?? 0)) {
    yield e.invalid(['status', 'collisionCount'], next.collisionCount ?? 0, 'cannot be decremented');
  }
}
