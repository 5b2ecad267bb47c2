/** Port-forward over the WebSocket subprotocol v4.channel.k8s.io: two channels a port, of one connection each. */
import type { Duplex } from 'node:stream';
import type { WebSocketConnection, WebSocketHandlers } from '../../../api/http/types.ts';
import { type ChannelProtocol, readMessage, sendMessage } from '../remote/channels.ts';
import { SpdyConnection, type SpdyStream } from '../spdy/connection.ts';

export interface ChannelForwardParts {
  protocol: ChannelProtocol;
  ports: readonly number[];
  /** A connection in the runtime's protocol, and the first bytes on it. */
  socket: Duplex;
  head: Buffer;
  touch(): void;
  /** So much input waits for the runtime now; may cut the session. */
  waits(bytes: number): void;
  over(): void;
}

/** Channel 2n carries the data of the n-th port, channel 2n+1 why it failed. Each begins with the port's number. */
export class ChannelForward implements WebSocketHandlers {
  readonly #parts: ChannelForwardParts;
  readonly #runtime: SpdyConnection;
  readonly #data: SpdyStream[] = [];
  /** By the stream's id. */
  readonly #channels = new Map<number, number>();
  #openStreams = 0;
  #client: WebSocketConnection | undefined;
  #waitingBytes = 0;
  #isOver = false;

  constructor(parts: ChannelForwardParts) {
    this.#parts = parts;
    parts.socket.pause();
    this.#runtime = new SpdyConnection(parts.socket, parts.head, {
      data: (stream, data) => this.#output(stream, data),
      ended: () => {
        if (--this.#openStreams === 0) this.#end();
      },
      drain: () => {
        this.#waitingBytes = 0;
        this.#parts.waits(0);
        this.#client?.resume();
      },
      closed: () => this.#end(),
    });
  }

  open(client: WebSocketConnection): void {
    this.#client = client;
    for (const [index, port] of this.#parts.ports.entries()) {
      const name = Buffer.from([port & 0xff, port >> 8]);
      for (const [offset, streamtype] of [
        [1, 'error'],
        [0, 'data'],
      ] as const) {
        const stream = this.#runtime.open({ streamtype, port: String(port), requestid: String(index) });
        this.#channels.set(stream.id, 2 * index + offset);
        this.#openStreams++;
        if (streamtype === 'error') this.#runtime.end(stream);
        else this.#data[index] = stream;
      }
      sendMessage(this.#parts.protocol, client, 2 * index, name);
      sendMessage(this.#parts.protocol, client, 2 * index + 1, name);
    }
    this.#runtime.resume();
  }

  message(client: WebSocketConnection, data: Uint8Array): void {
    this.#parts.touch();
    const message = readMessage(this.#parts.protocol, data);
    if (message?.kind !== 'data' || message.channel % 2 !== 0) return;
    const stream = this.#data[message.channel / 2];
    if (!stream || this.#runtime.write(stream, message.data)) return;
    this.#waitingBytes += data.length;
    client.pause();
    this.#parts.waits(this.#waitingBytes);
  }

  drain(): void {
    this.#runtime.resume();
  }

  close(): void {
    this.#end();
  }

  cut(): void {
    this.#client?.close(1001, '');
    this.#end();
  }

  #output(stream: SpdyStream, data: Buffer): void {
    this.#parts.touch();
    const number = this.#channels.get(stream.id);
    if (number === undefined || !this.#client) return;
    if (!sendMessage(this.#parts.protocol, this.#client, number, data)) this.#runtime.pause();
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#client?.close(1000, '');
    this.#client = undefined;
    this.#runtime.close();
    this.#parts.over();
  }
}
