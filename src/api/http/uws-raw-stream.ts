import type { UwsResponse } from './uws-addon.ts';

/**
 * A chunked answer whose headers go out before its first byte. uWebSockets.js ends the header block only with the first
 * chunk, so a client would not see a silent stream begin. `tryEnd` writes bytes as they are once it has written headers
 * of its own; those are spent on an interim answer, `100 Continue`, which clients must be ready to skip (RFC 9110, 15.2).
 */
export class UwsRawStream {
  readonly #res: UwsResponse;
  #waiting: { bytes: Uint8Array; isLast: boolean }[] = [];
  #written = 0;

  /** `head`: status line and header lines, each with its CRLF. Call inside a cork. */
  constructor(res: UwsResponse, head: string) {
    this.#res = res;
    res.writeStatus('100 Continue');
    this.#put(Buffer.from(`HTTP/1.1 ${head}Transfer-Encoding: chunked\r\n\r\n`), false);
  }

  /** Writes one chunk (not empty). False when some of it waits. Call inside a cork. */
  write(chunk: Uint8Array): boolean {
    const size = `${chunk.byteLength.toString(16)}\r\n`;
    const frame = Buffer.allocUnsafe(size.length + chunk.byteLength + crlf.byteLength);
    frame.write(size, 'latin1');
    frame.set(chunk, size.length);
    frame.set(crlf, size.length + chunk.byteLength);
    return this.#put(frame, false);
  }

  /** Writes the last chunk. True when it has gone: the answer is over for uWebSockets.js. Call inside a cork. */
  end(): boolean {
    return this.#put(lastChunk, true);
  }

  /** The socket takes bytes again. True when nothing waits any more. */
  drain(): boolean {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { bytes, isLast } of waiting) this.#put(bytes, isLast);
    return this.#waiting.length === 0;
  }

  #put(bytes: Uint8Array, isLast: boolean): boolean {
    if (this.#waiting.length > 0) {
      this.#waiting.push({ bytes, isLast });
      return false;
    }
    const end = this.#written + bytes.byteLength;
    const [taken] = this.#res.tryEnd(bytes, isLast ? end : endless);
    const reached = taken ? end : this.#res.getWriteOffset();
    if (!taken) this.#waiting.push({ bytes: bytes.subarray(reached - this.#written), isLast });
    this.#written = reached;
    return taken;
  }
}

const endless = Number.MAX_SAFE_INTEGER;
const crlf = Buffer.from('\r\n');
const lastChunk = Buffer.from('0\r\n\r\n');
