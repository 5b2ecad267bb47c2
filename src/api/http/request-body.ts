import { AbortedError, BodyTooLargeError } from './types.ts';

/**
 * A request's body: collected whole up to a limit, or handed on as it comes. What arrives before someone asks waits; the
 * sender is paused meanwhile.
 */
export class RequestBody {
  readonly #limitBytes: number;
  readonly #expectedBytes: number | undefined;
  readonly #flow: { pause(): void; resume(): void };
  #chunks: Uint8Array[] = [];
  /** Where the rest goes, once someone has asked for a body of known length. */
  #whole: Uint8Array | undefined;
  #receivedBytes = 0;
  #asked: PromiseWithResolvers<Uint8Array> | undefined;
  /** Someone reads `chunks`; called when there is news. */
  #reader: (() => void) | undefined;
  #paused = false;
  #state: 'receiving' | 'complete' | 'failed' = 'receiving';
  #error: Error | undefined;

  /** `expectedBytes` is the Content-Length, undefined for a chunked body. */
  constructor(limitBytes: number, expectedBytes: number | undefined, flow: { pause(): void; resume(): void }) {
    this.#limitBytes = limitBytes;
    this.#expectedBytes = expectedBytes;
    this.#flow = flow;
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
    if ((this.#expectedBytes ?? this.#receivedBytes) > this.#limitBytes) this.#overLimit();
    else if (this.#state === 'receiving' && this.#expectedBytes !== undefined) this.#allocate(this.#expectedBytes);
    this.#resume();
    this.#settle();
    return this.#asked.promise;
  }

  /** The body as it arrives, instead of `ask`; one reader. */
  async *chunks(): AsyncGenerator<Uint8Array> {
    this.#reader = () => {};
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk) {
        yield chunk;
        continue;
      }
      if (this.#state === 'complete') return;
      if (this.#state === 'failed') throw this.#error;
      await new Promise<void>((resolve) => {
        this.#reader = resolve;
        this.#resume();
      });
    }
  }

  /** Takes the next bytes; they are copied. */
  push(chunk: Uint8Array, isLast: boolean): void {
    if (this.#state !== 'receiving') return;
    this.#receivedBytes += chunk.byteLength;
    if (this.#asked && this.#receivedBytes > this.#limitBytes) {
      this.#overLimit();
      return;
    }
    if (this.#whole) this.#whole.set(chunk, this.#receivedBytes - chunk.byteLength);
    else if (chunk.byteLength > 0) this.#chunks.push(new Uint8Array(chunk));
    if (isLast) {
      this.#state = 'complete';
      this.#settle();
    } else if (!this.#asked && !this.#paused) {
      this.#paused = true;
      this.#flow.pause();
    }
    this.#reader?.();
  }

  /** The rest will not come. */
  fail(error: Error): void {
    if (this.#state !== 'receiving') return;
    this.#state = 'failed';
    this.#error = error;
    this.#chunks = [];
    this.#settle();
    this.#reader?.();
  }

  #allocate(bytes: number): void {
    this.#whole = new Uint8Array(bytes);
    let at = 0;
    for (const chunk of this.#chunks.splice(0)) {
      this.#whole.set(chunk, at);
      at += chunk.byteLength;
    }
  }

  #resume(): void {
    if (this.#paused) this.#flow.resume();
    this.#paused = false;
  }

  #overLimit(): void {
    this.#state = 'receiving';
    this.fail(new BodyTooLargeError(`limit is ${this.#limitBytes}`));
  }

  #settle(): void {
    if (!this.#asked || this.#state === 'receiving') return;
    const [first] = this.#chunks;
    if (this.#state === 'failed') this.#asked.reject(this.#error ?? new AbortedError('request was aborted'));
    else if (this.#whole) this.#asked.resolve(this.#whole);
    else if (this.#chunks.length <= 1) this.#asked.resolve(first ?? new Uint8Array());
    else this.#asked.resolve(new Uint8Array(Buffer.concat(this.#chunks, this.#receivedBytes)));
    this.#chunks = [];
    this.#whole = undefined;
  }
}
