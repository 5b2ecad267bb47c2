/** Where a stream of bytes goes: an HTTP answer or a WebSocket, behind one interface that says when to stop. */
import type { HttpRequest, HttpResponse, WebSocketConnection } from '../../api/http/types.ts';

export interface ByteSink {
  /** The reader has gone. */
  readonly closed: boolean;
  onClosed(callback: () => void): void;
  /** False = wait for `drained` before the next one. */
  write(chunk: Uint8Array): boolean;
  /** Resolves when more may be written, or when the reader has gone. */
  drained(): Promise<void>;
  end(): void;
  abort(): void;
}

/**
 * A chunked answer. It begins with its first bytes: uWebSockets.js can show a silent answer only behind an interim one
 * (100 Continue), which not every client skips.
 */
export function httpSink(
  response: HttpResponse,
  headers: readonly (readonly [string, string])[],
  status = 200,
): ByteSink {
  const waiting = new Waiting();
  response.onDrain(() => waiting.wake());
  response.onClosed(() => waiting.wake());
  let begun = false;
  const begin = (): void => {
    if (!begun) response.begin(status, headers);
    begun = true;
  };
  return {
    get closed() {
      return response.closed;
    },
    onClosed: (callback) => response.onClosed(callback),
    write(chunk) {
      begin();
      return response.write(chunk);
    },
    drained: () => (response.closed ? Promise.resolve() : waiting.next()),
    end() {
      begin();
      response.end();
    },
    abort: () => response.abort(),
  };
}

/** Messages of a WebSocket, in upstream's reader protocols: what the client sends is ignored. */
const readerProtocols = ['binary.k8s.io', 'base64.binary.k8s.io'] as const;

/** undefined when the client offers only other protocols. */
export function readerProtocol(request: HttpRequest): '' | (typeof readerProtocols)[number] | undefined {
  const offered = offeredProtocols(request);
  return offered.length === 0 ? '' : readerProtocols.find((protocol) => offered.includes(protocol));
}

export function offeredProtocols(request: HttpRequest): string[] {
  const header = request.header('sec-websocket-protocol') ?? '';
  return header === '' ? [] : header.split(',').map((name) => name.trim());
}

/** Upgrades, and sends one empty message first, as upstream does. */
export function webSocketSink(
  response: HttpResponse,
  protocol: NonNullable<ReturnType<typeof readerProtocol>>,
): ByteSink {
  const waiting = new Waiting();
  const onClosed: (() => void)[] = [];
  let socket: WebSocketConnection | undefined;
  let closed = false;
  const isText = protocol === 'base64.binary.k8s.io';
  const write = (chunk: Uint8Array): boolean =>
    socket?.send(isText ? Buffer.from(chunk).toString('base64') : chunk, !isText) ?? false;
  response.upgrade(protocol, {
    open: (opened) => {
      socket = opened;
      write(new Uint8Array());
      waiting.wake();
    },
    message: () => {},
    drain: () => waiting.wake(),
    close: () => {
      closed = true;
      socket = undefined;
      waiting.wake();
      for (const callback of onClosed.splice(0)) callback();
    },
  });
  closed = socket === undefined; // the client had gone before
  return {
    get closed() {
      return closed;
    },
    onClosed: (callback) => {
      if (closed) callback();
      else onClosed.push(callback);
    },
    write,
    drained: () => (closed ? Promise.resolve() : waiting.next()),
    end: () => socket?.close(1000, ''),
    abort: () => socket?.close(1001, ''),
  };
}

/** Those who wait for the next wake. */
export class Waiting {
  #wakes: (() => void)[] = [];

  next(): Promise<void> {
    return new Promise((resolve) => this.#wakes.push(resolve));
  }

  wake(): void {
    for (const wake of this.#wakes.splice(0)) wake();
  }
}
