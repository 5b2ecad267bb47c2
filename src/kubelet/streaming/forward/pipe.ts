/** Bytes both ways, unread: between a client's connection and the runtime's. */
import type { Duplex } from 'node:stream';
import type { WebSocketConnection, WebSocketHandlers } from '../../../api/http/types.ts';

/** Joins two sockets: whoever is slow stops the other, whoever goes ends the other. `over` is called once. */
export function joinSockets(one: Duplex, other: Duplex, touch: () => void, over: () => void): { cut(): void } {
  let open = 2;
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.on('error', () => from.destroy());
    from.on('data', touch);
    from.on('close', () => {
      if (from.readableEnded)
        to.end(() => to.destroy()); // what `from` said last is on its way
      else to.destroy();
      if (--open === 0) over();
    });
    from.pipe(to);
  }
  return { cut: () => one.destroy() };
}

export interface TunnelParts {
  /** Something was sent or received. */
  touch(): void;
  /** So much input waits for the runtime now; may cut the session. */
  waits(bytes: number): void;
  /** Once, last. */
  over(): void;
}

/** A byte stream in binary messages of a WebSocket: `SPDY/3.1+portforward.k8s.io` (KEP-4006). */
export class TunnelSession implements WebSocketHandlers {
  readonly #socket: Duplex;
  readonly #parts: TunnelParts;
  #client: WebSocketConnection | undefined;
  #isOver = false;

  constructor(socket: Duplex, parts: TunnelParts) {
    this.#socket = socket;
    this.#parts = parts;
  }

  open(client: WebSocketConnection): void {
    this.#client = client;
    const socket = this.#socket;
    socket.on('data', (chunk: Buffer) => {
      this.#parts.touch();
      if (!this.#client?.send(chunk, true)) socket.pause();
    });
    socket.on('drain', () => {
      this.#parts.waits(0);
      this.#client?.resume();
    });
    socket.on('error', () => socket.destroy());
    socket.on('end', () => this.#end());
    socket.on('close', () => this.#end());
  }

  message(client: WebSocketConnection, data: Uint8Array): void {
    this.#parts.touch();
    if (this.#isOver || this.#socket.write(data)) return;
    client.pause();
    this.#parts.waits(this.#socket.writableLength);
  }

  drain(): void {
    this.#socket.resume();
  }

  close(): void {
    this.#end();
  }

  cut(): void {
    this.#client?.close(1001, '');
    this.#end();
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#client?.close(1000, '');
    this.#client = undefined;
    this.#socket.destroy();
    this.#parts.over();
  }
}
