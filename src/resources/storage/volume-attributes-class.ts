import { fieldError as e } from '../../kernel/status.ts';
import { validateDriverName } from '../core/pod/volumes.ts';
import { semanticEqual } from '../shared/equal.ts';
import { ageColumn, nameColumn, resource } from '../shared/resource.ts';
import type { VolumeAttributesClass } from '../typings/storage.ts';
import { validateParameters } from './storage-class.ts';

/** storage.k8s.io/v1 VolumeAttributesClass. */
export const volumeAttributesClass = resource<VolumeAttributesClass>('storage.k8s.io/v1/volumeattributesclasses', {
  returnsDeletedObject: true,
  columns: [nameColumn, { name: 'DriverName', type: 'string', value: (o) => o.driverName ?? '' }, ageColumn],
  *validate(o) {
    yield* validateDriverName(o.driverName, ['driverName']);
    if (Object.keys(o.parameters ?? {}).length === 0) {
      yield e.required(['parameters'], 'must contain at least one key/value pair');
    }
    yield* validateParameters(o.parameters);
  },
  *validateUpdate(next, previous) {
    if (next.driverName !== previous.driverName) {
      yield e.forbidden(['driverName'], 'updates to driverName are forbidden.');
    }
    if (!semanticEqual(next.parameters, previous.parameters, 'parameters')) {
      yield e.forbidden(['parameters'], 'updates to parameters are forbidden.');
    }
  },
});
