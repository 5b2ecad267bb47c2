/** Loads the uWebSockets.js addon and says what of it we use (its own typings lack several of these calls). */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** Opaque us_listen_socket_t. */
export type UwsListenSocket = object;
/** Opaque us_socket_context_t of an upgrade. */
export type UwsSocketContext = object;

/** Valid only while the route handler runs. */
export interface UwsRequest {
  getHeader(lowerCaseName: string): string;
  getUrl(): string;
  getCaseSensitiveMethod(): string;
  /** undefined when the URL has no '?'. */
  getQuery(): string | undefined;
  forEach(each: (name: string, value: string) => void): void;
}

/** Every method throws once the response has ended or `onAborted` has run. */
export interface UwsResponse {
  writeStatus(status: string): UwsResponse;
  writeHeader(name: string, value: string): UwsResponse;
  /** False: accepted, but buffered without bound in user space. */
  write(chunk: Uint8Array | string): boolean;
  /** Writes what the kernel takes; `getWriteOffset` tells how much. [all was taken, total is reached] */
  tryEnd(chunk: Uint8Array, total: number): [boolean, boolean];
  getWriteOffset(): number;
  end(body?: Uint8Array | string, closeConnection?: boolean): UwsResponse;
  /** States this Content-Length; `undefined` would be stated as a huge number. */
  endWithoutBody(reportedContentLength: number, closeConnection: boolean): UwsResponse;
  close(): UwsResponse;
  cork(callback: () => void): UwsResponse;
  pause(): void;
  resume(): void;
  onWritable(callback: (offset: number) => boolean): UwsResponse;
  onAborted(callback: () => void): UwsResponse;
  /** `chunk` is detached when the callback returns. */
  onData(callback: (chunk: ArrayBuffer, isLast: boolean) => void): UwsResponse;
  getRemoteAddressAsText(): ArrayBuffer;
  /** PEM of the verified client certificate, '' when none was sent. */
  getX509Certificate(): string;
  upgrade(userData: object, key: string, protocol: string, extensions: string, context: UwsSocketContext): void;
}

export interface UwsWebSocket<UserData> {
  getUserData(): UserData;
  send(data: Uint8Array | string, isBinary: boolean): number;
  getBufferedAmount(): number;
  end(code: number, reason: string): void;
  close(): void;
}

export interface UwsWebSocketBehavior<UserData> {
  idleTimeout: number;
  maxPayloadLength: number;
  /** 0: nothing is dropped; the caller bounds what it sends. */
  maxBackpressure: number;
  sendPingsAutomatically: boolean;
  upgrade(res: UwsResponse, req: UwsRequest, context: UwsSocketContext): void;
  open(socket: UwsWebSocket<UserData>): void;
  message(socket: UwsWebSocket<UserData>, data: ArrayBuffer, isBinary: boolean): void;
  drain(socket: UwsWebSocket<UserData>): void;
  close(socket: UwsWebSocket<UserData>, code: number, reason: ArrayBuffer): void;
}

export interface UwsTlsOptions {
  key_file_name: string;
  cert_file_name: string;
  ca_file_name: string;
}

export interface UwsApp {
  any(pattern: string, handler: (res: UwsResponse, req: UwsRequest) => void): UwsApp;
  ws<UserData>(pattern: string, behavior: UwsWebSocketBehavior<UserData>): UwsApp;
  /** Routes added from now on belong to this server name. */
  domain(serverName: string): UwsApp;
  addServerName(serverName: string, options: UwsTlsOptions): UwsApp;
  /** Tells of each connection: 1 opened, -1 closed. */
  filter(callback: (res: UwsResponse, change: number) => void): UwsApp;
  /** Seconds a connection may take to send its first request. */
  setIdleTimeout(seconds: number): void;
  /** Seconds a connection is kept after a response, and a reader may stall. */
  setResponseTimeout(seconds: number): void;
  listen(host: string, port: number, options: number, callback: (socket: UwsListenSocket | false) => void): UwsApp;
  close(): UwsApp;
}

export interface Uws {
  SSLApp(options: UwsTlsOptions): UwsApp;
  App(): UwsApp;
  us_listen_socket_close(socket: UwsListenSocket): void;
  us_socket_local_port(socket: UwsListenSocket): number;
  /** Without it uWebSockets.js shares a busy port with its owner. */
  LIBUS_LISTEN_EXCLUSIVE_PORT: number;
  _cfg(key: string): void;
}

let loaded: Uws | undefined;

/** The addon. Throws when this platform cannot load it. The header limit of the first call holds for the process. */
export function loadUws(headerLimitBytes: number): Uws {
  if (loaded) return loaded;
  process.env['UWS_HTTP_MAX_HEADERS_SIZE'] = String(headerLimitBytes);
  const require = createRequire(import.meta.url);
  const base = `uws_${process.platform}_${process.arch}_${process.versions.modules}`;
  const directory = dirname(require.resolve('uWebSockets.js'));
  const rebound = join(directory, `${base}.rebound.node`); // scripts/install-uws.ts
  const uws = require(existsSync(rebound) ? rebound : join(directory, `${base}.node`)) as Uws;
  uws._cfg('999999990007'); // no `uWebSockets: 20` header in answers
  loaded = uws;
  return uws;
}
