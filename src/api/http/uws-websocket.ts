import type { UwsResponse, UwsWebSocket, UwsWebSocketBehavior } from './uws-addon.ts';
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
  /**
   * uWebSockets.js has no way to pause a WebSocket, but its response's works on any of its sockets: both keep the socket
   * in the same place. It may be used only while nothing waits to be sent, because it also stops what tells of room; a
   * write that finds none makes the socket read again.
   */
  readonly #throttle: Pick<UwsResponse, 'pause' | 'resume'>;
  #socket: UwsWebSocket<SocketData> | undefined;
  #wantsPause = false;
  #isPaused = false;

  constructor(handlers: WebSocketHandlers, host: ExchangeHost, { pause, resume }: UwsResponse) {
    this.#handlers = handlers;
    this.#host = host;
    this.#throttle = { pause, resume };
  }

  send(data: Uint8Array | string, binary: boolean): boolean {
    if (!this.#socket) return false;
    const limitBytes = this.#host.options.writeBufferLimitBytes;
    if (this.#socket.getBufferedAmount() > cutOffFactor * limitBytes) {
      this.#socket.close();
      return false;
    }
    this.#socket.send(data, binary);
    const waitingBytes = this.#socket?.getBufferedAmount() ?? 0;
    if (waitingBytes > 0) this.#isPaused = false;
    return waitingBytes <= limitBytes;
  }

  pause(): void {
    this.#wantsPause = true;
    this.#followPause();
  }

  resume(): void {
    this.#wantsPause = false;
    this.#followPause();
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

  #followPause(): void {
    if (!this.#socket || this.#wantsPause === this.#isPaused || this.#socket.getBufferedAmount() > 0) return;
    this.#isPaused = this.#wantsPause;
    Reflect.apply(this.#isPaused ? this.#throttle.pause : this.#throttle.resume, this.#socket, []);
  }

  drained(): void {
    this.#followPause();
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
