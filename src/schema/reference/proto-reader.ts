import { CodecError } from '../codec.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const maxFieldNumber = 2 ** 29 - 1;

/** Reads protobuf within bounds. Errors are worded as gogo's generated code words them. */
export class ProtoReader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #at: number;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  get done(): boolean {
    return this.#at >= this.#end;
  }

  get position(): number {
    return this.#at;
  }

  /** Field number and wire type. */
  tag(): { field: number; wireType: number } {
    const key = this.#varint();
    const field = Math.floor(key / 8);
    const wireType = key % 8;
    if (wireType === 4) throw malformed('proto: wiretype end group for non-group');
    if (field === 0 || field > maxFieldNumber) throw malformed(`proto: illegal tag ${field} (wire type ${wireType})`);
    return { field, wireType };
  }

  /** Exact up to 2^53; beyond that only the magnitude is right. */
  #varint(): number {
    let value = 0;
    let unit = 1;
    for (let i = 0; i < 10; i++, unit *= 128) {
      const byte = this.#byte();
      value += (byte & 0x7f) * unit;
      if (byte < 0x80) return value;
    }
    throw malformed('proto: integer overflow');
  }

  varint64(): bigint {
    let value = 0n;
    let pending = 0;
    let pendingBits = 0;
    let shift = 0n;
    for (let i = 0; i < 10; i++) {
      const byte = this.#byte();
      pending += (byte & 0x7f) * 2 ** pendingBits;
      pendingBits += 7;
      if (byte < 0x80) return BigInt.asUintN(64, value | (BigInt(pending) << shift));
      if (pendingBits === 49) {
        value = BigInt(pending);
        shift = 49n;
        pending = 0;
        pendingBits = 0;
      }
    }
    throw malformed('proto: integer overflow');
  }

  /** Length-delimited content as a reader of its own. */
  message(): ProtoReader {
    const { start, end } = this.#delimited();
    return new ProtoReader(this.#bytes, start, end);
  }

  /** A view of length-delimited content. */
  bytes(): Uint8Array {
    const { start, end } = this.#delimited();
    return this.#bytes.subarray(start, end);
  }

  string(): string {
    try {
      return utf8.decode(this.bytes());
    } catch (error) {
      if (error instanceof CodecError) throw error;
      throw new CodecError('utf8', 'proto: string field contains invalid UTF-8');
    }
  }

  double(): number {
    const start = this.#advance(8);
    return new DataView(this.#bytes.buffer, this.#bytes.byteOffset + start, 8).getFloat64(0, true);
  }

  /** Moves over a field's content. Groups may nest; they are counted, not recursed into. */
  skip(wireType: number): void {
    let groups = 0;
    let type = wireType;
    for (;;) {
      if (type === 0) this.varint64();
      else if (type === 1) this.#advance(8);
      else if (type === 2) this.#delimited();
      else if (type === 3) groups++;
      else if (type === 4) groups--;
      else if (type === 5) this.#advance(4);
      else throw malformed(`proto: illegal wireType ${type}`);
      if (groups === 0) return;
      type = Number(this.varint64() & 7n);
    }
  }

  #byte(): number {
    if (this.#at >= this.#end) throw malformed('unexpected EOF');
    return this.#bytes[this.#at++]!;
  }

  #delimited(): { start: number; end: number } {
    const length = this.#varint();
    if (length >= 2 ** 63) throw malformed('proto: negative length found during unmarshaling');
    const start = this.#advance(length);
    return { start, end: this.#at };
  }

  #advance(length: number): number {
    const start = this.#at;
    if (length > this.#end - start) throw malformed('unexpected EOF');
    this.#at += length;
    return start;
  }
}

export const malformed = (message: string): CodecError => new CodecError('syntax', message);
