import { type FieldError, fieldError as e } from '../../kernel/status.ts';
import type { ObjectSubresource } from '../define.ts';
import { matches } from '../shared/check.ts';
import { dnsLabel, qualifiedName } from '../shared/names.ts';
import { ageColumn, nameColumn, resource, statusSubresource } from '../shared/resource.ts';
import type { Namespace } from '../typings/core.ts';

const nameLabel = 'kubernetes.io/metadata.name';

/** core/v1 Namespace. */
export const namespace = resource<Namespace>('/v1/namespaces', {
  returnsDeletedObject: true,
  // What is in it goes with it, whatever the options say.
  defaultPropagation: 'None',
  columns: [nameColumn, { name: 'Status', type: 'string', value: (o) => o.status?.phase ?? '' }, ageColumn],
  selectableFields: { 'status.phase': (o) => o.status?.phase ?? '', name: (o) => o.metadata.name ?? '' },
  default: labelWithName,
  prepareForCreate(o) {
    labelWithName(o);
    o.status = { phase: 'Active' };
    const finalizers = o.spec?.finalizers ?? [];
    o.spec = { ...o.spec, finalizers: finalizers.includes('kubernetes') ? finalizers : [...finalizers, 'kubernetes'] };
  },
  prepareForUpdate(next, previous) {
    labelWithName(next);
    next.spec = { ...next.spec, ...(previous.spec?.finalizers && { finalizers: previous.spec.finalizers }) };
  },
  markDeleting(o) {
    o.status = { ...o.status, phase: 'Terminating' };
    delete o.metadata.deletionGracePeriodSeconds;
  },
  validateName: dnsLabel,
  *validate(o) {
    yield* validateFinalizers(o);
  },
  subresources: {
    status: statusSubresource<Namespace>({ validateUpdate: validateStatus }),
    finalize: finalize(),
  },
});

function labelWithName(o: Namespace): void {
  if (!o.metadata.name) return;
  o.metadata.labels = { ...o.metadata.labels, [nameLabel]: o.metadata.name };
  o.status ??= {};
  o.status.phase ||= 'Active';
}

function finalize(): ObjectSubresource<Namespace> {
  return {
    type: 'object',
    verbs: ['update'],
    merge: (next, previous) => ({ ...next, ...(previous.status && { status: previous.status }) }),
    validateUpdate: validateFinalizers,
  };
}

function* validateFinalizers(o: Namespace): Iterable<FieldError> {
  for (const name of o.spec?.finalizers ?? []) {
    const path = ['spec', 'finalizers'];
    yield* matches(qualifiedName, name, path);
    if (!name.includes('/') && name !== 'kubernetes') {
      yield e.invalid(path, name, 'name is neither a standard finalizer name nor is it fully qualified');
    }
  }
}

function* validateStatus(next: Namespace): Iterable<FieldError> {
  const phase = next.status?.phase;
  if (next.metadata.deletionTimestamp) {
    if (phase !== 'Terminating') {
      yield e.invalid(['status', 'Phase'], phase, "may only be 'Terminating' if `deletionTimestamp` is not empty");
    }
  } else if (phase !== 'Active') {
    yield e.invalid(['status', 'Phase'], phase, "may only be 'Active' if `deletionTimestamp` is empty");
  }
}
