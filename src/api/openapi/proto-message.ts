import type { SchemaObject } from './schemas.ts';

const encoder = new TextEncoder();

export const isSchema = (value: unknown): value is SchemaObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** One protobuf message being written. Empty strings and false are left out, as proto3 does. */
export class ProtoMessage {
  readonly #chunks: Uint8Array[] = [];
  #length = 0;

  string(field: number, value: string): this {
    return value === '' ? this : this.#delimited(field, encoder.encode(value));
  }

  bool(field: number, value: boolean): this {
    return value ? this.#push(varint(field * 8)).#push(Uint8Array.of(1)) : this;
  }

  message(field: number, value: ProtoMessage): this {
    this.#push(varint(field * 8 + 2)).#push(varint(value.#length));
    for (const chunk of value.#chunks) this.#push(chunk);
    return this;
  }

  bytes(): Uint8Array {
    const bytes = new Uint8Array(this.#length);
    let at = 0;
    for (const chunk of this.#chunks) {
      bytes.set(chunk, at);
      at += chunk.length;
    }
    return bytes;
  }

  #delimited(field: number, value: Uint8Array): this {
    return this.#push(varint(field * 8 + 2))
      .#push(varint(value.length))
      .#push(value);
  }

  #push(chunk: Uint8Array): this {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    return this;
  }
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest);
  return Uint8Array.from(bytes);
}
