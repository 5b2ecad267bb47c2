/**
 * The store: one ordered commit queue, one cache, one event stream. Only the API layer writes to it.
 *
 * Revisions are safe integers. A record is the stored message with metadata.resourceVersion stamped, in linear memory;
 * what is on disk is the same message without it, in the `k8s\0` envelope.
 */
import type { MessageName } from '../schema/codec.ts';
import type { KubeObject } from '../schema/object.ts';

/** What the store must know of a stored resource. Made from ResourceDefinitions. */
export interface StoredKind {
  /** Position in the list given to `openStore`. */
  id: number;
  /** Key segment below the prefix, as upstream's: `pods`, `services/specs`, `apiextensions.k8s.io/customresourcedefinitions`. */
  path: string;
  namespaced: boolean;
  gvk: { apiVersion: string; kind: string };
  message: MessageName;
  /** Field paths with an index, e.g. `spec.nodeName`. `metadata.ownerReferences.uid` and namespace are always indexed. */
  indexes: readonly string[];
  /** Shed first when the cache is nearly full (Events). */
  expendable?: boolean;
}

/** One version of one object. Immutable; valid while retained (the cache retains the newest version). */
export interface Entry {
  readonly kind: StoredKind;
  /** '' for cluster-scoped kinds. */
  readonly namespace: string;
  readonly name: string;
  readonly revision: number;
  /** Slot and generation of the record in linear memory. */
  readonly handle: number;
}

/** Where to look. `index` narrows to entries whose indexed field has that value. */
export interface Selection {
  namespace?: string;
  index?: { field: string; value: string };
}

export interface WriteIntent {
  kind: StoredKind;
  namespace: string;
  name: string;
  /** Revision of the head that the caller evaluated against; 0 = the object must not exist. */
  expectedRevision: number;
  /**
   * `put`: the new message, resourceVersion empty. `delete`: the final state that DELETED events carry (defaults to
   * the current one).
   */
  operation: 'put' | 'delete';
  bytes?: Uint8Array;
  /** The decoded form of `bytes`, when the caller has it: seeds the decoded LRU. Never changed afterwards. */
  object?: KubeObject;
  /** Soft writes are acknowledged from memory and written behind (ARCHITECTURE: Events, lease renewals, heartbeats). */
  durability: 'hard' | 'soft';
  /** May use the reserve of a full cache even if it grows the object: status updates. Deletions always may. */
  essential?: boolean;
}

/** Thrown by `write` when the head is not at `expectedRevision`: read again and retry, or answer 409. */
export class HeadMovedError extends Error {
  readonly currentRevision: number;
  constructor(currentRevision: number) {
    super(`head is at revision ${currentRevision}`);
    this.name = 'HeadMovedError';
    this.currentRevision = currentRevision;
  }
}

/** The cache has no room for this write. The API answers 429 TooManyRequests with this message. */
export class StoreFullError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'StoreFullError';
  }
}

/** The commit queue is full: try again in a moment. The API answers 429 as for StoreFullError. */
export class StoreBusyError extends StoreFullError {
  constructor(pending: number) {
    super(`${pending} writes are waiting for the disk; please try again later`);
    this.name = 'StoreBusyError';
  }
}

/** The disk has no room for this write; what is stored can be read. The API answers 429 as for StoreFullError. */
export class DiskFullError extends StoreFullError {
  constructor(message: string, cause: unknown) {
    super(message);
    this.name = 'DiskFullError';
    this.cause = cause;
  }
}

/** The store is closing, has been closed, or has failed for good. */
export class StoreClosedError extends Error {
  constructor(message = 'the store is closed', cause?: unknown) {
    super(message, { cause });
    this.name = 'StoreClosedError';
  }
}

/** Thrown by a backend that no longer knows what is durable (a failed fsync): the process must end. */
export class BackendFatalError extends Error {
  constructor(message: string, cause: unknown) {
    super(message, { cause });
    this.name = 'BackendFatalError';
  }
}

/** The revision asked for has been compacted away. The API answers 410 Expired. */
export class CompactedError extends Error {
  readonly requested: number;
  readonly oldest: number;
  constructor(requested: number, oldest: number) {
    super(`revision ${requested} is compacted; oldest is ${oldest}`);
    this.name = 'CompactedError';
    this.requested = requested;
    this.oldest = oldest;
  }
}

/** A published change. Both entries stay readable while the event is in the window (bounded by time and bytes). */
export interface StoreEvent {
  readonly revision: number;
  readonly kind: StoredKind;
  readonly namespace: string;
  readonly name: string;
  /** The version that this change made; for a deletion the final state, stamped with the deletion's revision. */
  readonly current: Entry;
  readonly previous?: Entry;
  readonly type: 'create' | 'update' | 'delete';
}

export interface StoreListener {
  /** Called in revision order, synchronously on publication. Must not throw and must not write. */
  event(event: StoreEvent): void;
  /** Every revision up to `revision` has been delivered (called after each published batch, even when nothing matched). */
  progress?(revision: number): void;
  /** The store is closing, or the feed was lost. */
  closed(reason: Error): void;
}

export interface Subscription {
  close(): void;
}

