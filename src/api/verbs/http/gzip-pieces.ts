/** The pieces of a list, compressed on the thread pool. */
import { once } from 'node:events';
import { createGzip, type Gzip } from 'node:zlib';
import { concat } from '../../negotiation/index.ts';
import type { ListPieces } from './list-pieces.ts';

const gzipLevel = 1;
const pieceBytes = 64 << 10;

export class GzipPieces implements ListPieces {
  readonly #plain: ListPieces;
  readonly #gzip: Gzip = createGzip({ level: gzipLevel });
  /** The first piece, when it had to be made to know how long the list is. */
  #first: Uint8Array | undefined;
  #out: Uint8Array[] = [];
  #outBytes = 0;
  done = false;

  constructor(plain: ListPieces, first: Uint8Array) {
    this.#plain = plain;
    this.#first = first;
    this.#gzip.on('data', (chunk: Uint8Array) => {
      this.#out.push(chunk);
      this.#outBytes += chunk.length;
    });
  }

  async next(): Promise<Uint8Array> {
    while (this.#outBytes < pieceBytes && !this.done) {
      await this.#feed(this.#first ?? (await this.#copyOfNext()));
      this.#first = undefined;
      if (this.#plain.done) await this.#finish();
    }
    const piece = concat(this.#out);
    this.#out = [];
    this.#outBytes = 0;
    return piece;
  }

  [Symbol.dispose](): void {
    this.#gzip.destroy();
    this.#plain[Symbol.dispose]();
  }

  async #copyOfNext(): Promise<Uint8Array> {
    const made = this.#plain.next();
    return made instanceof Promise ? await made : made.slice();
  }

  #feed(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#gzip.write(bytes, (error) => (error ? reject(error) : resolve()));
    });
  }

  async #finish(): Promise<void> {
    const ended = once(this.#gzip, 'end');
    this.#gzip.end();
    await ended;
    this.done = true;
  }
}
