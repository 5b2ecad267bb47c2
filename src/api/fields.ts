/** Who set which field: every write records its manager here. */
import { mergeTypeOf, resetFields, updateManagedFields, type VersionedObject } from './apply/index.ts';
import type { KubeObject } from '../schema/object.ts';
import type { Call, Core } from './core.ts';
import { toServed, toStored } from './views.ts';

/** Records in `next` (served form, changed in place) that `manager` made it out of `live`. */
export function trackUpdate(
  core: Core,
  call: Call,
  live: KubeObject | undefined,
  next: KubeObject,
  manager: string,
): KubeObject {
  const { definition, gvk } = call.resource;
  const managedFields = updateManagedFields({
    apiVersion: gvk.apiVersion,
    message: definition.message,
    live,
    next,
    manager,
    subresource: call.subresource,
    timeMs: core.clock.nowMs(),
    filter: resetFields(definition, call.subresource),
    inVersion: (object, apiVersion) => inVersion(core, call, object, apiVersion),
  });
  if (managedFields) next.metadata.managedFields = managedFields;
  else delete next.metadata.managedFields;
  return next;
}

/** The same object as another served version of its resource shows it. */
export function inVersion(core: Core, call: Call, object: KubeObject, apiVersion: string): VersionedObject | undefined {
  const other = core.registry.versionOf(call.resource.stored!, apiVersion);
  if (!other) return undefined;
  const served = toServed(core, other, toStored(core, call.resource, object));
  return { object: served, type: mergeTypeOf(other.definition.message) };
}
