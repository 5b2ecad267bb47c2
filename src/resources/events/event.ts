// events.k8s.io/v1 Event: the other names of a core/v1 Event, and stricter rules for new ones.
import { type FieldError, fieldError as e } from '../../kernel/status.ts';
import { event as coreEvent, eventColumns, validateEvent } from '../core/event.ts';
import type { Column } from '../define.ts';
import { immutable } from '../shared/check.ts';
import { semanticEqual } from '../shared/equal.ts';
import { resource } from '../shared/resource.ts';
import type { Event as CoreEvent } from '../typings/core.ts';
import type { Event } from '../typings/events.ts';

const fieldNames = ['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'] as const;

export const event = resource<Event>('events.k8s.io/v1/events', {
  defaultPropagation: 'None',
  view: {
    of: { group: '', version: 'v1', resource: 'events' },
    toStorage: toCore,
    fromStorage: (object) => fromCore(object as CoreEvent),
  },
  columns: eventColumns.map(
    (column): Column<Event> => ({ ...column, value: (o, nowMs) => column.value(toCore(o), nowMs) }),
  ),
  expendable: true,
  selectableFields: {
    ...Object.fromEntries(fieldNames.map((name) => [`regarding.${name}`, (o: Event) => o.regarding?.[name] ?? ''])),
    reason: (o) => o.reason ?? '',
    reportingController: (o) => o.reportingController ?? '',
    type: (o) => o.type ?? '',
  },
  allowCreateOnUpdate: true,
  validate: (o) => validateEvent(toCore(o), 'reportingController'),
  validateCreate,
  validateUpdate,
  isSoft: () => true,
});

const renamed = {
  regarding: 'involvedObject',
  note: 'message',
  deprecatedSource: 'source',
  deprecatedFirstTimestamp: 'firstTimestamp',
  deprecatedLastTimestamp: 'lastTimestamp',
  deprecatedCount: 'count',
  reportingController: 'reportingComponent',
} as const;

function toCore(o: Event): CoreEvent {
  const result: Record<string, unknown> = { ...o, apiVersion: 'v1', kind: coreEvent.kind };
  for (const [mine, core] of Object.entries(renamed)) {
    if (mine in result) result[core] = result[mine];
    delete result[mine];
  }
  return result as unknown as CoreEvent;
}

function fromCore(o: CoreEvent): Event {
  const result: Record<string, unknown> = { ...o, apiVersion: 'events.k8s.io/v1', kind: coreEvent.kind };
  for (const [mine, core] of Object.entries(renamed)) {
    if (core in result) result[mine] = result[core];
    delete result[core];
  }
  return result as unknown as Event;
}

function* validateSeries(o: Event): Iterable<FieldError> {
  if (!o.series) return;
  if ((o.series.count ?? 0) < 2) yield e.invalid(['series.count'], '', 'should be at least 2');
  if (!o.series.lastObservedTime) yield e.required(['series.lastObservedTime']);
}

function* validateCreate(o: Event): Iterable<FieldError> {
  yield* validateSeries(o);
  if (!o.eventTime) yield e.required(['eventTime']);
  if (o.type !== 'Normal' && o.type !== 'Warning') yield e.invalid(['type'], '', `has invalid value: ${o.type ?? ''}`);
  const unset = 'needs to be unset';
  if (o.deprecatedFirstTimestamp) yield e.invalid(['firstTimestamp'], '', unset);
  if (o.deprecatedLastTimestamp) yield e.invalid(['lastTimestamp'], '', unset);
  if (o.deprecatedCount) yield e.invalid(['count'], '', unset);
  if (o.deprecatedSource?.component || o.deprecatedSource?.host) yield e.invalid(['source'], '', unset);
}

const fixed = [
  ['regarding', 'involvedObject'],
  ['reason', 'reason'],
  ['note', 'message'],
  ['deprecatedSource', 'source'],
  ['deprecatedFirstTimestamp', 'firstTimestamp'],
  ['deprecatedLastTimestamp', 'lastTimestamp'],
  ['deprecatedCount', 'count'],
  ['type', 'type'],
  ['eventTime', 'eventTime'],
  ['action', 'action'],
  ['related', 'related'],
  ['reportingController', 'reportingController'],
  ['reportingInstance', 'reportingInstance'],
] as const;

function* validateUpdate(next: Event, previous: Event): Iterable<FieldError> {
  if (!semanticEqual(next.series, previous.series)) yield* validateSeries(next);
  for (const [field, name] of fixed) yield* immutable(next[field], previous[field], [name]);
}
