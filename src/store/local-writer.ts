import { setImmediate as turn } from 'node:timers/promises';
import { wrapEnvelope } from '../schema/index.ts';
import { keyOf } from './keys.ts';
import type { Change } from './publisher.ts';
import { SoftWrites } from './soft-writes.ts';
import type { BackendChange, Entry, StoredKind, WriteIntent } from './types.ts';
import { BackendFatalError, HeadMovedError, StoreBusyError } from './types.ts';
import type { Writer, WriterParts } from './writer.ts';

/** Revisions made durable ahead; renewed when half of them are issued. */
const ceilingBlock = 10_000;
const batchWrites = 512;
const batchBytes = 4 << 20;

interface Pending extends Change {
  key: string;
  isSoft: boolean;
  expectedRevision: number;
  value: Uint8Array | undefined;
  settle: { resolve(entry: Entry): void; reject(error: Error): void };
}

/**
 * The ordered commit queue of backends whose revisions are ours. A revision is given when a write is enqueued; batches
 * are committed as a whole while the next one collects; a write is published and answered when every lower revision is.
 */
export class LocalWriter implements Writer {
  readonly #parts: WriterParts;
  readonly #soft: SoftWrites;
  /** In revision order. */
  #queue: Pending[] = [];
  /** Newest pending write of each key. */
  readonly #heads = new Map<string, Pending>();
  #inCommit = 0;
  #issued: number;
  #ceiling: number;
  #isRunning = false;
  #isFlushDue = false;
  #failure: Error | undefined;
  #flushedBytes = 0;
  #idle: (() => void)[] = [];

