/** The end of an object: its last write, and what its kind does afterwards. */
import type { HookContext } from '../../resources/define.ts';
import type { KubeObject } from '../../schema/object.ts';
import type { Entry } from '../../store/types.ts';
import type { Call, Core } from '../core.ts';
import { bytesOf, commit } from './commit.ts';

/** Finalizers that an object waits for: metadata's, and a namespace's own in spec. */
export function hasFinalizers(object: KubeObject): boolean {
  const own = (object as { spec?: { finalizers?: readonly unknown[] } }).spec?.finalizers;
  return (object.metadata.finalizers?.length ?? 0) > 0 || (Array.isArray(own) && own.length > 0);
}

/**
 * Deletes `head`; returns what it was last. `final` is the state that DELETED events carry when it is not the stored
 * one.
 */
export async function finishDeletion(
  core: Core,
  call: Call,
  head: Entry,
  context: HookContext,
  final?: KubeObject,
): Promise<{ entry: Entry } | { object: KubeObject }> {
  const entry = await commit(core, call, head.name, {
    operation: 'delete',
    expectedRevision: head.revision,
    ...(final && { bytes: bytesOf(core, call, final) }),
    durability: 'hard',
    essential: true,
  });
  const { afterDelete } = call.resource.base;
  if (!afterDelete) return { entry };
  const object = core.store.object(entry); // by the end of the clean-up the entry may have been forgotten
  try {
    await afterDelete(object, context);
  } catch (error) {
    core.log.warn('clean-up after a deletion failed', {
      resource: call.resource.qualified.resource,
      name: head.name,
      error: String(error),
    });
  }
  return { object };
}
