/** For tests: the runtime's end of a SPDY connection, and a client's WebSocket without a network. */
import { type Duplex, duplexPair } from 'node:stream';
import type { WebSocketConnection } from '../../api/http/types.ts';
import { dataHead, FrameParser, frameType, rstStream } from './spdy/frames.ts';

/** A runtime's streaming server behind one connection. Streams are known by their `streamtype` and `requestid`. */
export class FakeRuntime {
  readonly client: Duplex;
  readonly #socket: Duplex;
  readonly #ids = new Map<string, number>();
  readonly #names = new Map<number, string>();
  readonly received = new Map<string, Buffer[]>();
  readonly ended = new Set<string>();
  closed = false;
  #wake: () => void = () => {};

  constructor() {
    [this.client, this.#socket] = duplexPair();
    const parser = new FrameParser();
    this.#socket.on('error', () => {});
    this.#socket.on('close', () => {
      this.closed = true;
      this.#wake();
    });
    this.#socket.on('end', () => {
      this.closed = true;
      this.#wake();
    });
    this.#socket.on('data', (chunk: Buffer) => {
      for (const frame of parser.push(chunk)) {
        if (frame.kind === 'data') this.#data(frame.streamId, frame.fin, Buffer.from(frame.data));
        else if (frame.type === frameType.synStream) this.#opened(frame.payload);
      }
      this.#wake();
    });
  }

  get streams(): string[] {
    return [...this.#ids.keys()];
  }

  send(name: string, data: Uint8Array | string, fin = false): void {
    const bytes = Buffer.from(data);
    this.#socket.write(Buffer.concat([dataHead(this.#ids.get(name)!, fin, bytes.length), bytes]));
  }

  reset(name: string): void {
    this.#socket.write(rstStream(this.#ids.get(name)!, 5));
  }

  /** Stops reading: what is sent to it waits. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  destroy(): void {
    this.#socket.destroy();
    this.client.destroy(); // a pair of streams is not joined in death, as sockets are
  }

  text(name: string): string {
    return Buffer.concat(this.received.get(name) ?? []).toString();
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** The header block is a stored one: its text is in the clear. */
  #opened(payload: Buffer): void {
    const text = payload.subarray(10).toString('latin1');
    const headerOf = (name: string): string => {
      const at = text.indexOf(name);
      if (at < 0) return '';
      const lengthAt = 10 + at + name.length;
      return payload.toString('utf8', lengthAt + 4, lengthAt + 4 + payload.readUInt32BE(lengthAt));
    };
    const name = headerOf('streamtype') + headerOf('requestid');
    const id = payload.readUInt32BE(0);
    this.#ids.set(name, id);
    this.#names.set(id, name);
  }

  #data(id: number, fin: boolean, data: Buffer): void {
    const name = this.#names.get(id) ?? String(id);
    const before = this.received.get(name) ?? [];
    before.push(data);
    this.received.set(name, before);
    if (fin) this.ended.add(name);
  }
}

/** A client's socket that keeps what it is sent. */
export class FakeSocket implements WebSocketConnection {
  readonly messages: { data: Buffer; binary: boolean }[] = [];
  closed: [code: number, reason: string] | undefined;
  paused = false;
  full = false;
  #wake: () => void = () => {};

  send(data: Uint8Array | string, binary: boolean): boolean {
    this.messages.push({ data: Buffer.from(data as Uint8Array), binary });
    this.#wake();
    return !this.full;
  }

  close(code: number, reason: string): void {
    this.closed ??= [code, reason];
    this.#wake();
  }

  pause(): void {
    this.paused = true;
    this.#wake();
  }

  resume(): void {
    this.paused = false;
    this.#wake();
  }

  /** Everything on one channel of the binary protocols. */
  channel(number: number): string {
    const texts = this.messages.filter(({ data }) => data[0] === number).map(({ data }) => data.subarray(1));
    return Buffer.concat(texts).toString();
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