  constructor(parts: WriterParts, revision: number) {
    this.#parts = parts;
    this.#issued = revision;
    this.#ceiling = revision;
    this.#soft = new SoftWrites(parts.clock, parts.budget, () => {
      this.#isFlushDue = true;
      this.#run();
    });
  }

  get pendingWrites(): number {
    return this.#queue.length + this.#inCommit;
  }

  get flushedBytes(): number {
    return this.#flushedBytes;
  }

  head(kind: StoredKind, namespace: string, name: string): Entry | undefined {
    const pending = this.#heads.get(keyOf(kind, namespace, name));
    if (!pending) return this.#parts.cache.get(kind, namespace, name);
    return pending.operation === 'delete' ? undefined : pending.entry;
  }

  async write(intent: WriteIntent): Promise<Entry> {
    const { kind, namespace, name, expectedRevision } = intent;
    const head = this.head(kind, namespace, name);
    const current = head?.revision ?? 0;
    if (current !== expectedRevision) throw new HeadMovedError(current);
    if (intent.operation === 'delete' && !head) throw new HeadMovedError(0);
    if (this.pendingWrites >= this.#parts.budget.pendingWrites) throw new StoreBusyError(this.pendingWrites);
    this.#parts.capacity.admit(intent, head, this.#parts.publisher.settledRevision);
    return await this.#enqueue(intent, head);
  }

  async drain(): Promise<void> {
    this.#soft.close();
    this.#isFlushDue = true;
    this.#run();
    if (this.#isRunning) await new Promise<void>((resolve) => this.#idle.push(resolve));
    if (this.#failure) throw this.#failure;
    await this.#parts.backend.commit([], { durable: true, ceiling: this.#issued });
  }

  abort(error: Error): void {
    this.#failure ??= error;
    this.#isFlushDue = false;
    this.#soft.close();
    const queue = this.#queue;
    this.#queue = [];
    for (const pending of queue) this.#drop(pending, error);
  }

  #enqueue(intent: WriteIntent, head: Entry | undefined): Promise<Entry> {
    const { kind, namespace, name, operation, expectedRevision } = intent;
    const { records } = this.#parts;
    const revision = this.#issued + 1;
    const entry = this.#record(intent, revision, intent.bytes ?? records.bytes(head!));
    this.#issued = revision;
    if (intent.object && operation === 'put') records.seed(entry, intent.object);
    const isSoft = intent.durability === 'soft';
    const { promise, resolve, reject } = Promise.withResolvers<Entry>();
    const pending: Pending = {
      operation,
      entry,
      key: keyOf(kind, namespace, name),
      isSoft,
      expectedRevision,
      value: operation === 'put' && !isSoft ? wrapEnvelope(kind.gvk, intent.bytes!) : undefined,
      settle: { resolve, reject },
    };
    this.#queue.push(pending);
    this.#heads.set(pending.key, pending);
    this.#run();
    return promise;
  }

  #record({ kind, namespace, name }: WriteIntent, revision: number, bytes: Uint8Array): Entry {
    const { records, capacity, publisher } = this.#parts;
    const stamped = records.stamp(bytes, revision);
    const entry = records.add(kind, namespace, name, revision, stamped);
    if (entry) return entry;
    capacity.relieve(publisher.settledRevision);
    const second = records.add(kind, namespace, name, revision, stamped);
    if (!second) throw capacity.full();
    return second;
  }

  #run(): void {
    if (this.#isRunning || this.#failure) return;
    this.#isRunning = true;
    void this.#loop().catch((error: Error) => {
      this.#failForGood(error);
      this.#rest();
    });
  }

  async #loop(): Promise<void> {
    while (this.#queue.length > 0 || this.#isFlushDue) {
      await turn();
      const batch = this.#takeBatch();
      if (batch.length > 0) await this.#commitBatch(batch);
      if (this.#isFlushDue) await this.#flush();
    }
    this.#rest();
  }

  #rest(): void {
    this.#isRunning = false;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #takeBatch(): Pending[] {
    let bytes = 0;
    let count = 0;
    while (count < this.#queue.length && count < batchWrites && bytes < batchBytes) {
      bytes += this.#queue[count++]!.value?.length ?? 0;
    }
    const batch = this.#queue.slice(0, count);
    this.#queue = this.#queue.slice(count);
    this.#inCommit = count;
    return batch;
  }

  async #commitBatch(batch: readonly Pending[]): Promise<void> {
    const hard = batch.filter((pending) => !pending.isSoft);
    const last = batch.at(-1)!.entry.revision;
    const ceiling = last + ceilingBlock / 2 > this.#ceiling ? last + ceilingBlock : undefined;
    try {
      if (hard.length > 0 || ceiling !== undefined) {
        const changes = coalesce(hard);
        await this.#parts.backend.commit(changes, { durable: true, ...(ceiling !== undefined && { ceiling }) });
        this.#flushedBytes += bytesOf(changes);
        if (ceiling !== undefined) this.#ceiling = ceiling;
      }
    } catch (error) {
      this.#failBatch(batch, error as Error);
      return;
    }
    this.#publish(batch);
  }

  #publish(batch: readonly Pending[]): void {
    this.#noteDirty(batch);
    this.#inCommit = 0;
    for (const pending of batch) this.#forget(pending);
    this.#parts.publisher.publish(batch);
    for (const { settle, entry } of batch) settle.resolve(entry);
  }

  #noteDirty(batch: readonly Pending[]): void {
    const committed = new Map<string, boolean>();
    for (const { isSoft, key, operation, entry } of batch) {
      const exists = operation === 'put';
      if (isSoft) {
        const wasThere = this.#parts.cache.get(entry.kind, entry.namespace, entry.name) !== undefined;
        this.#soft.add(key, committed.get(key) ?? wasThere, exists);
      } else {
        this.#soft.settled(key);
        committed.set(key, exists);
      }
    }
  }

  /** Fails the hard writes of a batch and every write that was evaluated on top of one of them. */
  #failBatch(batch: readonly Pending[], error: Error): void {
    this.#inCommit = 0;
    this.#parts.log.error('commit failed', { error, writes: batch.length });
    if (error instanceof BackendFatalError) {
      for (const pending of batch) this.#drop(pending, error);
      this.#failForGood(error);
      return;
    }
    const failed = new Set<string>();
    const survives = (pending: Pending, isSafe: boolean): boolean => {
      if (isSafe && !failed.has(pending.key)) return true;
      failed.add(pending.key);
      this.#drop(pending, error);
      return false;
    };
    const published = batch.filter((each) => survives(each, each.isSoft && each.entry.revision <= this.#ceiling));
    this.#queue = this.#queue.filter((each) => survives(each, true));
    this.#publish(published);
  }

  /** Writes what is soft behind, as batches of its own: a failure concerns no client. */
  async #flush(): Promise<void> {
    this.#isFlushDue = false;
    let bytes = 0;
    const keys = this.#soft.keys();
    try {
      for (let at = 0; at < keys.length; at += batchWrites) {
        const changes = keys.slice(at, at + batchWrites).map((key) => this.#softChange(key));
        await this.#parts.backend.commit(changes, { durable: at + batchWrites >= keys.length });
        for (const { key } of changes) this.#soft.settled(key);
        bytes += bytesOf(changes);
      }
    } catch (error) {
      this.#parts.log.error('soft writes could not be flushed', { error: error as Error });
      if (error instanceof BackendFatalError) this.#failForGood(error);
      else this.#soft.postpone();
      return;
    }
    this.#flushedBytes += bytes;
    this.#soft.spent(bytes);
  }

  #softChange(key: string): BackendChange {
    const { kind, namespace, name } = this.#parts.parseKey(key)!;
    const entry = this.#parts.cache.get(kind, namespace, name);
    const { revision } = this.#parts.publisher;
    if (!entry) return { key, revision, expectedRevision: 0 };
    const value = wrapEnvelope(kind.gvk, this.#parts.records.unstamped(entry));
    return { key, value, revision: entry.revision, expectedRevision: 0 };
  }

  /** Nothing may be committed, and so answered, after this. */
  #failForGood(error: Error): void {
    this.#parts.fail(error);
    this.abort(error);
  }

  #drop(pending: Pending, error: Error): void {
    this.#forget(pending);
    this.#parts.records.release(pending.entry);
    pending.settle.reject(error);
  }

  #forget(pending: Pending): void {
    if (this.#heads.get(pending.key) === pending) this.#heads.delete(pending.key);
  }
}

/** The last change of each key, in order; what it expects is what the first one expected. */
function coalesce(writes: readonly Pending[]): BackendChange[] {
  const byKey = new Map<string, BackendChange>();
  for (const { key, value, entry, expectedRevision } of writes) {
    const expected = byKey.get(key)?.expectedRevision ?? expectedRevision;
    byKey.set(key, { key, ...(value && { value }), revision: entry.revision, expectedRevision: expected });
  }
  return [...byKey.values()];
}

const bytesOf = (changes: readonly BackendChange[]): number =>
  changes.reduce((sum, { key, value }) => sum + key.length + (value?.length ?? 0), 0);
