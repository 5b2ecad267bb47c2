import { type FieldError, fieldError as e } from '../../kernel/status.ts';
import { matches } from '../shared/check.ts';
import { since } from '../shared/cells.ts';
import { pathSegment, qualifiedName } from '../shared/names.ts';
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
  defaultPropagation: 'None',
  validateName: pathSegment,
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
  validate: (o) => validateEvent(o, 'reportingComponent'),
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
export function* validateEvent(o: Event, controllerField: string): Iterable<FieldError> {
  const involved = o.involvedObject?.namespace ?? '';
  const own = o.metadata.namespace ?? '';
  const matching = involved
    ? Boolean(o.eventTime) || involved === own
    : own === 'default' || (Boolean(o.eventTime) && own === 'kube-system');
  if (!matching) yield e.invalid(['involvedObject', 'namespace'], involved, 'does not match event.namespace');
  if (!o.eventTime) return;
  if (!o.reportingComponent) yield e.required([controllerField]);
  yield* matches(qualifiedName, o.reportingComponent ?? '', [controllerField]);
  for (const field of ['reportingInstance', 'action', 'reason'] as const) {
    if (!o[field]) yield e.required([field]);
    if ((o[field] ?? '').length > 128) yield e.invalid([field], '', 'can have at most 128 characters');
  }
  if ((o.message ?? '').length > 1024) yield e.invalid(['message'], '', 'can have at most 1024 characters');
}
