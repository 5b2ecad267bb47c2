/** managedFields seen through /scale: only who owns the replicas counts there. */
import type { KubeObject } from '../../schema/index.ts';
import { fromScaleEntries, toScaleEntries, updateManagedFields } from '../apply/index.ts';
import type { Call, Core } from '../core.ts';
import { type Scale, scaleGvk, scaleMessage } from './scale.ts';

/** Records in `next`, the parent, that `manager` changed its Scale from `before` to `after`. */
export function trackScale(
  core: Core,
  call: Call,
  next: KubeObject,
  before: Scale,
  after: Scale,
  manager: string,
): KubeObject {
  const { managedFields: parent } = next.metadata;
  const { apiVersion } = call.resource.gvk;
  const managedFields = toScaleEntries(parent, apiVersion) ?? [];
  const scale = updateManagedFields({
    apiVersion: scaleGvk.apiVersion,
    message: scaleMessage,
    live: { ...before, metadata: { ...before.metadata, managedFields } },
    next: { ...after, metadata: { ...after.metadata, managedFields } },
    manager,
    subresource: 'scale',
    timeMs: core.clock.nowMs(),
  });
  const updated = fromScaleEntries(parent, apiVersion, scale);
  if (updated?.length) next.metadata.managedFields = updated;
  else delete next.metadata.managedFields;
  return next;
}
