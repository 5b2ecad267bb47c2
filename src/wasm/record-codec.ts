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
  readonly #isolated: Codec;
  readonly #instance: CodecInstance;
  readonly #arena: number;
  readonly #ring: number;
  readonly #ringEnd: number;
  #cursor: number;

  constructor(memory: LinearMemory, isolated: Codec) {
    this.#isolated = isolated;
    this.#instance = new CodecInstance(memory);
    this.#arena = this.#instance.end;
    this.#ring = this.#arena + arenaBytes;
    this.#ringEnd = this.#ring + slotBytes * slots;
    this.#cursor = this.#ring;
    this.heapBase = Math.ceil(this.#ringEnd / alignment) * alignment;
    if (this.heapBase > memory.buffer.byteLength) {
      throw new RangeError(`the codec needs ${this.heapBase} bytes of the memory; it has ${memory.buffer.byteLength}`);
    }
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
    if (this.#ringEnd - this.#cursor < slotBytes) this.#cursor = this.#ring;
    const output = this.#cursor;
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
    if (size >= 0) {
      this.#cursor = Math.ceil((output + size) / alignment) * alignment;
      return instance.memory.subarray(output, output + size);
    }
    const record = instance.memory.subarray(pointer, pointer + length);
    const failure = failureOf(instance, record);
    if (failure.kind !== 'size') throw failure;
    return this.#isolated.toJson(message, record, gvk);
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
