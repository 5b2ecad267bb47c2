import { AbortedError, BodyTooLargeError } from './types.ts';

/** Collects a request's body up to a limit. What arrives before someone asks waits; the sender is paused meanwhile. */
export class RequestBody {
  readonly #limitBytes: number;
  readonly #expectedBytes: number | undefined;
  readonly #flow: { pause(): void; resume(): void };
  #chunks: Uint8Array[] = [];
  #receivedBytes = 0;
  #asked: PromiseWithResolvers<Uint8Array> | undefined;
  #paused = false;
  #state: 'receiving' | 'complete' | 'failed' = 'receiving';
  #error: Error | undefined;

  /** `expectedBytes` is the Content-Length, undefined for a chunked body. */
  constructor(limitBytes: number, expectedBytes: number | undefined, flow: { pause(): void; resume(): void }) {
    this.#limitBytes = limitBytes;
    this.#expectedBytes = expectedBytes;
    this.#flow = flow;
    if ((expectedBytes ?? 0) > limitBytes) this.#overLimit();
  }

  /** False while bytes are still to come. */
  get complete(): boolean {
    return this.#state === 'complete';
  }

  get failed(): boolean {
    return this.#state === 'failed';
  }

  /** The whole body. */
  ask(): Promise<Uint8Array> {
    if (this.#asked) return this.#asked.promise;
    this.#asked = Promise.withResolvers<Uint8Array>();
    if (this.#paused) this.#flow.resume();
    this.#paused = false;
    this.#settle();
    return this.#asked.promise;
  }

  /** Takes the next bytes; they are copied. */
  push(chunk: Uint8Array, isLast: boolean): void {
    if (this.#state !== 'receiving') return;
    this.#receivedBytes += chunk.byteLength;
    if (this.#receivedBytes > this.#limitBytes) {
      this.#overLimit();
      return;
    }
    this.#keep(chunk);
    if (isLast) {
      this.#state = 'complete';
      this.#settle();
    } else if (!this.#asked && !this.#paused) {
      this.#paused = true;
      this.#flow.pause();
    }
  }

  /** The rest will not come. */
  fail(error: Error): void {
    if (this.#state !== 'receiving') return;
    this.#state = 'failed';
    this.#error = error;
    this.#chunks = [];
    this.#settle();
  }

  #keep(chunk: Uint8Array): void {
    if (chunk.byteLength === 0) return;
    const [whole] = this.#chunks;
    if (whole && this.#expectedBytes !== undefined) {
      whole.set(chunk, this.#receivedBytes - chunk.byteLength);
    } else if (this.#expectedBytes === undefined || chunk.byteLength >= this.#expectedBytes) {
      this.#chunks.push(new Uint8Array(chunk));
    } else {
      const all = new Uint8Array(this.#expectedBytes);
      all.set(chunk);
      this.#chunks.push(all);
    }
  }

  #overLimit(): void {
    this.fail(new BodyTooLargeError(`limit is ${this.#limitBytes}`));
  }

  #settle(): void {
    if (!this.#asked || this.#state === 'receiving') return;
    const [first] = this.#chunks;
    if (this.#state === 'failed') this.#asked.reject(this.#error ?? new AbortedError('request was aborted'));
    else if (this.#chunks.length <= 1) this.#asked.resolve(first ?? new Uint8Array());
    else this.#asked.resolve(new Uint8Array(Buffer.concat(this.#chunks, this.#receivedBytes)));
    this.#chunks = [];
  }
}
