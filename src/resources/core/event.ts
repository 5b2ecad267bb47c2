import { type FieldError, fieldError as e } from '../../kernel/status.ts';
import { matches } from '../shared/check.ts';
import { since } from '../shared/cells.ts';
import { qualifiedName } from '../shared/names.ts';
import { nameColumn, resource } from '../shared/resource.ts';
import type { Event } from '../typings/core.ts';

/** Cells of both Event APIs; events.k8s.io converts before it prints. */
export const eventColumns = [
  { name: 'Last Seen', type: 'string', value: lastSeenCell },
  { name: 'Type', type: 'string', value: (o: Event) => o.type ?? '' },
  { name: 'Reason', type: 'string', value: (o: Event) => o.reason ?? '' },
  { name: 'Object', type: 'string', value: objectCell },
  { name: 'Subobject', type: 'string', priority: 1, value: (o: Event) => o.involvedObject?.fieldPath ?? '' },
  { name: 'Source', type: 'string', priority: 1, value: sourceCell },
  { name: 'Message', type: 'string', value: (o: Event) => (o.message ?? '').trim() },
  { name: 'First Seen', type: 'string', priority: 1, value: firstSeenCell },
  { name: 'Count', type: 'string', priority: 1, value: (o: Event) => o.series?.count ?? (o.count || 1) },
  { ...nameColumn, priority: 1 },
] as const;

/** core/v1 Event. */
export const event = resource<Event>('/v1/events', {
  columns: eventColumns,
  expendable: true,
  indexes: ['involvedObject.uid'],
  selectableFields: {
    'involvedObject.kind': (o) => o.involvedObject?.kind ?? '',
    'involvedObject.namespace': (o) => o.involvedObject?.namespace ?? '',
    'involvedObject.name': (o) => o.involvedObject?.name ?? '',
    'involvedObject.uid': (o) => o.involvedObject?.uid ?? '',
    'involvedObject.apiVersion': (o) => o.involvedObject?.apiVersion ?? '',
    'involvedObject.resourceVersion': (o) => o.involvedObject?.resourceVersion ?? '',
    'involvedObject.fieldPath': (o) => o.involvedObject?.fieldPath ?? '',
    reason: (o) => o.reason ?? '',
    reportingComponent: (o) => o.reportingComponent ?? '',
    source: (o) => o.source?.component || o.reportingComponent || '',
    type: (o) => o.type ?? '',
  },
  allowCreateOnUpdate: true,
  validate: validateEvent,
  isSoft: () => true,
});

function firstSeenCell(o: Event, nowMs: number): string {
  return since(o.firstTimestamp || o.eventTime, nowMs);
}

function lastSeenCell(o: Event, nowMs: number): string {
  if (o.series) return since(o.series.lastObservedTime, nowMs);
  return o.lastTimestamp ? since(o.lastTimestamp, nowMs) : firstSeenCell(o, nowMs);
}

function objectCell(o: Event): string {
  const kind = (o.involvedObject?.kind ?? '').toLowerCase();
  return o.involvedObject?.name ? `${kind}/${o.involvedObject.name}` : kind;
}

function sourceCell(o: Event): string {
  const component = o.source?.component || o.reportingComponent || '';
  const instance = o.source?.host || o.reportingInstance || '';
  return instance ? `${component}, ${instance}` : component;
}

/** Rules of old for events without eventTime, the stricter ones of events.k8s.io for the others. */
export function* validateEvent(o: Event): Iterable<FieldError> {
  const involved = o.involvedObject?.namespace ?? '';
  if (involved ? involved !== o.metadata.namespace : o.metadata.namespace !== 'default') {
    const wanted = 'does not match event.namespace';
    if (involved || o.metadata.namespace !== 'kube-system') {
      yield e.invalid(['involvedObject', 'namespace'], involved, wanted);
    }
  }
  if (!o.eventTime) return;
  if (!o.reportingComponent) yield e.required(['reportingController']);
  else yield* matches(qualifiedName, o.reportingComponent, ['reportingController']);
  if (!o.reportingInstance) yield e.required(['reportingInstance']);
  if ((o.reportingInstance ?? '').length > 128) {
    yield e.invalid(['reportingInstance'], o.reportingInstance, 'can have at most 128 characters');
  }
  if (!o.action) yield e.required(['action']);
  if ((o.action ?? '').length > 128) yield e.invalid(['action'], o.action, 'can have at most 128 characters');
  if (!o.reason) yield e.required(['reason']);
  if ((o.reason ?? '').length > 128) yield e.invalid(['reason'], o.reason, 'can have at most 128 characters');
  if ((o.message ?? '').length > 1024) yield e.invalid(['message'], o.message, 'can have at most 1024 characters');
}
