import { Buffer } from 'node:buffer';

/** Writes protobuf from the end towards the beginning, so that lengths are known when they are written. */
export class ProtoWriter {
  #buffer: Buffer;
  #at: number;

  constructor(sizeHint = 1024) {
    this.#buffer = Buffer.allocUnsafeSlow(sizeHint);
    this.#at = sizeHint;
  }

  /** Bytes written so far. Lengths are differences of this. */
  get size(): number {
    return this.#buffer.length - this.#at;
  }

  /** A copy of what was written. */
  finish(): Uint8Array {
    return Uint8Array.prototype.slice.call(this.#buffer, this.#at);
  }

  varint(value: number): void {
    if (value > 0x7f_ff_ff_ff) {
      this.varint64(BigInt(value));
      return;
    }
    let rest = value;
    let length = 1;
    while (rest > 0x7f) {
      rest >>>= 7;
      length++;
    }
    this.#reserve(length);
    rest = value;
    for (let i = 0; i < length; i++, rest >>>= 7) {
      this.#buffer[this.#at + i] = i < length - 1 ? (rest & 0x7f) | 0x80 : rest;
    }
  }

  /** Negative numbers as 64-bit two's complement. */
  varint64(value: bigint): void {
    const bytes: number[] = [];
    let rest = BigInt.asUintN(64, value);
    for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
    bytes.push(Number(rest));
    this.bytes(Uint8Array.from(bytes));
  }

  double(value: number): void {
    this.#reserve(8);
    this.#buffer.writeDoubleLE(value, this.#at);
  }

  bytes(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#buffer.set(value, this.#at);
  }

  /** A string with its length before it. */
  string(value: string): void {
    const length = Buffer.byteLength(value);
    this.#reserve(length);
    this.#buffer.write(value, this.#at, length, 'utf8');
    this.varint(length);
  }

  tag(field: number, wireType: number): void {
    this.varint(field * 8 + wireType);
  }

  /** Writes what `body` writes, and before it its length and tag. */
  message(field: number, body: () => void): void {
    const before = this.size;
    body();
    this.varint(this.size - before);
    this.tag(field, 2);
  }

  #reserve(length: number): void {
    if (length <= this.#at) {
      this.#at -= length;
      return;
    }
    const size = this.size;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#buffer.length * 2, size + length));
    this.#buffer.copy(grown, grown.length - size, this.#at);
    this.#buffer = grown;
    this.#at = grown.length - size - length;
  }
}
