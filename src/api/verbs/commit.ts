/** The last step of every write. */
import { apiError } from '../../kernel/status.ts';
import type { KubeObject } from '../../schema/object.ts';
import { type Entry, StoreClosedError, StoreFullError, type WriteIntent } from '../../store/types.ts';
import type { Call, Core } from '../core.ts';
import { encodeObject } from '../objects.ts';

/** What a write left behind: a stored version, or an object that is not stored (dry run, emptied finalizers). */
export type Outcome = { created: boolean } & ({ entry: Entry } | { object: KubeObject });

const retryAfterSeconds = 1;

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
export async function withAllocation<T>(core: Core, allocation: Allocation, write: () => Promise<T>): Promise<T> {
  let result: T;
  try {
    result = await write();
  } catch (error) {
    await allocation?.undo();
    throw error;
  }
  try {
    await allocation?.commit?.();
  } catch (error) {
    core.log.warn('clean-up after a write failed', { error: String(error) });
  }
  return result;
}

/** True when `bytes` are what `head` holds already: such a write would only burn a revision. */
export function isNoOp(core: Core, head: Entry, bytes: Uint8Array): boolean {
  const current = core.codec.stampRevision(core.store.bytes(head), 0);
  return bytes.length === current.length && Buffer.compare(bytes, current) === 0;
}
