import { type FieldError, fieldError as e } from '../../kernel/status.ts';
import { validateDriverName } from '../core/pod/volumes.ts';
import { immutable, matches } from '../shared/check.ts';
import { dnsSubdomain } from '../shared/names.ts';
import { ageColumn, nameColumn, resource, statusSubresource } from '../shared/resource.ts';
import type { VolumeAttachment } from '../typings/storage.ts';

/** storage.k8s.io/v1 VolumeAttachment. */
export const volumeAttachment = resource<VolumeAttachment>('storage.k8s.io/v1/volumeattachments', {
  returnsDeletedObject: true,
  columns: [
    nameColumn,
    { name: 'Attacher', type: 'string', format: 'name', value: (o) => o.spec?.attacher ?? '' },
    { name: 'PV', type: 'string', value: (o) => o.spec?.source?.persistentVolumeName ?? '' },
    { name: 'Node', type: 'string', value: (o) => o.spec?.nodeName ?? '' },
    { name: 'Attached', type: 'boolean', value: (o) => o.status?.attached ?? false },
    ageColumn,
  ],
  requiresResourceVersion: true,
  validate,
  *validateUpdate(next, previous) {
    yield* immutable(next.spec, previous.spec, ['spec']);
  },
  subresources: { status: statusSubresource<VolumeAttachment>({ keepMetadata: true }) },
});

function* validate(o: VolumeAttachment): Iterable<FieldError> {
  const { attacher, source, nodeName } = o.spec ?? {};
  yield* validateDriverName(attacher, ['spec', 'attacher']);
  const { inlineVolumeSpec, persistentVolumeName } = source ?? {};
  const exactlyOne = 'must specify exactly one of inlineVolumeSpec and persistentVolumeName';
  if (!inlineVolumeSpec && persistentVolumeName === undefined) yield e.required(['spec', 'source'], exactlyOne);
  if (inlineVolumeSpec && persistentVolumeName !== undefined) yield e.forbidden(['spec', 'source'], exactlyOne);
  const path = ['spec', 'source', 'persistentVolumeName'];
  if (persistentVolumeName === '') yield e.required(path, 'must specify non empty persistentVolumeName');
  else if (persistentVolumeName !== undefined) yield* matches(dnsSubdomain, persistentVolumeName, path);
  yield* matches(dnsSubdomain, nodeName, ['spec', 'nodeName']);
}
