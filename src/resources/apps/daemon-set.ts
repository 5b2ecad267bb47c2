import { type FieldError, fieldError as e } from '../../kernel/status.ts';
import { defaultPodTemplate } from '../core/pod/defaults.ts';
import { validatePodTemplate } from '../core/pod/validation.ts';
import { templateWarnings } from '../core/pod/warnings.ts';
import { nodeSelectorCell } from '../shared/cells.ts';
import { atMostHundredPercent, countOrPercent, immutable, nonNegative, percentOf } from '../shared/check.ts';
import { semanticEqual } from '../shared/equal.ts';
import { isEmptySelector, validateLabelSelector } from '../shared/labels.ts';
import { ageColumn, nameColumn, resource, statusSubresource } from '../shared/resource.ts';
import {
  containersColumn,
  imagesColumn,
  selectorColumn,
  validateAlwaysRestarts,
  validateTemplateLabels,
} from '../shared/workload.ts';
import type { DaemonSet, DaemonSetSpec } from '../typings/apps.ts';

/** Counts changes of the template: what apps/v1 keeps of the removed spec.templateGeneration. */
const templateGeneration = 'deprecated.daemonset.template.generation';

const counts = [
  'currentNumberScheduled',
  'numberMisscheduled',
  'desiredNumberScheduled',
  'numberReady',
  'observedGeneration',
  'updatedNumberScheduled',
  'numberAvailable',
  'numberUnavailable',
  'collisionCount',
] as const;

/** apps/v1 DaemonSet. */
export const daemonSet = resource<DaemonSet>('apps/v1/daemonsets', {
  columns: [
    nameColumn,
    { name: 'Desired', type: 'integer', value: (o) => o.status?.desiredNumberScheduled ?? 0 },
    { name: 'Current', type: 'integer', value: (o) => o.status?.currentNumberScheduled ?? 0 },
    { name: 'Ready', type: 'integer', value: (o) => o.status?.numberReady ?? 0 },
    { name: 'Up-to-date', type: 'integer', value: (o) => o.status?.updatedNumberScheduled ?? 0 },
    { name: 'Available', type: 'integer', value: (o) => o.status?.numberAvailable ?? 0 },
    { name: 'Node Selector', type: 'string', value: (o) => nodeSelectorCell(o.spec?.template?.spec?.nodeSelector) },
    ageColumn,
    containersColumn,
    imagesColumn,
    selectorColumn,
  ],
  generation: true,
  default(o) {
    annotate(o, generationOf(o));
    o.spec ??= {};
    const spec = o.spec;
    spec.updateStrategy ??= {};
    const strategy = spec.updateStrategy;
    strategy.type ||= 'RollingUpdate';
    if (strategy.type === 'RollingUpdate') {
      strategy.rollingUpdate ??= {};
      strategy.rollingUpdate.maxUnavailable ??= 1;
      strategy.rollingUpdate.maxSurge ??= 0;
    }
    spec.revisionHistoryLimit ??= 10;
    spec.template ??= {};
    defaultPodTemplate(spec.template);
  },
  prepareForCreate: (o) => annotate(o, Math.max(1, generationOf(o))),
  prepareForUpdate(next, previous) {
    const changed = !semanticEqual(next.spec?.template, previous.spec?.template);
    annotate(next, generationOf(previous) + (changed ? 1 : 0));
  },
  validate: (o) => validateSpec(o.spec ?? {}),
  *validateUpdate(next, previous) {
    yield* immutable(next.spec?.selector, previous.spec?.selector, ['spec', 'selector']);
  },
  *warnings(next, previous) {
    yield* templateWarnings(next, previous, next.spec?.template, ['spec', 'template']);
  },
  subresources: {
    status: statusSubresource<DaemonSet>({
      finish: (merged, previous) => annotate(merged, generationOf(previous)),
      *validateUpdate(next) {
        for (const field of counts) yield* nonNegative(next.status?.[field], ['status', field]);
      },
    }),
  },
});

const generationOf = (o: DaemonSet): number =>
  Number.parseInt(o.metadata.annotations?.[templateGeneration] ?? '', 10) || 0;

function annotate(o: DaemonSet, generation: number): void {
  const annotations = { ...o.metadata.annotations, [templateGeneration]: String(generation) };
  o.metadata = { ...o.metadata, annotations };
}

function* validateSpec(spec: DaemonSetSpec): Iterable<FieldError> {
  const { selector } = spec;
  const faults = [...validateLabelSelector(selector, ['spec', 'selector'])];
  yield* faults;
  if (selector && isEmptySelector(selector)) {
    yield e.invalid(['spec', 'selector'], selector, 'empty selector is invalid for daemonset');
  } else if (faults.length === 0) yield* validateTemplateLabels(selector, spec.template, ['spec']);
  yield* validatePodTemplate(spec.template, ['spec', 'template']);
  yield* validateAlwaysRestarts(spec.template, 'DaemonSet', ['spec', 'template']);
  yield* nonNegative(spec.minReadySeconds, ['spec', 'minReadySeconds']);
  yield* nonNegative(spec.revisionHistoryLimit, ['spec', 'revisionHistoryLimit']);
  const { type, rollingUpdate } = spec.updateStrategy ?? {};
  if (type === 'OnDelete') return;
  if (type !== 'RollingUpdate') {
    const value = { Type: type ?? '', RollingUpdate: rollingUpdate ?? null };
    yield e.notSupported(['spec', 'updateStrategy'], value, ['RollingUpdate', 'OnDelete']);
    return;
  }
  yield* validateRollingUpdate(rollingUpdate ?? {});
}

const at = (field: string): string[] => ['spec', 'updateStrategy', 'rollingUpdate', field];
const value = (one: number | string | undefined): number =>
  typeof one === 'string' ? (percentOf(one) ?? 0) : (one ?? 0);

function* validateRollingUpdate(
  update: NonNullable<NonNullable<DaemonSetSpec['updateStrategy']>['rollingUpdate']>,
): Iterable<FieldError> {
  const { maxUnavailable, maxSurge } = update;
  for (const [one, field] of [
    [maxUnavailable, 'maxUnavailable'],
    [maxSurge, 'maxSurge'],
  ] as const) {
    yield* countOrPercent(one, at(field));
    yield* atMostHundredPercent(one, at(field));
  }
  if (value(maxUnavailable) > 0 && value(maxSurge) > 0) {
    yield e.invalid(at('maxSurge'), maxSurge, 'may not be set when maxUnavailable is non-zero');
  }
  if (value(maxUnavailable) === 0 && value(maxSurge) === 0) {
    yield e.required(at('maxUnavailable'), 'cannot be 0 when maxSurge is 0');
  }
}
