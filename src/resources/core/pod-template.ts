import { containerImages, containerNames } from '../shared/cells.ts';
import { formatLabels } from '../shared/labels.ts';
import { nameColumn, resource } from '../shared/resource.ts';
import type { PodTemplate } from '../typings/core.ts';
import { defaultPodTemplate } from './pod/defaults.ts';
import { validatePodTemplate } from './pod/validation.ts';
import { templateWarnings } from './pod/warnings.ts';

/** core/v1 PodTemplate. */
export const podTemplate = resource<PodTemplate>('/v1/podtemplates', {
  returnsDeletedObject: true,
  columns: [
    nameColumn,
    { name: 'Containers', type: 'string', value: (o) => containerNames(o.template?.spec?.containers) },
    { name: 'Images', type: 'string', value: (o) => containerImages(o.template?.spec?.containers) },
    { name: 'Pod Labels', type: 'string', value: (o) => formatLabels(o.template?.metadata?.labels) },
  ],
  generation: true,
  default(o) {
    o.template ??= {};
    defaultPodTemplate(o.template);
  },
  validate: (o) => validatePodTemplate(o.template, ['template']),
  warnings: (next, previous) => templateWarnings(next, previous, next.template, ['template']),
});
