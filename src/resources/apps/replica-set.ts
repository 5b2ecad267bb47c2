import { defaultPodTemplate } from '../core/pod/defaults.ts';
import { validatePodTemplate } from '../core/pod/validation.ts';
import { templateWarnings, workloadNameWarning } from '../core/pod/warnings.ts';
import { immutable, nonNegative } from '../shared/check.ts';
import { ageColumn, nameColumn, resource, statusSubresource } from '../shared/resource.ts';
import {
  containersColumn,
  imagesColumn,
  scaleSubresource,
  selectorColumn,
  validateAlwaysRestarts,
  validateReplicaStatus,
  validateSelector,
} from '../shared/workload.ts';
import type { ReplicaSet } from '../typings/apps.ts';

/** apps/v1 ReplicaSet. */
export const replicaSet = resource<ReplicaSet>('apps/v1/replicasets', {
  columns: [
    nameColumn,
    { name: 'Desired', type: 'integer', value: (o) => o.spec?.replicas ?? 0 },
    { name: 'Current', type: 'integer', value: (o) => o.status?.replicas ?? 0 },
    { name: 'Ready', type: 'integer', value: (o) => o.status?.readyReplicas ?? 0 },
    ageColumn,
    containersColumn,
    imagesColumn,
    selectorColumn,
  ],
  selectableFields: { 'status.replicas': (o) => String(o.status?.replicas ?? 0) },
  generation: true,
  default(o) {
    o.spec ??= {};
    const spec = o.spec;
    spec.replicas ??= 1;
    spec.template ??= {};
    defaultPodTemplate(spec.template);
  },
  *validate(o) {
    const spec = o.spec ?? {};
    yield* nonNegative(spec.replicas, ['spec', 'replicas']);
    yield* nonNegative(spec.minReadySeconds, ['spec', 'minReadySeconds']);
    if (yield* validateSelector(spec.selector, spec.template, 'deployment', 'invalid label selector')) {
      yield* validatePodTemplate(spec.template, ['spec', 'template']);
      yield* validateAlwaysRestarts(spec.template, 'ReplicaSet', ['spec', 'template']);
    }
  },
  *validateUpdate(next, previous) {
    yield* immutable(next.spec?.selector, previous.spec?.selector, ['spec', 'selector']);
  },
  *warnings(next, previous) {
    if (!previous) yield* workloadNameWarning(next.metadata.name ?? '');
    yield* templateWarnings(next, previous, next.spec?.template, ['spec', 'template']);
  },
  subresources: {
    status: statusSubresource<ReplicaSet>({ validateUpdate: (next) => validateReplicaStatus(next.status) }),
    scale: scaleSubresource<ReplicaSet>(),
  },
});
