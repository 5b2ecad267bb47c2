import { type FieldError, fieldError as e } from '../../kernel/status.ts';
import { nonNegative } from '../shared/check.ts';
import { semanticEqual } from '../shared/equal.ts';
import { ageColumn, nameColumn, resource } from '../shared/resource.ts';
import type { Lease } from '../typings/coordination.ts';

/** coordination.k8s.io/v1 Lease. A renewal may be lost; a change of holder may not. */
export const lease = resource<Lease>('coordination.k8s.io/v1/leases', {
  anyFinalizer: true,
  columns: [nameColumn, { name: 'Holder', type: 'string', value: (o) => o.spec?.holderIdentity ?? '' }, ageColumn],
  allowCreateOnUpdate: true,
  requiresResourceVersion: true,
  prepareForCreate: dropGated,
  prepareForUpdate: dropGated,
  *validate(o): Iterable<FieldError> {
    const { leaseDurationSeconds, leaseTransitions } = o.spec ?? {};
    if (leaseDurationSeconds !== undefined && leaseDurationSeconds <= 0) {
      yield e.invalid(['spec', 'leaseDurationSeconds'], leaseDurationSeconds, 'must be greater than 0');
    }
    yield* nonNegative(leaseTransitions, ['spec', 'leaseTransitions']);
  },
  isSoft: (next, previous) => previous !== undefined && semanticEqual(withoutRenewal(next), withoutRenewal(previous)),
});

/** Coordinated leader election is off. */
function dropGated(o: Lease): void {
  if (!o.spec) return;
  delete o.spec.strategy;
  delete o.spec.preferredHolder;
}

function withoutRenewal(o: Lease): object {
  const { resourceVersion: _, managedFields: __, ...metadata } = o.metadata;
  const { renewTime: ___, ...spec } = o.spec ?? {};
  return { metadata, spec };
}
