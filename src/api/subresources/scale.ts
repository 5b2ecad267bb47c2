/** autoscaling/v1 Scale: a narrow view of any kind that has replicas. */
import { apiError, fieldError } from '../../kernel/status.ts';
import type { ScaleSubresource } from '../../resources/define.ts';
import type { KubeObject } from '../../schema/object.ts';
import type { Call } from '../core.ts';
import { copyOf } from '../objects.ts';

export interface Scale extends KubeObject {
  spec?: { replicas?: number };
  status?: { replicas: number; selector?: string };
}

export const scaleGvk = { apiVersion: 'autoscaling/v1', kind: 'Scale' };
export const scaleMessage = 'autoscaling/v1.Scale';

/** The Scale of an object. */
export function scaleOf(subresource: ScaleSubresource, object: KubeObject): Scale {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const selector = subresource.selector(object);
  const replicas = subresource.replicas(object);
  return {
    ...scaleGvk,
    metadata: {
      ...(name !== undefined && { name }),
      ...(namespace !== undefined && { namespace }),
      ...(uid !== undefined && { uid }),
      ...(resourceVersion !== undefined && { resourceVersion }),
      ...(creationTimestamp !== undefined && { creationTimestamp }),
    },
    spec: replicas === 0 ? {} : { replicas },
    status: { replicas: subresource.statusReplicas(object), ...(selector !== '' && { selector }) },
  };
}

/** The object that a new Scale asks for. Throws Invalid. */
export function withScale(call: Call, subresource: ScaleSubresource, object: KubeObject, scale: Scale): KubeObject {
  const replicas = scale.spec?.replicas ?? 0;
  if (replicas < 0) {
    throw apiError.invalid({ group: 'autoscaling', resource: 'Scale' }, scale.metadata.name ?? '', [
      fieldError.invalid(['spec', 'replicas'], replicas, 'must be greater than or equal to 0'),
    ]);
  }
  const { uid, resourceVersion } = scale.metadata;
  const found = object.metadata.uid ?? '';
  if (uid && uid !== found) {
    throw apiError.conflict(
      call.resource.qualified,
      call.name,
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${found}`,
    );
  }
  const next = subresource.setReplicas(copyOf(object), replicas);
  if (resourceVersion) next.metadata.resourceVersion = resourceVersion;
  else delete next.metadata.resourceVersion;
  return next;
}
