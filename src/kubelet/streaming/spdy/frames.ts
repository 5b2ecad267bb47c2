/**
 * SPDY/3.1 frames, as far as container runtimes use them (Go's spdystream): streams with headers, data, resets, pings.
 * Flow control is TCP's: spdystream neither sends nor heeds WINDOW_UPDATE. Header blocks that we receive are skipped
 * unread; those that we send are zlib streams of stored blocks, so that no compressor has to be kept.
 * (https://www.chromium.org/spdy/spdy-protocol/spdy-protocol-draft3-1/)
 */

export const frameType = { synStream: 1, synReply: 2, rstStream: 3, ping: 6 } as const;

/** The sender will send no more on this stream. */
const flagFin = 1;

export type Frame =
  | { kind: 'data'; streamId: number; fin: boolean; data: Buffer }
  | { kind: 'control'; type: number; fin: boolean; payload: Buffer };

const headBytes = 8;
const version = 3;

/** A frame's length has 24 bits; a sender of more than this is no runtime of ours. */
const frameLimitBytes = 4 << 20;

/** Cuts bytes into frames. Data frames are handed on in the pieces in which they arrive. */
export class FrameParser {
  #waiting: Buffer = Buffer.alloc(0);
  /** The data frame that is arriving, and how much of it is still to come. */
  #data: { streamId: number; fin: boolean; missingBytes: number } | undefined;

  /** Throws when these are no frames. `data` in the frames is a view of `chunk`. */
  *push(chunk: Buffer): Generator<Frame> {
    let bytes = this.#waiting.length > 0 ? Buffer.concat([this.#waiting, chunk]) : chunk;
    for (;;) {
      const taken = this.#data ? this.#takeData(bytes) : this.#takeFrame(bytes);
      if (!taken) break;
      bytes = bytes.subarray(taken.bytes);
      if (taken.frame) yield taken.frame;
    }
    this.#waiting = bytes;
  }

  #takeFrame(bytes: Buffer): { bytes: number; frame?: Frame } | undefined {
    if (bytes.length < headBytes) return undefined;
    const word = bytes.readUInt32BE(0);
    const length = bytes.readUIntBE(5, 3);
    const fin = (bytes[4]! & flagFin) !== 0;
    if (word >>> 31 === 0) {
      this.#data = { streamId: word, fin, missingBytes: length };
      return { bytes: headBytes };
    }
    if (((word >>> 16) & 0x7fff) !== version || length > frameLimitBytes) throw new Error('not SPDY/3.1');
    if (bytes.length < headBytes + length) return undefined;
    const payload = bytes.subarray(headBytes, headBytes + length);
    return { bytes: headBytes + length, frame: { kind: 'control', type: word & 0xffff, fin, payload } };
  }

  #takeData(bytes: Buffer): { bytes: number; frame?: Frame } | undefined {
    const { streamId, fin, missingBytes } = this.#data!;
    if (bytes.length === 0 && missingBytes > 0) return undefined;
    const data = bytes.subarray(0, missingBytes);
    const isWhole = data.length === missingBytes;
    this.#data = isWhole ? undefined : { streamId, fin, missingBytes: missingBytes - data.length };
    return { bytes: data.length, frame: { kind: 'data', streamId, fin: fin && isWhole, data } };
  }
}

/** Head of a data frame; `bytes` of data follow it. */
export function dataHead(streamId: number, fin: boolean, bytes: number): Buffer {
  const head = Buffer.allocUnsafe(headBytes);
  head.writeUInt32BE(streamId, 0);
  head[4] = fin ? flagFin : 0;
  head.writeUIntBE(bytes, 5, 3);
  return head;
}

function control(type: number, payload: Buffer): Buffer {
  const head = Buffer.allocUnsafe(headBytes);
  head.writeUInt32BE((0x80000000 | (version << 16) | type) >>> 0, 0);
  head[4] = 0;
  head.writeUIntBE(payload.length, 5, 3);
  return Buffer.concat([head, payload]);
}

/** Opens a stream. `isFirst`: no header block was sent on this connection before. */
export function synStream(streamId: number, headers: Readonly<Record<string, string>>, isFirst: boolean): Buffer {
  const ids = Buffer.alloc(10);
  ids.writeUInt32BE(streamId, 0);
  return control(frameType.synStream, Buffer.concat([ids, headerBlock(headers, isFirst)]));
}

export const pingFrame = (payload: Buffer): Buffer => control(frameType.ping, payload);

export function rstStream(streamId: number, status: number): Buffer {
  const payload = Buffer.alloc(8);
  payload.writeUInt32BE(streamId, 0);
  payload.writeUInt32BE(status, 4);
  return control(frameType.rstStream, payload);
}

const zlibHead = Buffer.from([0x78, 0x01]);
const syncFlush = Buffer.from([0, 0, 0, 0xff, 0xff]);

/** One stored block and the mark that makes the receiver hand it on. */
function headerBlock(headers: Readonly<Record<string, string>>, isFirst: boolean): Buffer {
  const pairs = Object.entries(headers);
  const text = Buffer.concat([word(pairs.length), ...pairs.flatMap(([name, value]) => [sized(name), sized(value)])]);
  const block = Buffer.alloc(5);
  block.writeUInt16LE(text.length, 1);
  block.writeUInt16LE(~text.length & 0xffff, 3);
  return Buffer.concat([...(isFirst ? [zlibHead] : []), block, text, syncFlush]);
}

function word(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value, 0);
  return bytes;
}

function sized(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([word(bytes.length), bytes]);
}
