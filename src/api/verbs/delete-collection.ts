import { isReason } from '../../kernel/status.ts';
import type { Call, Core } from '../core.ts';
import { checkDeleteOptions, type DeleteOptions, deleteObject } from './delete.ts';
import { type EntryList, listEntries } from './list.ts';
import type { ListOptions } from './options.ts';

/** Deletions under way at once: enough to fill a commit batch. */
const parallel = 32;

/** DELETE of every object of a selection. Calls `answer` with what was found while the entries are still readable. */
export async function deleteCollection(
  core: Core,
  call: Call,
  selection: ListOptions,
  options: DeleteOptions,
  answer: (page: EntryList) => Promise<void> | void,
): Promise<void> {
  checkDeleteOptions(options);
  using list = await listEntries(core, call, selection);
  const pending = list.entries.values();
  const worker = async (): Promise<void> => {
    for (const entry of pending) {
      try {
        await deleteObject(core, { ...call, namespace: entry.namespace, name: entry.name }, { ...options });
      } catch (error) {
        if (!isReason(error, 'NotFound')) throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(parallel, list.entries.length) }, worker));
  const { entries, meta } = list;
  await answer({ entries, meta: { resourceVersion: meta.resourceVersion }, [Symbol.dispose]: () => {} });
}
