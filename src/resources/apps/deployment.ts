import { type FieldError, type FieldPath, fieldError as e } from '../../kernel/status.ts';
import { defaultPodTemplate } from '../core/pod/defaults.ts';
import { validatePodTemplate } from '../core/pod/validation.ts';
import { templateWarnings, workloadNameWarning } from '../core/pod/warnings.ts';
import { atMostHundredPercent, countOrPercent, immutable, nonNegative, percentOf } from '../shared/check.ts';
import { semanticEqual } from '../shared/equal.ts';
import { selectorText } from '../shared/labels.ts';
import { ageColumn, nameColumn, resource, statusSubresource } from '../shared/resource.ts';
import {
  containersColumn,
  imagesColumn,
  scaleSubresource,
  validateAlwaysRestarts,
  validateSelector,
} from '../shared/workload.ts';
import type { Deployment, DeploymentSpec, DeploymentStatus } from '../typings/apps.ts';

/** apps/v1 Deployment. */
export const deployment = resource<Deployment>('apps/v1/deployments', {
  columns: [
    nameColumn,
    { name: 'Ready', type: 'string', value: (o) => `${o.status?.readyReplicas ?? 0}/${o.spec?.replicas ?? 0}` },
    { name: 'Up-to-date', type: 'string', value: (o) => o.status?.updatedReplicas ?? 0 },
    { name: 'Available', type: 'string', value: (o) => o.status?.availableReplicas ?? 0 },
    ageColumn,
    containersColumn,
    imagesColumn,
    { name: 'Selector', type: 'string', priority: 1, value: (o) => selectorText(o.spec?.selector) },
  ],
  generation: true,
  // Annotations count too: the controller copies them to its ReplicaSets.
  prepareForUpdate(next, previous) {
    if (!semanticEqual(next.metadata.annotations, previous.metadata.annotations, 'annotations')) {
      next.metadata.generation = (previous.metadata.generation ?? 0) + 1;
    }
  },
  default(o) {
    o.spec ??= {};
    const spec = o.spec;
    spec.replicas ??= 1;
    spec.strategy ??= {};
    const strategy = spec.strategy;
    strategy.type ||= 'RollingUpdate';
    if (strategy.type === 'RollingUpdate') {
      strategy.rollingUpdate ??= {};
      strategy.rollingUpdate.maxUnavailable ??= '25%';
      strategy.rollingUpdate.maxSurge ??= '25%';
    }
    spec.revisionHistoryLimit ??= 10;
    spec.progressDeadlineSeconds ??= 600;
    spec.template ??= {};
    defaultPodTemplate(spec.template);
  },
  validate: (o) => validateSpec(o.spec ?? {}),
  *validateUpdate(next, previous) {
    yield* immutable(next.spec?.selector, previous.spec?.selector, ['spec', 'selector']);
  },
  *warnings(next, previous) {
    if (!previous) yield* workloadNameWarning(next.metadata.name ?? '');
    yield* templateWarnings(next, previous, next.spec?.template, ['spec', 'template']);
  },
  subresources: {
    status: statusSubresource<Deployment>({
      finish(merged, previous) {
        const { labels: _, ...metadata } = merged.metadata;
        merged.metadata = { ...metadata, ...(previous.metadata.labels && { labels: previous.metadata.labels }) };
      },
      validateUpdate: (next, previous) => validateStatus(next.status ?? {}, previous.status ?? {}),
    }),
    scale: scaleSubresource<Deployment>(),
  },
});

function* validateSpec(spec: DeploymentSpec): Iterable<FieldError> {
  yield* nonNegative(spec.replicas, ['spec', 'replicas']);
  if (yield* validateSelector(spec.selector, spec.template, 'deployment', 'invalid label selector')) {
    yield* validatePodTemplate(spec.template, ['spec', 'template']);
    yield* validateAlwaysRestarts(spec.template, 'ReplicaSet', ['spec', 'template']);
  }
  yield* validateStrategy(spec);
  yield* nonNegative(spec.minReadySeconds, ['spec', 'minReadySeconds']);
  yield* nonNegative(spec.revisionHistoryLimit, ['spec', 'revisionHistoryLimit']);
  yield* nonNegative(spec.progressDeadlineSeconds, ['spec', 'progressDeadlineSeconds']);
  const deadline = spec.progressDeadlineSeconds;
  if (deadline !== undefined && deadline <= (spec.minReadySeconds ?? 0)) {
    yield e.invalid(['spec', 'progressDeadlineSeconds'], deadline, 'must be greater than minReadySeconds');
  }
}

function* validateStrategy(spec: DeploymentSpec): Iterable<FieldError> {
  const path: FieldPath = ['spec', 'strategy'];
  const { type, rollingUpdate } = spec.strategy ?? {};
  if (type === 'Recreate') {
    if (rollingUpdate) {
      yield e.forbidden([...path, 'rollingUpdate'], "may not be specified when strategy `type` is 'Recreate'");
    }
    return;
  }
  if (type !== 'RollingUpdate') {
    const value = { Type: type ?? '', RollingUpdate: rollingUpdate ?? null };
    yield e.notSupported(path, value, ['Recreate', 'RollingUpdate']);
    return;
  }
  const at = [...path, 'rollingUpdate'];
  const { maxUnavailable, maxSurge } = rollingUpdate ?? {};
  yield* countOrPercent(maxUnavailable, [...at, 'maxUnavailable']);
  yield* countOrPercent(maxSurge, [...at, 'maxSurge']);
  if (isZero(maxUnavailable) && isZero(maxSurge)) {
    yield e.invalid([...at, 'maxUnavailable'], maxUnavailable, 'may not be 0 when `maxSurge` is 0');
  }
  yield* atMostHundredPercent(maxUnavailable, [...at, 'maxUnavailable']);
}

const isZero = (value: number | string | undefined): boolean =>
  (typeof value === 'string' ? percentOf(value) : value) === 0;

const counts = [
  'observedGeneration',
  'replicas',
  'updatedReplicas',
  'readyReplicas',
  'availableReplicas',
  'unavailableReplicas',
  'terminatingReplicas',
  'collisionCount',
] as const;

function* validateStatus(next: DeploymentStatus, previous: DeploymentStatus): Iterable<FieldError> {
  for (const field of counts) yield* nonNegative(next[field], ['status', field]);
  const total = next.replicas ?? 0;
  for (const field of ['updatedReplicas', 'readyReplicas', 'availableReplicas'] as const) {
    const value = next[field] ?? 0;
    if (value > total) yield e.invalid(['status', field], value, 'cannot be greater than status.replicas');
  }
  if ((next.availableReplicas ?? 0) > (next.readyReplicas ?? 0)) {
    yield e.invalid(['status', 'availableReplicas'], next.availableReplicas, 'cannot be greater than readyReplicas');
  }
  if ((next.collisionCount ?? 0) < (previous.collisionCount ?? 0)) {
    yield e.invalid(['status', 'collisionCount'], next.collisionCount ?? 0, 'cannot be decremented');
  }
}
