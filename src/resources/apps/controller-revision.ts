import { fieldError as e } from '../../kernel/status.ts';
import { immutable, nonNegative } from '../shared/check.ts';
import { ageColumn, nameColumn, resource } from '../shared/resource.ts';
import type { ControllerRevision } from '../typings/apps.ts';

/** apps/v1 ControllerRevision. */
export const controllerRevision = resource<ControllerRevision>('apps/v1/controllerrevisions', {
  columns: [
    nameColumn,
    { name: 'Controller', type: 'string', value: controllerCell },
    { name: 'Revision', type: 'string', value: (o) => o.revision ?? 0 },
    ageColumn,
  ],
  *validate(o) {
    if (!o.data) yield e.required(['data'], 'data is mandatory');
    yield* nonNegative(o.revision, ['revision']);
  },
  *validateUpdate(next, previous) {
    yield* immutable(next.data, previous.data, ['data']);
  },
});

/** `statefulset.apps/web`. */
function controllerCell(o: ControllerRevision): string {
  const owner = o.metadata.ownerReferences?.find((reference) => reference.controller);
  if (!owner) return '<none>';
  const [group, version] = owner.apiVersion.split('/');
  return `${`${owner.kind}${version ? `.${group}` : ''}`.toLowerCase()}/${owner.name}`;
}
