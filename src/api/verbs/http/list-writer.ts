/** Gathers a list's bytes: small lists are sent whole, large ones in pieces as the client takes them. */
import type { Exchange } from '../../exchange.ts';
import { type ByteSink, gzipSink, plainSink } from './byte-sink.ts';

/** Below this a list is sent whole, with its length; from here on gzip pays (upstream's threshold). */
const streamFromBytes = 128 << 10;
const firstBufferBytes = 16 << 10;

/** Grown buffers of finished lists, for the next large ones. */
const spares: Uint8Array[] = [];
const sparesLimit = 4;
const spareBytes = 256 << 10;

export class ListWriter {
  readonly #exchange: Exchange;
  readonly #contentType: string;
  #buffer: Uint8Array = new Uint8Array(firstBufferBytes);
  #filled = 0;
  #sink: ByteSink | undefined;

  constructor(exchange: Exchange, contentType: string) {
    this.#exchange = exchange;
    this.#contentType = contentType;
  }

  /** Time to `flush`. */
  get full(): boolean {
    return this.#filled >= streamFromBytes;
  }

  /** Copies `bytes`: they may be a view of the codec's scratch memory. */
  add(bytes: Uint8Array): void {
    if (this.#filled + bytes.length > this.#buffer.length) this.#grow(this.#filled + bytes.length);
    this.#buffer.set(bytes, this.#filled);
    this.#filled += bytes.length;
  }

  /** What has been gathered: a view until the next `add`. */
  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#filled);
  }

  /** Hands over what is gathered. Resolves when the client can take more. */
  async flush(): Promise<void> {
    this.#sink ??= this.#exchange.acceptsGzip
      ? gzipSink(this.#exchange, this.#contentType)
      : plainSink(this.#exchange, this.#contentType);
    const { bytes } = this;
    this.#filled = 0;
    await this.#sink.write(bytes);
  }

  async end(): Promise<void> {
    if (!this.#sink && !this.full) {
      this.#exchange.send(200, this.#contentType, this.bytes);
      return;
    }
    await this.flush();
    await this.#sink!.end();
  }

  /** Gives the buffer back. */
  release(): void {
    if (this.#buffer.length === spareBytes && spares.length < sparesLimit) spares.push(this.#buffer);
    this.#buffer = new Uint8Array(0);
  }

  #grow(needed: number): void {
    const larger = needed <= spareBytes ? (spares.pop() ?? new Uint8Array(spareBytes)) : new Uint8Array(needed * 2);
    larger.set(this.bytes);
    this.#buffer = larger;
  }
}
