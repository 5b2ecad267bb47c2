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
      to.destroy();
      if (--open === 0) over();
    });
    from.pipe(to);
  }
  return { cut: () => one.destroy() };
}

/** What may wait for a runtime that does not read, although its client was told to wait. */
const inputLimitBytes = 16 << 20;

/** A byte stream in binary messages of a WebSocket: `SPDY/3.1+portforward.k8s.io` (KEP-4006). */
export class TunnelSession implements WebSocketHandlers {
  readonly #socket: Duplex;
  readonly #touch: () => void;
  readonly #over: () => void;
  #client: WebSocketConnection | undefined;
  #isOver = false;

  constructor(socket: Duplex, touch: () => void, over: () => void) {
    this.#socket = socket;
    this.#touch = touch;
    this.#over = over;
  }

  open(client: WebSocketConnection): void {
    this.#client = client;
    const socket = this.#socket;
    socket.on('data', (chunk: Buffer) => {
      this.#touch();
      if (!this.#client?.send(chunk, true)) socket.pause();
    });
    socket.on('drain', () => this.#client?.resume());
    socket.on('error', () => socket.destroy());
    socket.on('end', () => this.#end());
    socket.on('close', () => this.#end());
  }

  message(client: WebSocketConnection, data: Uint8Array): void {
    this.#touch();
    if (this.#isOver || this.#socket.write(data)) return;
    client.pause();
    if (this.#socket.writableLength > inputLimitBytes) this.cut();
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
    this.#over();
  }
}
