import { type FieldError, fieldError as e } from '../../kernel/status.ts';
import { atMostHundredPercent, countOrPercent, nonNegative, oneOf } from '../shared/check.ts';
import { validateLabelSelector } from '../shared/labels.ts';
import { pathSegment } from '../shared/names.ts';
import { ageColumn, nameColumn, resource, statusSubresource } from '../shared/resource.ts';
import type { PodDisruptionBudget } from '../typings/policy.ts';

/** policy/v1 PodDisruptionBudget. */
export const podDisruptionBudget = resource<PodDisruptionBudget>('policy/v1/poddisruptionbudgets', {
  anyFinalizer: true,
  validateName: pathSegment,
  columns: [
    nameColumn,
    { name: 'Min Available', type: 'string', value: (o) => String(o.spec?.minAvailable ?? 'N/A') },
    { name: 'Max Unavailable', type: 'string', value: (o) => String(o.spec?.maxUnavailable ?? 'N/A') },
    { name: 'Allowed Disruptions', type: 'integer', value: (o) => o.status?.disruptionsAllowed ?? 0 },
    ageColumn,
  ],
  requiresResourceVersion: true,
  generation: true,
  validate,
  subresources: {
    status: statusSubresource<PodDisruptionBudget>({
      *validateUpdate(next) {
        for (const field of ['disruptionsAllowed', 'currentHealthy', 'desiredHealthy', 'expectedPods'] as const) {
          yield* nonNegative(next.status?.[field], ['status', field]);
        }
      },
    }),
  },
});

function* validate(o: PodDisruptionBudget): Iterable<FieldError> {
  const { minAvailable, maxUnavailable, selector, unhealthyPodEvictionPolicy } = o.spec ?? {};
  if (minAvailable !== undefined && maxUnavailable !== undefined) {
    const printed = {
      MinAvailable: minAvailable,
      Selector: selector ?? null,
      MaxUnavailable: maxUnavailable,
      UnhealthyPodEvictionPolicy: unhealthyPodEvictionPolicy ?? null,
    };
    yield e.invalid(['spec'], printed, 'minAvailable and maxUnavailable cannot be both set');
  }
  for (const [value, field] of [
    [minAvailable, 'minAvailable'],
    [maxUnavailable, 'maxUnavailable'],
  ] as const) {
    yield* countOrPercent(value, ['spec', field]);
    yield* atMostHundredPercent(value, ['spec', field]);
  }
  yield* validateLabelSelector(selector, ['spec', 'selector']);
  if (unhealthyPodEvictionPolicy !== undefined) {
    const path = ['spec', 'unhealthyPodEvictionPolicy'];
    yield* oneOf(unhealthyPodEvictionPolicy, ['AlwaysAllow', 'IfHealthyBudget'], path, false);
  }
}
