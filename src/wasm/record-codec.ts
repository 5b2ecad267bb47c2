import type { Codec, Decoded, DecodeOptions, MessageName } from '../schema/index.ts';
import type { LinearMemory } from './arena-memory.ts';
import { failureOf } from './failure.ts';
import { CodecInstance } from './instance.ts';

/** Longest text that goes through the ring. */
const slotBytes = 128 << 10;
const slots = 8;
/** For frames of open messages. */
const arenaBytes = 512 << 10;
const alignment = 64;

/** Most records that one call takes as items of a list. */
const runRecords = 1024;

/** Items of a list that were written by one call. */
export interface Run {
  /** A view, as of `toJsonAt`. */
  bytes: Uint8Array;
  /** How many items it has: 0 when the first one is larger than the ring takes. */
  count: number;
}

/** Names and version of an object, read without decoding it. Absent ones are ''. */
export interface PeekedMetadata {
  name: string;
  namespace: string;
  uid: string;
  resourceVersion: string;
}

/**
 * The codec over a memory that also holds records: transcodes them where they lie. It reads only bytes that this
 * program wrote; what it is asked to decode from elsewhere goes to the codec for bytes from anywhere.
 *
 * A trap in here is not caught: it means that the cache is damaged.
 */
export class RecordCodec implements Codec {
  /** First address that is free for records. */
  readonly heapBase: number;
  /** Where `jsonItems` and `recordItems` look: pointer and length of each record, in turn. */
  readonly spans: Uint32Array;
  readonly #isolated: Codec;
  readonly #instance: CodecInstance;
  readonly #arena: number;
  readonly #ring: number;
  readonly #ringEnd: number;
  #cursor: number;

  constructor(memory: LinearMemory, isolated: Codec) {
    this.#isolated = isolated;
    this.#instance = new CodecInstance(memory);
    const spansAt = this.#instance.end;
    this.#arena = spansAt + runRecords * 8;
    this.#ring = this.#arena + arenaBytes;
    this.#ringEnd = this.#ring + slotBytes * slots;
    this.#cursor = this.#ring;
    this.heapBase = Math.ceil(this.#ringEnd / alignment) * alignment;
    if (this.heapBase > memory.buffer.byteLength) {
      throw new RangeError(`the codec needs ${this.heapBase} bytes of the memory; it has ${memory.buffer.byteLength}`);
    }
    this.spans = new Uint32Array(memory.buffer, spansAt, runRecords * 2);
  }

  fromJson(message: MessageName, json: Uint8Array, options: DecodeOptions): Decoded {
    return this.#isolated.fromJson(message, json, options);
  }

  fromProto(message: MessageName, proto: Uint8Array, options: DecodeOptions): Decoded {
    return this.#isolated.fromProto(message, proto, options);
  }

  toJson(message: MessageName, bytes: Uint8Array, gvk?: { apiVersion: string; kind: string }): Uint8Array {
    return this.#isolated.toJson(message, bytes, gvk);
  }

  stampRevision(bytes: Uint8Array, revision: number): Uint8Array {
    return this.#isolated.stampRevision(bytes, revision);
  }

  /**
   * JSON of the record at `pointer`. The result is a view of the memory, overwritten later: it stays as it is for the
   * next six calls at least. Use or copy it before the next `await`.
   */
  toJsonAt(
    message: MessageName,
    pointer: number,
    length: number,
    gvk?: { apiVersion: string; kind: string },
  ): Uint8Array {
    const instance = this.#instance;
    const lead = gvk ? instance.lead(gvk) : noLead;
    const offset = instance.message(message);
    const output = this.#slot();
    const size = instance.exports.toJson(
      pointer,
      length,
      offset,
      lead.at,
      lead.length,
      1,
      this.#arena,
      this.#ring,
      output,
      output + slotBytes,
    );
    if (size >= 0) return this.#take(output, output + size);
    const record = instance.memory.subarray(pointer, pointer + length);
    const failure = failureOf(instance, record);
    if (failure.kind !== 'size') throw failure;
    return this.#isolated.toJson(message, record, gvk);
  }

  /**
   * JSON of the first `count` records in `spans`, as items of a list with commas between them, as many as fit. `lead`
   * stands before them.
   */
  jsonItems(message: MessageName, count: number, lead: Uint8Array): Run {
    const { exports } = this.#instance;
    const offset = this.#instance.message(message);
    const { byteOffset } = this.spans;
    return this.#items(lead, (output, limit) =>
      exports.jsonItems(byteOffset, count, offset, this.#arena, this.#ring, output, limit),
    );
  }

  /** The records in `spans` as items of a protobuf list; as `jsonItems`. */
  recordItems(count: number, lead: Uint8Array): Run {
    const { exports } = this.#instance;
    return this.#items(lead, (output, limit) => exports.recordItems(this.spans.byteOffset, count, output, limit));
  }

  #items(lead: Uint8Array, write: (output: number, limit: number) => number): Run {
    const from = this.#slot();
    const items = from + lead.length;
    const limit = from + slotBytes;
    if (items >= limit) return { bytes: lead, count: 0 };
    this.#instance.memory.set(lead, from);
    const count = write(items, limit);
    return { bytes: this.#take(from, this.#instance.report(0)), count };
  }

  /** Where the next text may begin. */
  #slot(): number {
    if (this.#ringEnd - this.#cursor < slotBytes) this.#cursor = this.#ring;
    return this.#cursor;
  }

  #take(from: number, end: number): Uint8Array {
    this.#cursor = Math.ceil(end / alignment) * alignment;
    return this.#instance.memory.subarray(from, end);
  }

  /** Name, namespace, uid and resourceVersion of the record at `pointer`. */
  peekAt(pointer: number, length: number): PeekedMetadata {
    const instance = this.#instance;
    if (instance.exports.peek(pointer, length) === 0) {
      throw failureOf(instance, instance.memory.subarray(pointer, pointer + length));
    }
    const text = (index: number): string => instance.text(instance.report(index), instance.report(index + 1));
    return { name: text(0), namespace: text(2), uid: text(4), resourceVersion: text(6) };
  }
}

const noLead = { at: 0, length: 0 };
