import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { RawData, WebSocket, WebSocketServer } from 'ws';
import type { NodeExchangeHost } from './node-exchange.ts';
import type { WebSocketConnection, WebSocketHandlers } from './types.ts';

let accepting: { maxMessageBytes: number; server: WebSocketServer } | undefined;

/** The `ws` package, loaded with the first upgrade: most servers never see one. */
export async function webSocketServer(maxMessageBytes: number): Promise<WebSocketServer> {
  if (accepting?.maxMessageBytes !== maxMessageBytes) {
    const { WebSocketServer } = await import('ws');
    const server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      maxPayload: maxMessageBytes,
      perMessageDeflate: false,
    });
    server.on('headers', (lines, request) => {
      const protocol = chosenProtocol.get(request);
      if (protocol) lines.push(`Sec-WebSocket-Protocol: ${protocol}`);
    });
    accepting = { maxMessageBytes, server };
  }
  return accepting.server;
}

/** Kept from `ws`, which refuses upstream's names with a '/' in them. */
const chosenProtocol = new WeakMap<IncomingMessage, string>();

/** Completes the handshake and runs `handlers` on the socket. */
export function acceptWebSocket(
  server: WebSocketServer,
  host: NodeExchangeHost,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  protocol: string,
  handlers: WebSocketHandlers,
): void {
  chosenProtocol.set(request, protocol);
  delete request.headers['sec-websocket-protocol'];
  let session: NodeWebSocketSession | undefined;
  server.handleUpgrade(request, socket, head, (webSocket) => {
    session = new NodeWebSocketSession(webSocket, handlers, host);
  });
  if (!session) handlers.close(1006, ''); // refused: no handshake, or one that `ws` does not know
}

/** One WebSocket of the `ws` package: guards its handlers and bounds what waits to be sent. */
export class NodeWebSocketSession implements WebSocketConnection {
  readonly #socket: WebSocket;
  readonly #handlers: WebSocketHandlers;
  readonly #host: NodeExchangeHost;
  #askedToStop = false;

  constructor(socket: WebSocket, handlers: WebSocketHandlers, host: NodeExchangeHost) {
    this.#socket = socket;
    this.#handlers = handlers;
    this.#host = host;
    host.opened(this);
    socket.on('message', (data, binary) => this.#guarded(() => handlers.message(this, copyOf(data), binary)));
    socket.on('error', () => socket.terminate());
    socket.on('close', (code, reason) => {
      this.#guarded(() => handlers.close(code, reason.toString()));
      host.closed(this);
    });
    this.#guarded(() => handlers.open?.(this));
  }

  send(data: Uint8Array | string, binary: boolean): boolean {
    if (this.#socket.readyState !== this.#socket.OPEN) return false;
    const limitBytes = this.#host.options.writeBufferLimitBytes;
    if (this.#socket.bufferedAmount > cutOffFactor * limitBytes) {
      this.#socket.terminate();
      return false;
    }
    this.#socket.send(typeof data === 'string' ? data : Buffer.from(data), { binary }, () => this.#sent());
    this.#askedToStop ||= this.#socket.bufferedAmount > limitBytes;
    return !this.#askedToStop;
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  #sent(): void {
    if (!this.#askedToStop || this.#socket.bufferedAmount > this.#host.options.writeBufferLimitBytes) return;
    this.#askedToStop = false;
    this.#guarded(() => this.#handlers.drain?.(this));
  }

  #guarded(handle: () => void): void {
    try {
      handle();
    } catch (error) {
      this.#host.log.error('websocket handler failed', { error: String(error) });
      this.#socket.close(1011, 'internal error');
    }
  }
}

const cutOffFactor = 4;

function copyOf(data: RawData): Uint8Array {
  if (data instanceof ArrayBuffer) return new Uint8Array(data.slice(0));
  return new Uint8Array(Array.isArray(data) ? Buffer.concat(data) : data);
}
