import type { Codec, MessageName } from '../schema/codec.ts';
import type { KubeObject } from '../schema/object.ts';
import { Arena, type ArenaOptions } from '../wasm/index.ts';
import { DecodedObjects } from './decoded.ts';
import type { Entry, Run, StoredKind } from './types.ts';

/** A codec that may read records where they are: the WASM module that shares the memory. */
export interface StoreCodec extends Codec {
  toJsonAt?(
    message: MessageName,
    pointer: number,
    length: number,
    gvk?: { apiVersion: string; kind: string },
  ): Uint8Array;
  /** Where the next two look: address and length of each record. */
  readonly spans?: Uint32Array;
  jsonItems?(message: MessageName, count: number, lead: Uint8Array): Run;
  recordItems?(count: number, lead: Uint8Array): Run;
}

/** Field tables' generation; a record of an older one is converted when it is read. */
const schemaGeneration = 1;

const decoder = new TextDecoder();

/** Versions of objects, as records in linear memory. */
export class Records {
  readonly arena: Arena;
  readonly #codec: StoreCodec;
  readonly #decoded: DecodedObjects;

  constructor(codec: StoreCodec, arena: ArenaOptions, decodedObjects: number) {
    this.#codec = codec;
    this.arena = new Arena(arena);
    this.#decoded = new DecodedObjects(decodedObjects);
    this.arena.onFree = (handle) => this.#decoded.delete(handle);
  }

  /** A copy of a message with its revision filled in. */
  stamp(bytes: Uint8Array, revision: number): Uint8Array {
    return this.#codec.stampRevision(bytes, revision);
  }

  /** Writes a version, from stamped bytes. It has one holder. Undefined when the memory is full. */
  add(kind: StoredKind, namespace: string, name: string, revision: number, stamped: Uint8Array): Entry | undefined {
    const handle = this.arena.add({ type: kind.id, schemaGeneration, revision }, stamped);
    return handle === undefined ? undefined : { kind, namespace, name, revision, handle };
  }

  /** Keeps the decoded form that the writer had, with the revision filled in. */
  seed(entry: Entry, object: KubeObject): void {
    const metadata = { ...object.metadata, resourceVersion: String(entry.revision) };
    this.#decoded.set(entry.handle, { ...object, ...entry.kind.gvk, metadata });
  }

  bytes(entry: Entry): Uint8Array {
    return this.arena.content(entry.handle);
  }

  /** The message as it is stored on disk: without the revision. */
  unstamped(entry: Entry): Uint8Array {
    return this.#codec.stampRevision(this.bytes(entry), 0);
  }

  json(entry: Entry, gvk?: { apiVersion: string; kind: string }): Uint8Array {
    const { message } = entry.kind;
    if (!this.#codec.toJsonAt) return this.#codec.toJson(message, this.bytes(entry), gvk);
    return this.#codec.toJsonAt(message, this.arena.pointer(entry.handle), this.arena.length(entry.handle), gvk);
  }

  length(entry: Entry): number {
    return this.arena.length(entry.handle);
  }

  jsonItems(entries: readonly Entry[], from: number, lead: Uint8Array): Run | undefined {
    const codec = this.#codec;
    if (!codec.jsonItems || !codec.spans) return undefined;
    return codec.jsonItems(entries[from]!.kind.message, this.#point(codec.spans, entries, from), lead);
  }

  recordItems(entries: readonly Entry[], from: number, lead: Uint8Array): Run | undefined {
    const codec = this.#codec;
    if (!codec.recordItems || !codec.spans) return undefined;
    return codec.recordItems(this.#point(codec.spans, entries, from), lead);
  }

  /** Tells where the next records are. Returns how many they are. */
  #point(spans: Uint32Array, entries: readonly Entry[], from: number): number {
    const count = Math.min(spans.length >>> 1, entries.length - from);
    for (let i = 0; i < count; i++) {
      const { handle } = entries[from + i]!;
      spans[i * 2] = this.arena.pointer(handle);
      spans[i * 2 + 1] = this.arena.length(handle);
    }
    return count;
  }

  object(entry: Entry): KubeObject {
    const known = this.#decoded.get(entry.handle);
    if (known) return known;
    const object = JSON.parse(decoder.decode(this.json(entry, entry.kind.gvk))) as KubeObject;
    this.#decoded.set(entry.handle, object);
    return object;
  }

  retain(entry: Entry): void {
    this.arena.retain(entry.handle);
  }

  release(entry: Entry): void {
    this.arena.release(entry.handle);
  }

  /** Bytes of memory that the version takes. */
  footprint(entry: Entry): number {
    return this.arena.footprint(entry.handle);
  }
}