export interface SnapshotList extends Disposable {
  /** Sorted by namespace, then name. Retained until disposed. */
  readonly entries: readonly Entry[];
  readonly revision: number;
}

/** Items of a list from `entries[from]` on, as many as fit in one view, with `lead` before them. */
export interface Run {
  /** Use or copy it before the next await. */
  bytes: Uint8Array;
  /** How many items these are; 0: the first one has to be taken alone. */
  count: number;
}

export interface Store {
  readonly kinds: readonly StoredKind[];
  /** Last published revision. Lists and bookmarks carry it. */
  readonly revision: number;
  /** Revisions at or below this one are no longer in the window. */
  readonly compactedRevision: number;

  /** Published state. */
  get(kind: StoredKind, namespace: string, name: string): Entry | undefined;
  /** Newest state, pending writes included: what preconditions and patches are evaluated against. */
  head(kind: StoredKind, namespace: string, name: string): Entry | undefined;
  /** All published entries that match, as one snapshot. `at` asks for the state at a past revision (throws CompactedError). */
  list(kind: StoredKind, selection?: Selection, at?: number): SnapshotList;
  count(kind: StoredKind, selection?: Selection): number;

  /** The record (storage bytes, stamped). A view into linear memory: use or copy it before the next await. */
  bytes(entry: Entry): Uint8Array;
  /** JSON of the record, with or without kind and apiVersion. A view: use or copy it before the next await. */
  json(entry: Entry, gvk?: { apiVersion: string; kind: string }): Uint8Array;
  /** Length of the record, bytes. */
  length(entry: Entry): number;
  /** JSON of entries of one kind as items of a list, with commas between them; undefined: this codec makes no runs. */
  jsonItems(entries: readonly Entry[], from: number, lead: Uint8Array): Run | undefined;
  /** Records of one kind as items of a protobuf list; as `jsonItems`. */
  recordItems(entries: readonly Entry[], from: number, lead: Uint8Array): Run | undefined;
  /** The decoded object with kind and apiVersion, frozen and shared. */
  object<T extends KubeObject>(entry: Entry): T;

  /** Keeps an entry readable across awaits; pair with `release`. */
  retain(entry: Entry): void;
  release(entry: Entry): void;

  /**
   * Enqueues one write. Resolves when it is durable (hard) or accepted (soft) and published; in revision order.
   * Rejects with HeadMovedError, StoreFullError, or the backend's failure (then nothing was changed).
   */
  write(intent: WriteIntent): Promise<Entry>;

  /** Events with revision > `after` of one kind (or all kinds when undefined). Throws CompactedError. */
  subscribe(kind: StoredKind | undefined, after: number, listener: StoreListener): Subscription;
  /** Resolves when `revision` is published. */
  reached(revision: number, timeoutMs: number): Promise<boolean>;

  /** Whether writes can be expected to succeed: it is open, and its backend answers. Costs nothing. */
  isHealthy(): boolean;
  /** Writes everything soft, waits for pending commits and closes the backend. */
  close(): Promise<void>;
  stats(): StoreStats;
}

export interface StoreStats {
  objects: number;
  liveBytes: number;
  usedBytes: number;
  capacityBytes: number;
  windowEvents: number;
  pendingWrites: number;
  flushedBytes: number;
}

// --- backend ----------------------------------------------------------------------------------------------------

/** One change of a batch. `value` is the envelope (`k8s\0` + runtime.Unknown), undefined = delete. */
export interface BackendChange {
  key: string;
  value?: Uint8Array;
  revision: number;
  /** Revision the key must have now (0 = absent). Local backends may rely on the queue; etcd compares. */
  expectedRevision: number;
}

export interface BackendRecord {
  key: string;
  value: Uint8Array;
  revision: number;
}

export interface CommitOptions {
  /** False: the batch may still be lost by a power cut, but never in part. */
  durable: boolean;
  /** Makes durable with the batch that revisions up to this one may have been issued: `load` continues above it. */
  ceiling?: number;
}

/**
 * A place where objects live across restarts. One small interface, three drivers (sqlite, etcd, memory), one suite.
 * `ownsRevisions` false (etcd): revisions in changes are ignored, the backend's watch feeds the cache.
 */
export interface Backend {
  readonly ownsRevisions: boolean;
  /** Streams every record in key order; returns the revision to continue from (above any ever issued). */
  load(each: (record: BackendRecord) => void): Promise<{ revision: number }>;
  /**
   * Makes the batch durable as a whole, or throws and changes nothing (BackendFatalError: not known what is durable).
   * Returns the revisions when the backend gives them; then it throws HeadMovedError when a comparison fails.
   */
  commit(changes: readonly BackendChange[], options: CommitOptions): Promise<readonly number[] | undefined>;
  /** Where others may write (etcd): every change from `revision` on, in order. */
  watch?(
    revision: number,
    each: (change: { key: string; value?: Uint8Array; revision: number }) => void,
    closed: (error: Error) => void,
  ): Subscription;
  compact(revision: number): Promise<void>;
  /** Where the place is another process (etcd): whether it answers, as far as the last call and the watch tell. */
  isHealthy?(): boolean;
  /** A consistent copy in `path` while running. */
  snapshot(path: string): Promise<void>;
  close(): Promise<void>;
}
