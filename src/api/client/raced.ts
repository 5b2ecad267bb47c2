/** Writes that lose a race are told so when the write that won can be read. */
import { isReason, nextTurn } from '../../kernel/index.ts';
import type { Call, Core } from '../core.ts';

/** How long a pending write is waited for at most. */
const publishTimeoutMs = 5_000;

/**
 * Runs a write. Before a race is told, what is pending for the object is waited for, or at least the loop has a turn:
 * reads see nothing pending, and who reads and writes again at once would keep the pending write from ending.
 */
export async function raced<T>(core: Core, call: Call, name: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (isRace(error)) await settled(core, call, name);
    throw error;
  }
}

const isRace = (error: unknown): boolean =>
  isReason(error, 'Conflict') || isReason(error, 'AlreadyExists') || isReason(error, 'NotFound');

async function settled({ store }: Core, { resource, namespace }: Call, name: string): Promise<void> {
  const head = resource.stored && name !== '' ? store.head(resource.stored, namespace, name) : undefined;
  if (head && head.revision > store.revision) await store.reached(head.revision, publishTimeoutMs);
  else await nextTurn();
}
