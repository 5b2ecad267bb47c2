import { nameColumn, resource } from '../shared/resource.ts';
import type { Binding, ComponentStatus } from '../typings/core.ts';

/** core/v1 Binding: create-only, acted upon as pods/binding. */
export const binding = resource<Binding>('/v1/bindings', { columns: [nameColumn], review: true });

const healthy = (o: ComponentStatus) => (o.conditions ?? []).find((condition) => condition.type === 'Healthy');

/** core/v1 ComponentStatus: deprecated since 1.19; read only, never stored. */
export const componentStatus = resource<ComponentStatus>('/v1/componentstatuses', {
  columns: [
    nameColumn,
    {
      name: 'Status',
      type: 'string',
      value: (o) => (healthy(o) ? (healthy(o)?.status === 'True' ? 'Healthy' : 'Unhealthy') : 'Unknown'),
    },
    { name: 'Message', type: 'string', value: (o) => healthy(o)?.message ?? '' },
    { name: 'Error', type: 'string', value: (o) => healthy(o)?.error ?? '' },
  ],
});
