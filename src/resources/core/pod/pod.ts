import { connect, proxy, resource, statusSubresource } from '../../shared/resource.ts';
import type { Pod } from '../../typings/core.ts';
import { podColumns, podRowConditions } from './columns.ts';
import { defaultPod } from './defaults.ts';
import { ephemeralContainers, resize } from './subresources.ts';
import { finishStatus, gracePeriodSeconds, prepareForCreate } from './strategy.ts';
import { validatePodUpdate, validateStatusUpdate } from './update.ts';
import { validateNewPod, validatePod } from './validation.ts';
import { podNameWarning, podWarnings } from './warnings.ts';

/** core/v1 Pod. */
export const pod = resource<Pod>('/v1/pods', {
  returnsDeletedObject: true,
  columns: podColumns,
  rowConditions: podRowConditions,
  indexes: ['spec.nodeName'],
  selectableFields: {
    'spec.nodeName': (o) => o.spec?.nodeName ?? '',
    'spec.host': (o) => o.spec?.nodeName ?? '',
    'spec.restartPolicy': (o) => o.spec?.restartPolicy ?? '',
    'spec.schedulerName': (o) => o.spec?.schedulerName ?? '',
    'spec.serviceAccountName': (o) => o.spec?.serviceAccountName ?? '',
    'spec.hostNetwork': (o) => String(o.spec?.hostNetwork ?? false),
    'status.phase': (o) => o.status?.phase ?? '',
    'status.podIP': (o) => o.status?.podIPs?.[0]?.ip ?? '',
    'status.podIPs': () => '',
    'status.nominatedNodeName': (o) => o.status?.nominatedNodeName ?? '',
  },
  generation: true,
  default: defaultPod,
  prepareForCreate,
  gracePeriodSeconds,
  validate: validatePod,
  validateCreate: validateNewPod,
  validateUpdate: validatePodUpdate,
  *warnings(next, previous) {
    if (!previous) yield* podNameWarning(next.metadata.name ?? '', "the Pod's hostname");
    if (!previous) yield* podWarnings(next, []);
  },
  subresources: {
    status: statusSubresource<Pod>({ finish: finishStatus, validateUpdate: validateStatusUpdate }),
    ephemeralcontainers: ephemeralContainers,
    resize,
    binding: {
      type: 'action',
      verbs: ['create'],
      gvk: { apiVersion: 'v1', kind: 'Binding' },
      message: 'core/v1.Binding',
    },
    eviction: {
      type: 'action',
      verbs: ['create'],
      gvk: { apiVersion: 'policy/v1', kind: 'Eviction' },
      message: 'policy/v1.Eviction',
    },
    log: connect('Pod', ['get']),
    exec: connect('PodExecOptions', ['create', 'get']),
    attach: connect('PodAttachOptions', ['create', 'get']),
    portforward: connect('PodPortForwardOptions', ['create', 'get']),
    proxy: proxy('PodProxyOptions'),
  },
});
