import { wrapEnvelope } from '../schema/index.ts';
import type { ParsedKey } from './keys.ts';
import { keyOf } from './keys.ts';
import {
  BackendFatalError,
  type BackendChange,
  type Entry,
  HeadMovedError,
  StoreBusyError,
  StoreClosedError,
  type StoredKind,
  type Subscription,
  type WriteIntent,
} from './types.ts';
import type { Writer, WriterParts } from './writer.ts';

/** How long a write waits for the feed to show what the backend has accepted or refused. */
const feedTimeoutMs = 10_000;

interface FeedChange {
  key: string;
  value?: Uint8Array;
  revision: number;
}

/**
 * Writes to a backend that gives the revisions itself and that others may write to. The cache is fed by the backend's
 * watch alone; a write is answered when the feed has reached it. Nothing is soft here.
 */
export class RemoteWriter implements Writer {
  readonly #parts: WriterParts;
  readonly #feed: Subscription;
  readonly #inFlight = new Map<string, Promise<unknown>>();
  /** Writes that wait for the next version of their object. */
  readonly #awaited = new Map<string, () => void>();
  #arrived: FeedChange[] = [];
  #publishing: NodeJS.Immediate | undefined;
  #flushedBytes = 0;
  #aborted: Error | undefined;

  constructor(parts: WriterParts, revision: number) {
    this.#parts = parts;
    this.#feed = parts.backend.watch!(
      revision + 1,
      (change) => {
        this.#arrived.push(change);
        this.#publishing ??= setImmediate(() => this.#publishArrived());
      },
      (error) => parts.fail(new BackendFatalError('the feed of changes was lost', error)),
    );
  }

  get pendingWrites(): number {
    return this.#inFlight.size;
  }

  get flushedBytes(): number {
    return this.#flushedBytes;
  }

  head(kind: StoredKind, namespace: string, name: string): Entry | undefined {
    return this.#parts.cache.get(kind, namespace, name);
  }

  async write(intent: WriteIntent): Promise<Entry> {
    const { kind, namespace, name, expectedRevision } = intent;
    const head = this.head(kind, namespace, name);
    if ((head?.revision ?? 0) !== expectedRevision || (intent.operation === 'delete' && !head)) {
      throw new HeadMovedError(head?.revision ?? 0);
    }
    if (this.pendingWrites >= this.#parts.budget.pendingWrites) throw new StoreBusyError(this.pendingWrites);
    this.#parts.capacity.admit(intent, head, this.#parts.publisher.settledRevision);
    const key = keyOf(kind, namespace, name);
    const other = this.#inFlight.get(key);
    if (other) {
      await other.catch(() => undefined);
      throw new HeadMovedError(this.head(kind, namespace, name)?.revision ?? 0);
    }
    const writing = this.#commit(key, intent).finally(() => this.#inFlight.delete(key));
    this.#inFlight.set(key, writing);
    return await writing;
  }

  async drain(): Promise<void> {
    await Promise.allSettled(this.#inFlight.values());
    this.#stopFeed();
  }

  abort(error: Error): void {
    this.#aborted = error;
    this.#stopFeed();
  }

  async #commit(key: string, intent: WriteIntent): Promise<Entry> {
    const { kind, namespace, name, expectedRevision, operation } = intent;
    const { backend, publisher, records } = this.#parts;
    const changed = this.#nextChange(key);
    const value = operation === 'put' ? wrapEnvelope(kind.gvk, intent.bytes!) : undefined;
    const change: BackendChange = { key, ...(value && { value }), revision: 0, expectedRevision };
    try {
      const revision = (await backend.commit([change], { durable: true }))![0]!;
      this.#flushedBytes += key.length + (value?.length ?? 0);
      if (!(await publisher.reached(revision, feedTimeoutMs))) {
        throw this.#aborted ?? new StoreClosedError(`the feed has not reached revision ${revision}`);
      }
      const entry = this.#published(kind, namespace, name, revision);
      if (intent.object && operation === 'put') records.seed(entry, intent.object);
      return entry;
    } catch (error) {
      if (!(error instanceof HeadMovedError)) throw error;
      await changed.seen;
      throw new HeadMovedError(this.head(kind, namespace, name)?.revision ?? 0);
    } finally {
      changed.stop();
    }
  }

  /** Resolves when the feed shows the next version of the object, or after a while. */
  #nextChange(key: string): { seen: Promise<void>; stop(): void } {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.#parts.clock.after(feedTimeoutMs, resolve);
    this.#awaited.set(key, resolve);
    const stop = (): void => {
      timer.cancel();
      this.#awaited.delete(key);
    };
    return { seen: promise, stop };
  }

  /** The version that the write at `revision` made; others may have replaced it since. */
  #published(kind: StoredKind, namespace: string, name: string, revision: number): Entry {
    const current = this.#parts.cache.get(kind, namespace, name);
    if (current?.revision === revision) return current;
    const events = this.#parts.window.since(revision - 1);
    const event = events.find((each) => each.revision === revision && each.kind === kind && each.name === name);
    if (!event) throw new StoreClosedError(`revision ${revision} did not come through the feed`);
    return event.current;
  }

  #publishArrived(): void {
    this.#publishing = undefined;
    const arrived = this.#arrived;
    this.#arrived = [];
    try {
      for (const change of arrived) this.#publish(change);
    } catch (error) {
      this.#parts.fail(error as Error);
    }
  }

  #publish({ key, value, revision }: FeedChange): void {
    const { cache, publisher, records } = this.#parts;
    const parsed = this.#parts.parseKey(key);
    if (!parsed) return;
    const current = cache.get(parsed.kind, parsed.namespace, parsed.name);
    const message = value ? this.#parts.decode({ ...parsed, key, value }) : current && records.bytes(current);
    if (!message) return;
    const entry = this.#record(parsed, revision, records.stamp(message, revision));
    publisher.publish([{ operation: value ? 'put' : 'delete', entry }]);
    this.#awaited.get(key)?.();
  }

  #record({ kind, namespace, name }: ParsedKey, revision: number, stamped: Uint8Array): Entry {
    const { capacity, publisher, records } = this.#parts;
    const entry = records.add(kind, namespace, name, revision, stamped);
    if (entry) return entry;
    capacity.relieve(publisher.settledRevision);
    const second = records.add(kind, namespace, name, revision, stamped);
    if (!second) throw capacity.full();
    return second;
  }

  #stopFeed(): void {
    this.#feed.close();
    if (this.#publishing) clearImmediate(this.#publishing);
  }
}
