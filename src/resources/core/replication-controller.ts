import { type FieldError, fieldError as e } from '../../kernel/status.ts';
import { containerImages, containerNames } from '../shared/cells.ts';
import { nonNegative } from '../shared/check.ts';
import { formatLabels, labelSetText } from '../shared/labels.ts';
import { ageColumn, nameColumn, objectVerbs, resource, statusSubresource } from '../shared/resource.ts';
import { validateReplicaStatus } from '../shared/workload.ts';
import type { ReplicationController } from '../typings/core.ts';
import { defaultPodTemplate } from './pod/defaults.ts';
import { validatePodTemplate } from './pod/validation.ts';
import { templateWarnings, workloadNameWarning } from './pod/warnings.ts';

/** core/v1 ReplicationController. */
export const replicationController = resource<ReplicationController>('/v1/replicationcontrollers', {
  columns: [
    nameColumn,
    { name: 'Desired', type: 'integer', value: (o) => o.spec?.replicas ?? 0 },
    { name: 'Current', type: 'integer', value: (o) => o.status?.replicas ?? 0 },
    { name: 'Ready', type: 'integer', value: (o) => o.status?.readyReplicas ?? 0 },
    ageColumn,
    {
      name: 'Containers',
      type: 'string',
      priority: 1,
      value: (o) => containerNames(o.spec?.template?.spec?.containers),
    },
    { name: 'Images', type: 'string', priority: 1, value: (o) => containerImages(o.spec?.template?.spec?.containers) },
    { name: 'Selector', type: 'string', priority: 1, value: (o) => formatLabels(o.spec?.selector) },
  ],
  selectableFields: { 'status.replicas': (o) => String(o.status?.replicas ?? 0) },
  defaultPropagation: 'Orphan',
  generation: true,
  default(o) {
    o.spec ??= {};
    const spec = o.spec;
    spec.replicas ??= 1;
    const labels = spec.template?.metadata?.labels;
    if (labels) {
      if (Object.keys(spec.selector ?? {}).length === 0) spec.selector = { ...labels };
      if (Object.keys(o.metadata.labels ?? {}).length === 0) o.metadata.labels = { ...labels };
    }
    defaultPodTemplate(spec.template);
  },
  validate,
  *warnings(next, previous) {
    if (!previous) yield* workloadNameWarning(next.metadata.name ?? '');
    yield* templateWarnings(next, previous, next.spec?.template, ['spec', 'template']);
  },
  subresources: {
    status: statusSubresource<ReplicationController>({ validateUpdate: (next) => validateReplicaStatus(next.status) }),
    scale: {
      type: 'scale',
      verbs: objectVerbs,
      replicas: (o) => o.spec?.replicas ?? 0,
      setReplicas: (o, replicas) => ({ ...o, spec: { ...o.spec, replicas } }),
      statusReplicas: (o) => o.status?.replicas ?? 0,
      selector: (o) => labelSetText(o.spec?.selector),
    },
  },
});

function* validate(o: ReplicationController): Iterable<FieldError> {
  const spec = o.spec ?? {};
  yield* nonNegative(spec.minReadySeconds, ['spec', 'minReadySeconds']);
  const selector = spec.selector ?? {};
  if (Object.keys(selector).length === 0) yield e.required(['spec', 'selector']);
  yield* nonNegative(spec.replicas, ['spec', 'replicas']);
  if (!spec.template) {
    yield e.required(['spec', 'template']);
    return;
  }
  const labels = spec.template.metadata?.labels ?? {};
  const matched = Object.entries(selector).every(([key, value]) => labels[key] === value);
  if (Object.keys(selector).length > 0 && !matched) {
    yield e.invalid(['spec', 'template', 'metadata', 'labels'], labels, '`selector` does not match template `labels`');
  }
  yield* validatePodTemplate(spec.template, ['spec', 'template']);
  const policy = spec.template.spec?.restartPolicy;
  if (policy !== 'Always') {
    yield e.notSupported(['spec', 'template', 'spec', 'restartPolicy'], policy, ['Always']);
  }
  if (spec.template.spec?.activeDeadlineSeconds !== undefined) {
    yield e.forbidden(
      ['spec', 'template', 'spec', 'activeDeadlineSeconds'],
      'activeDeadlineSeconds in ReplicationController is not Supported',
    );
  }
}
