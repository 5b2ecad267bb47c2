import { type FieldError, fieldError as e } from '../../kernel/status.ts';
import { immutable, oneOf } from '../shared/check.ts';
import { ageColumn, nameColumn, resource } from '../shared/resource.ts';
import type { PriorityClass } from '../typings/scheduling.ts';

const systemClasses: Readonly<Record<string, number>> = {
  'system-node-critical': 2_000_001_000,
  'system-cluster-critical': 2_000_000_000,
};
const highestUserPriority = 1_000_000_000;

/** scheduling.k8s.io/v1 PriorityClass. */
export const priorityClass = resource<PriorityClass>('scheduling.k8s.io/v1/priorityclasses', {
  columns: [
    nameColumn,
    { name: 'Value', type: 'integer', value: (o) => o.value ?? 0 },
    { name: 'Global-Default', type: 'boolean', value: (o) => o.globalDefault ?? false },
    ageColumn,
    { name: 'PreemptionPolicy', type: 'string', value: (o) => o.preemptionPolicy ?? '' },
  ],
  generation: () => false,
  default(o) {
    o.preemptionPolicy ??= 'PreemptLowerPriority';
  },
  validate,
  *validateUpdate(next, previous) {
    if ((next.value ?? 0) !== (previous.value ?? 0)) {
      yield e.forbidden(['value'], 'may not be changed in an update.');
    }
    yield* immutable(next.preemptionPolicy, previous.preemptionPolicy, ['preemptionPolicy']);
  },
});

function* validate(o: PriorityClass): Iterable<FieldError> {
  const name = o.metadata.name ?? '';
  if (name.startsWith('system-')) {
    const known = systemClasses[name];
    const matches = known !== undefined && known === o.value && !o.globalDefault;
    if (!matches) {
      const detail = "priority class names with 'system-' prefix are reserved for system use only. error: ";
      const reason =
        known === undefined
          ? `${name} is not a known system priority class`
          : `value of ${name} PriorityClass must be ${known}`;
      yield e.forbidden(['metadata', 'name'], `${detail}${reason}`);
    }
  } else if ((o.value ?? 0) > highestUserPriority) {
    yield e.forbidden(['value'], `maximum allowed value of a user defined priority is ${highestUserPriority}`);
  }
  if (o.preemptionPolicy !== undefined) {
    yield* oneOf(o.preemptionPolicy, ['PreemptLowerPriority', 'Never'], ['preemptionPolicy']);
  }
}
