import type { UwsWebSocket, UwsWebSocketBehavior } from './uws-addon.ts';
import { cutOffFactor, type ExchangeHost } from './uws-exchange.ts';
import type { WebSocketConnection, WebSocketHandlers } from './types.ts';

/** What an upgraded socket carries; nested, because uWebSockets.js merges user data into the socket object. */
export interface SocketData {
  session: WebSocketSession;
}

/** One WebSocket on uWebSockets.js: guards its handlers and bounds what waits to be sent. */
export class WebSocketSession implements WebSocketConnection {
  readonly #handlers: WebSocketHandlers;
  readonly #host: ExchangeHost;
  #socket: UwsWebSocket<SocketData> | undefined;

  constructor(handlers: WebSocketHandlers, host: ExchangeHost) {
    this.#handlers = handlers;
    this.#host = host;
  }

  send(data: Uint8Array | string, binary: boolean): boolean {
    if (!this.#socket) return false;
    const limitBytes = this.#host.options.writeBufferLimitBytes;
    if (this.#socket.getBufferedAmount() > cutOffFactor * limitBytes) {
      this.#socket.close();
      return false;
    }
    this.#socket.send(data, binary);
    return (this.#socket?.getBufferedAmount() ?? 0) <= limitBytes;
  }

  close(code: number, reason: string): void {
    this.#socket?.end(code, reason);
  }

  opened(socket: UwsWebSocket<SocketData>): void {
    this.#socket = socket;
    this.#host.opened(this);
    this.#guarded(() => this.#handlers.open?.(this));
  }

  received(data: ArrayBuffer, binary: boolean): void {
    this.#guarded(() => this.#handlers.message(this, new Uint8Array(data.slice(0)), binary));
  }

  drained(): void {
    if ((this.#socket?.getBufferedAmount() ?? 0) > this.#host.options.writeBufferLimitBytes) return;
    this.#guarded(() => this.#handlers.drain?.(this));
  }

  closed(code: number, reason: ArrayBuffer): void {
    this.#socket = undefined;
    this.#guarded(() => this.#handlers.close(code, Buffer.from(reason).toString()));
    this.#host.closed(this);
  }

  /** What a handler throws would end the process: it ends the socket. */
  #guarded(handle: () => void): void {
    try {
      handle();
    } catch (error) {
      this.#host.log.error('websocket handler failed', { error: String(error) });
      this.close(1011, 'internal error');
    }
  }
}

/** Idle sockets are pinged and live on; a peer that has vanished is noticed. The longest that uWebSockets.js allows. */
const deadPeerSeconds = 960;

/** Behaviour of all WebSockets; `upgrade` is the server's. */
export function webSocketBehavior(
  maxMessageBytes: number,
  upgrade: UwsWebSocketBehavior<SocketData>['upgrade'],
): UwsWebSocketBehavior<SocketData> {
  return {
    idleTimeout: deadPeerSeconds,
    sendPingsAutomatically: true,
    maxPayloadLength: maxMessageBytes,
    maxBackpressure: 0,
    upgrade,
    open: (socket) => socket.getUserData().session.opened(socket),
    message: (socket, data, binary) => socket.getUserData().session.received(data, binary),
    drain: (socket) => socket.getUserData().session.drained(),
    close: (socket, code, reason) => socket.getUserData().session.closed(code, reason),
  };
}
