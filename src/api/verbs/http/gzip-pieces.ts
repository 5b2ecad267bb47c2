/** The pieces of a list, compressed on the thread pool. */
import { once } from 'node:events';
import { createGzip, type Gzip } from 'node:zlib';
import { concat } from '../../negotiation/index.ts';
import type { ListPieces } from './list-pieces.ts';

const gzipLevel = 1;
const pieceBytes = 64 << 10;

/** `plain`, compressed when it has more than one piece (about upstream's threshold). */
export async function compressed(plain: ListPieces): Promise<ListPieces> {
  const first = await copyOfNext(plain);
  return plain.done ? new OnePiece(plain, first) : new GzipPieces(plain, first);
}

class OnePiece implements ListPieces {
  readonly #plain: ListPieces;
  readonly #piece: Uint8Array;
  readonly isGzip = false;
  done = false;

  constructor(plain: ListPieces, piece: Uint8Array) {
    this.#plain = plain;
    this.#piece = piece;
  }

  next(): Uint8Array {
    this.done = true;
    return this.#piece;
  }

  [Symbol.dispose](): void {
    this.#plain[Symbol.dispose]();
  }
}

class GzipPieces implements ListPieces {
  readonly #plain: ListPieces;
  readonly #gzip: Gzip = createGzip({ level: gzipLevel });
  /** Was made to know how long the list is. */
  #first: Uint8Array | undefined;
  #out: Uint8Array[] = [];
  #outBytes = 0;
  readonly isGzip = true;
  done = false;

  constructor(plain: ListPieces, first: Uint8Array) {
    this.#plain = plain;
    this.#first = first;
    this.#gzip.on('data', (chunk: Uint8Array) => {
      this.#out.push(chunk);
      this.#outBytes += chunk.length;
    });
    this.#gzip.on('error', () => {}); // who writes or waits for the end is told; unheard it would end the process
  }

  async next(): Promise<Uint8Array> {
    while (this.#outBytes < pieceBytes && !this.done) {
      await this.#feed(this.#first ?? (await copyOfNext(this.#plain)));
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

async function copyOfNext(pieces: ListPieces): Promise<Uint8Array> {
  const made = pieces.next();
  return made instanceof Promise ? await made : made.slice();
}
