// pods/ephemeralcontainers and pods/resize: what of the request counts.
import type { ObjectSubresource } from '../../define.ts';
import { keptMetadata, objectVerbs } from '../../shared/resource.ts';
import type { Container, Pod } from '../../typings/core.ts';
import { defaultPod } from './defaults.ts';
import { validateEphemeralContainersUpdate, validateResize } from './update.ts';

export const ephemeralContainers: ObjectSubresource<Pod> = {
  type: 'object',
  verbs: objectVerbs,
  merge(next, previous) {
    const spec = { ...previous.spec };
    if (next.spec?.ephemeralContainers) spec.ephemeralContainers = next.spec.ephemeralContainers;
    else delete spec.ephemeralContainers;
    return { ...previous, metadata: keptMetadata(next.metadata, previous.metadata), spec };
  },
  validateUpdate: validateEphemeralContainersUpdate,
};

export const resize: ObjectSubresource<Pod> = {
  type: 'object',
  verbs: objectVerbs,
  merge(next, previous) {
    // Added, removed or renamed containers stay in, for validation to refuse them.
    const containers = resized(next.spec?.containers, previous.spec?.containers);
    const initContainers = resized(next.spec?.initContainers, previous.spec?.initContainers);
    if (!containers || !initContainers) return next;
    const merged: Pod = {
      ...previous,
      metadata: keptMetadata(next.metadata, previous.metadata),
      spec: { ...previous.spec, containers },
    };
    if (initContainers.length > 0 && merged.spec) merged.spec.initContainers = initContainers;
    if (next.spec?.resources && merged.spec) merged.spec.resources = next.spec.resources;
    defaultPod(merged);
    return merged;
  },
  validateUpdate: validateResize,
};

function resized(next: Container[] | undefined, previous: Container[] | undefined): Container[] | undefined {
  const before = previous ?? [];
  if ((next ?? []).length !== before.length) return undefined;
  const result: Container[] = [];
  for (const [i, container] of (next ?? []).entries()) {
    if (container.name !== before[i]?.name) return next;
    const merged: Container = structuredClone({ ...before[i] });
    if (container.resources) merged.resources = container.resources;
    else delete merged.resources;
    if (container.resizePolicy) merged.resizePolicy = container.resizePolicy;
    else delete merged.resizePolicy;
    result.push(merged);
  }
  return result;
}
