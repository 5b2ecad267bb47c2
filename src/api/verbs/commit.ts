/** The last step of every write. */
import { apiError } from '../../kernel/status.ts';
import type { KubeObject } from '../../schema/object.ts';
import { type Entry, HeadMovedError, StoreClosedError, StoreFullError, type WriteIntent } from '../../store/types.ts';
import type { Call, Core } from '../core.ts';
import { encodeObject } from '../objects.ts';

/** What a write left behind: a stored version, or an object that is not stored (dry run, emptied finalizers). */
export type Outcome = { created: boolean } & ({ entry: Entry } | { object: KubeObject });

const retryAfterSeconds = 1;
/** How long a write without effect waits for the pending version that it agrees with. */
const publishTimeoutMs = 30_000;

/** Storage bytes of an object in storage form, without its revision. */
export function bytesOf(core: Core, call: Call, object: KubeObject): Uint8Array {
  const { resourceVersion: _, ...metadata } = object.metadata;
  return encodeObject(core.codec, call.resource.base.message, { ...object, metadata });
}

/** Enqueues one write and waits for it. HeadMovedError passes through: the caller knows what it means. */
export async function commit(
  core: Core,
  call: Call,
  name: string,
  change: Pick<WriteIntent, 'operation' | 'expectedRevision' | 'bytes' | 'durability' | 'essential'>,
): Promise<Entry> {
  const kind = call.resource.stored!;
  try {
    return await core.store.write({ kind, namespace: call.namespace, name, ...change });
  } catch (error) {
    if (error instanceof StoreFullError) throw apiError.tooManyRequests(error.message, retryAfterSeconds);
    if (error instanceof StoreClosedError) throw apiError.serviceUnavailable(error.message);
    throw error;
  }
}

/** What an `allocate` hook holds for an object that is about to be written. */
type Allocation = { undo(): Promise<void>; commit?(): Promise<void> } | undefined;

/** Runs a write that an allocation goes with: gives it back when the write fails. */
export async function withAllocation(
  core: Core,
  allocation: Allocation,
  write: () => Promise<Outcome>,
): Promise<Outcome> {
  let result: Outcome;
  try {
    result = await write();
  } catch (error) {
    await allocation?.undo();
    throw error;
  }
  if (!allocation?.commit) return result;
  // While that takes its time, the version may be replaced and forgotten.
  if ('entry' in result) result = { created: result.created, object: core.store.object(result.entry) };
  try {
    await allocation.commit();
  } catch (error) {
    core.log.warn('clean-up after a write failed', { error: String(error) });
  }
  return result;
}

/**
 * `head`, once it is published, when `bytes` are what it holds already: such a write would only burn a revision. Throws
 * HeadMovedError when `head` is not the newest version any more: it may have been forgotten since it was evaluated.
 */
export async function unchangedHead(core: Core, head: Entry, bytes: Uint8Array): Promise<Entry | undefined> {
  const { store } = core;
  const { kind, namespace, name, revision } = head;
  const newest = store.head(kind, namespace, name);
  if (newest?.revision !== revision) throw new HeadMovedError(newest?.revision ?? 0);
  const current = core.codec.stampRevision(store.bytes(newest), 0);
  if (bytes.length !== current.length || Buffer.compare(bytes, current) !== 0) return undefined;
  if (revision > store.revision) await store.reached(revision, publishTimeoutMs);
  const published = store.get(kind, namespace, name);
  if (published?.revision !== revision) throw new HeadMovedError(published?.revision ?? 0);
  return published;
}
