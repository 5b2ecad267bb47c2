/** The front door's contract: one server interface, two adapters (uWebSockets.js, node:https), one shared case table. */
import type { Duplex } from 'node:stream';

export interface HttpServerOptions {
  host: string;
  port: number;
  /** PEM files (mode 0600): uWebSockets.js reads files only. */
  certFile: string;
  keyFile: string;
  /** Bundle that client certificates are verified against; a certificate is optional. */
  clientCaFile: string;
  handler: HttpHandler;
  /** Limit of a request body; over it the handler's `body()` rejects with `BodyTooLargeError`. */
  bodyLimitBytes: number;
  headerLimitBytes: number;
  /** Bytes that may wait in user space for one slow response before `write` asks to stop. */
  writeBufferLimitBytes: number;
  idleTimeoutMs: number;
  /** Connections at once; further ones are closed at once. Default 10,000. */
  connectionLimit?: number;
  /** Certificates chosen by server name (SNI); `certFile` serves all other names, and addresses. */
  serverNames?: readonly ServerNameCertificate[];
}

export const defaultConnectionLimit = 10_000;

/** A certificate of its own for clients that ask for one of `names`. `*.` may stand for one label. */
export interface ServerNameCertificate {
  names: readonly string[];
  certFile: string;
  keyFile: string;
}

export interface HttpServer {
  readonly adapter: 'uws' | 'node';
  /** Resolves with the real port; rejects with `PortInUseError` when it is taken. */
  listen(): Promise<{ port: number }>;
  /** New connections get the new certificate; established ones go on. */
  reloadCertificate(certFile: string, keyFile: string, serverNames?: readonly ServerNameCertificate[]): Promise<void>;
  /** Stops listening, lets running requests end for `graceMs`, then cuts. */
  close(graceMs: number): Promise<void>;
}

export type HttpHandler = (request: HttpRequest, response: HttpResponse) => void;

/** Valid for the whole life of the exchange: adapters copy what their engine would take back. */
export interface HttpRequest {
  /** Upper case. */
  readonly method: string;
  /** Path as sent, percent-encoding kept. */
  readonly path: string;
  /** Query as sent, without '?'; '' when none. */
  readonly query: string;
  /** First value; name in lower case. */
  header(name: string): string | undefined;
  /** Every header, lower-case names, in order (for Impersonate-Extra-*). */
  headers(): Iterable<readonly [string, string]>;
  readonly clientCertificatePem: string | undefined;
  readonly remoteAddress: string;
  /** Whole body, a copy of its own. Rejects with BodyTooLargeError or AbortedError. */
  body(): Promise<Uint8Array>;
  /** The body as it arrives, of any size, instead of `body`: the sender waits for who reads. May throw AbortedError. */
  chunks(): AsyncIterable<Uint8Array>;
  /** True when this is a WebSocket upgrade request. */
  readonly isUpgrade: boolean;
  /** Another protocol that the client asks to switch to, where the engine can hand its socket over; else ''. */
  readonly switchTo: string;
}

export interface HttpResponse {
  /** True once the client has gone or the response has ended. Every other call is then a no-op. */
  readonly closed: boolean;
  onClosed(callback: () => void): void;
  /**
   * Whole answer at once. Content-Length, Date, Connection and Transfer-Encoding are the adapter's (but a HEAD answer
   * may state the Content-Length). `body` may be a view that is valid only during this call: the adapter copies if its
   * engine does not.
   */
  send(status: number, headers: Headers, body: Uint8Array | string): void;
  /** Starts a chunked answer. The headers go out at once, even when nothing is written yet. */
  begin(status: number, headers: Headers): void;
  /**
   * False = buffered in user space: write no more until `onDrain`. Bytes are copied if needed. Who goes on writing
   * far beyond the limit is cut off.
   */
  write(chunk: Uint8Array | string): boolean;
  onDrain(callback: () => void): void;
  end(): void;
  /** Cuts the connection (a watcher that fell behind). */
  abort(): void;
  /** Only when `request.isUpgrade`. `protocol` is one of those offered, or '' for none. */
  upgrade(protocol: string, handlers: WebSocketHandlers): void;
  /**
   * Only when `request.switchTo`: answers 101 with these headers, and from then on the connection is the caller's.
   * undefined when the client has gone.
   */
  takeOver(headers: Headers): Duplex | undefined;
}

export type Headers = readonly (readonly [string, string])[];

/** `close` is called once, last. What a handler throws is logged and closes the socket with 1011. */
export interface WebSocketHandlers {
  open?(socket: WebSocketConnection): void;
  /** `data` is a copy of its own. */
  message(socket: WebSocketConnection, data: Uint8Array, binary: boolean): void;
  drain?(socket: WebSocketConnection): void;
  close(code: number, reason: string): void;
}

export interface WebSocketConnection {
  /** False = over the buffer limit: wait for `drain`. */
  send(data: Uint8Array | string, binary: boolean): boolean;
  close(code: number, reason: string): void;
  /** Makes the client wait: what is under way still comes. */
  pause(): void;
  resume(): void;
}

export class BodyTooLargeError extends Error {
  override readonly name = 'BodyTooLargeError';
}

export class AbortedError extends Error {
  override readonly name = 'AbortedError';
}

export class PortInUseError extends Error {
  override readonly name = 'PortInUseError';
}
