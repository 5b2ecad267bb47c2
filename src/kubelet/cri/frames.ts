import { Buffer } from 'node:buffer';
import { CriError, grpcCode } from './types.ts';

const headerBytes = 5;
const resourceExhausted = 8;

/** A message as gRPC sends it: uncompressed flag, length, content. */
export function frame(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(headerBytes + message.length);
  framed[0] = 0;
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, headerBytes);
  return framed;
}

/** Puts messages together again from pieces of any size. Throws CriError when one is larger than the bound. */
export class MessageReader {
  readonly #maxBytes: number;
  #chunks: Buffer[] = [];
  #size = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The messages that `chunk` completes. */
  push(chunk: Buffer): Uint8Array[] {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    const messages: Uint8Array[] = [];
    for (;;) {
      const length = this.#nextLength();
      if (length === undefined || this.#size < headerBytes + length) return messages;
      const joined = this.#join();
      messages.push(joined.subarray(headerBytes, headerBytes + length));
      const rest = joined.subarray(headerBytes + length);
      this.#chunks = rest.length > 0 ? [rest] : [];
      this.#size = rest.length;
    }
  }

  #nextLength(): number | undefined {
    if (this.#size < headerBytes) return undefined;
    const first = this.#chunks[0] as Buffer;
    const header = first.length >= headerBytes ? first : this.#join();
    if (header[0] !== 0) {
      throw new CriError(grpcCode.internal, 'grpc: compressed flag set with identity or empty encoding');
    }
    const length = header.readUInt32BE(1);
    if (length > this.#maxBytes) {
      throw new CriError(resourceExhausted, `grpc: received message larger than max (${length} vs. ${this.#maxBytes})`);
    }
    return length;
  }

  #join(): Buffer {
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0] as Buffer;
  }
}
