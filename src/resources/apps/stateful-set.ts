import { type FieldError, type FieldPath, fieldError as e } from '../../kernel/status.ts';
import { defaultPodTemplate, roundResources } from '../core/pod/defaults.ts';
import { validatePodTemplate } from '../core/pod/validation.ts';
import { podWarnings } from '../core/pod/warnings.ts';
import { atMostHundredPercent, countOrPercent, nonNegative, oneOf } from '../shared/check.ts';
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
  validate: (o) => validateSpec(o.spec ?? {}),
  validateUpdate,
  *warnings(o) {
    yield* podWarnings(o.spec?.template?.spec ?? {}, ['spec', 'template', 'spec'], o.spec?.template?.metadata);
    if ((o.spec?.revisionHistoryLimit ?? 0) < 0) {
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

function* validateSpec(spec: StatefulSetSpec): Iterable<FieldError> {
  yield* oneOf(spec.podManagementPolicy, ['OrderedReady', 'Parallel'], ['spec', 'podManagementPolicy']);
  yield* validateStrategy(spec);
  const retention = spec.persistentVolumeClaimRetentionPolicy ?? {};
  for (const field of ['whenDeleted', 'whenScaled'] as const) {
    const path: FieldPath = ['spec', 'persistentVolumeClaimRetentionPolicy', field];
    yield* oneOf(retention[field], ['Retain', 'Delete'], path, false);
  }
  yield* nonNegative(spec.replicas, ['spec', 'replicas']);
  yield* nonNegative(spec.minReadySeconds, ['spec', 'minReadySeconds']);
  if (spec.ordinals) yield* nonNegative(spec.ordinals.start, ['spec', 'ordinals', 'start']);
  yield* validateSelector(spec.selector, spec.template, 'statefulset');
  yield* validatePodTemplate(spec.template, ['spec', 'template']);
  yield* validateAlwaysRestarts(spec.template, 'StatefulSet', ['spec', 'template']);
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
      yield* countOrPercent(rollingUpdate?.maxUnavailable, [...path, 'rollingUpdate', 'maxUnavailable']);
      yield* atMostHundredPercent(rollingUpdate?.maxUnavailable, [...path, 'rollingUpdate', 'maxUnavailable']);
      if (rollingUpdate?.maxUnavailable === 0 || rollingUpdate?.maxUnavailable === '0%') {
        yield e.invalid([...path, 'rollingUpdate', 'maxUnavailable'], rollingUpdate.maxUnavailable, 'cannot be 0');
      }
      break;
    default:
      yield e.invalid(path, spec.updateStrategy, "must be 'RollingUpdate' or 'OnDelete'");
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
