import { validateTolerations } from '../core/pod/scheduling.ts';
import { validateResources } from '../core/resource-names.ts';
import { roundList } from '../core/pod/defaults.ts';
import { immutable, matches } from '../shared/check.ts';
import { validateLabels } from '../shared/labels.ts';
import { dnsLabel } from '../shared/names.ts';
import { ageColumn, nameColumn, resource } from '../shared/resource.ts';
import type { RuntimeClass } from '../typings/node.ts';

/** node.k8s.io/v1 RuntimeClass. */
export const runtimeClass = resource<RuntimeClass>('node.k8s.io/v1/runtimeclasses', {
  anyFinalizer: true,
  columns: [nameColumn, { name: 'Handler', type: 'string', value: (o) => o.handler ?? '' }, ageColumn],
  allowCreateOnUpdate: true,
  requiresResourceVersion: true,
  default(o) {
    if (o.overhead?.podFixed) roundList(o.overhead.podFixed);
  },
  *validate(o) {
    yield* matches(dnsLabel, o.handler, ['handler']);
    if (o.overhead) yield* validateResources({ limits: o.overhead.podFixed ?? {} }, ['overhead'], new Set());
    yield* validateLabels(o.scheduling?.nodeSelector, ['scheduling', 'nodeSelector']);
    yield* validateTolerations(o.scheduling?.tolerations, ['scheduling', 'tolerations']);
  },
  *validateUpdate(next, previous) {
    yield* immutable(next.handler, previous.handler, ['handler']);
  },
});
