/** The client's end of a SPDY/3.1 connection to a container runtime's streaming server. */
import type { Duplex } from 'node:stream';
import { dataHead, type Frame, FrameParser, frameType, pingFrame, rstStream, synStream } from './frames.ts';

export interface SpdyHandlers {
  /** What a stream receives; a view that is valid during the call. */
  data(stream: SpdyStream, data: Buffer): void;
  /** The runtime sends no more on it. */
  ended(stream: SpdyStream): void;
  /** More may be written after `write` said false. */
  drain(): void;
  /** Once, last. */
  closed(): void;
}

export interface SpdyStream {
  readonly id: number;
}

/** Data frames are cut to this, so that streams that share a connection take turns. */
const dataLimitBytes = 32 << 10;
const cancelled = 5;
const statusBytes = 4;

export class SpdyConnection {
  readonly #socket: Duplex;
  readonly #handlers: SpdyHandlers;
  readonly #parser = new FrameParser();
  readonly #streams = new Map<number, StreamState>();
  #nextId = 1;
  #closed = false;

  constructor(socket: Duplex, head: Buffer, handlers: SpdyHandlers) {
    this.#socket = socket;
    this.#handlers = handlers;
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.close());
    socket.on('end', () => this.close());
    socket.on('drain', () => handlers.drain());
    socket.on('data', (chunk: Buffer) => this.#received(chunk));
    if (head.length > 0) socket.unshift(head);
  }

  open(headers: Readonly<Record<string, string>>): SpdyStream {
    const id = this.#nextId;
    const state: StreamState = { id, sends: true, receives: true };
    this.#streams.set(id, state);
    if (!this.#closed) this.#socket.write(synStream(id, headers, id === 1));
    this.#nextId += 2;
    return state;
  }

  /** False = wait for `drain`. What is sent on a stream that has ended is dropped. */
  write(stream: SpdyStream, data: Uint8Array): boolean {
    if (this.#closed || !this.#streams.get(stream.id)?.sends) return true;
    let isTaken = true;
    for (let at = 0; at < data.length; at += dataLimitBytes) {
      const piece = data.subarray(at, at + dataLimitBytes);
      this.#socket.cork();
      this.#socket.write(dataHead(stream.id, false, piece.length));
      isTaken = this.#socket.write(piece);
      this.#socket.uncork();
    }
    return isTaken;
  }

  /** Half-closes: the runtime reads the end, and may go on sending. */
  end(stream: SpdyStream): void {
    const state = this.#streams.get(stream.id);
    if (this.#closed || !state?.sends) return;
    this.#socket.write(dataHead(stream.id, true, 0));
    this.#update(state, { sends: false });
  }

  /** Ends both ways. */
  reset(stream: SpdyStream): void {
    if (this.#closed || !this.#streams.delete(stream.id)) return;
    this.#socket.write(rstStream(stream.id, cancelled));
  }

  /** Stops reading: all streams wait. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#streams.clear();
    this.#socket.destroy();
    this.#handlers.closed();
  }

  #received(chunk: Buffer): void {
    try {
      for (const frame of this.#parser.push(chunk)) this.#take(frame);
    } catch {
      this.#socket.destroy();
    }
  }

  #take(frame: Frame): void {
    if (frame.kind === 'data') {
      const state = this.#streams.get(frame.streamId);
      if (!state?.receives) return;
      if (frame.data.length > 0) this.#handlers.data(state, frame.data);
      if (frame.fin) this.#ended(state);
      return;
    }
    const { type, payload, fin } = frame;
    if (type === frameType.ping && payload.length >= 4 && payload.readUInt32BE(0) % 2 === 0) {
      this.#socket.write(pingFrame(payload));
    } else if (type === frameType.rstStream && payload.length >= 4 + statusBytes) {
      const state = this.#streams.get(payload.readUInt32BE(0));
      if (state) this.#update(state, { sends: false });
      if (state?.receives) this.#ended(state);
    } else if (type === frameType.synReply && fin && payload.length >= 4) {
      const state = this.#streams.get(payload.readUInt32BE(0));
      if (state?.receives) this.#ended(state);
    }
  }

  #ended(state: StreamState): void {
    this.#update(state, { receives: false });
    this.#handlers.ended(state);
  }

  #update(state: StreamState, change: Partial<StreamState>): void {
    Object.assign(state, change);
    if (!state.sends && !state.receives) this.#streams.delete(state.id);
  }
}

interface StreamState extends SpdyStream {
  sends: boolean;
  receives: boolean;
}
