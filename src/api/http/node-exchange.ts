import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Clock, Timer } from '../../kernel/clock.ts';
import type { Logger } from '../../kernel/log.ts';
import { RequestBody } from './request-body.ts';
import { AbortedError } from './types.ts';
import type { Headers, HttpRequest, HttpResponse, HttpServerOptions, WebSocketHandlers } from './types.ts';

/** What an exchange needs of its server. */
export interface NodeExchangeHost {
  readonly options: HttpServerOptions;
  readonly clock: Clock;
  readonly log: Logger;
  readonly draining: boolean;
  opened(running: object): void;
  closed(running: object): void;
}

/** What can become of a connection whose client asks for another protocol. */
export interface Upgrader {
  /** '' = WebSocket. */
  switchTo: string;
  /** Hands the socket over to the WebSocket implementation. */
  upgrade(protocol: string, handlers: WebSocketHandlers): void;
  /** Hands the socket over to the caller. */
  takeOver(headers: Headers): Duplex;
}

/** One request and its answer on node:https. */
export class NodeExchange implements HttpRequest, HttpResponse {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly clientCertificatePem: string | undefined;
  readonly #host: NodeExchangeHost;
  readonly #req: IncomingMessage;
  readonly #res: ServerResponse;
  readonly #upgrader: Upgrader | undefined;
  #headers: [string, string][] | undefined;
  #body: RequestBody | undefined;
  #bodyTimer: Timer | undefined;
  #stallTimer: Timer | undefined;
  #closed = false;
  #begun = false;
  readonly #onClosed: (() => void)[] = [];
  #onDrain: (() => void) | undefined;
  #askedToStop = false;

  constructor(host: NodeExchangeHost, req: IncomingMessage, res: ServerResponse, upgrader?: Upgrader) {
    this.#host = host;
    this.#req = req;
    this.#res = res;
    this.#upgrader = upgrader;
    const url = req.url ?? '/';
    const queryAt = url.indexOf('?');
    this.method = (req.method ?? 'GET').toUpperCase();
    this.path = queryAt < 0 ? url : url.slice(0, queryAt);
    this.query = queryAt < 0 ? '' : url.slice(queryAt + 1);
    this.clientCertificatePem = clientCertificateOf(req.socket as TLSSocket);
    host.opened(this);
    res.on('close', () => this.#close());
    res.on('error', () => this.#close());
    res.on('drain', () => this.#drained());
  }

  // --- request

  get isUpgrade(): boolean {
    return this.#upgrader?.switchTo === '';
  }

  get switchTo(): string {
    return this.#upgrader?.switchTo ?? '';
  }

  get remoteAddress(): string {
    return this.#req.socket.remoteAddress ?? '';
  }

  header(name: string): string | undefined {
    return this.headers().find(([key]) => key === name)?.[1];
  }

  headers(): [string, string][] {
    if (!this.#headers) {
      const raw = this.#req.rawHeaders;
      this.#headers = [];
      for (let i = 0; i + 1 < raw.length; i += 2) this.#headers.push([raw[i]!.toLowerCase(), fromWire(raw[i + 1]!)]);
    }
    return this.#headers;
  }

  body(): Promise<Uint8Array> {
    if (!this.#body) this.#receiveBody();
    const body = this.#body!;
    const whole = body.ask();
    if (!body.complete && !body.failed && !this.#bodyTimer) {
      this.#bodyTimer = this.#host.clock.after(this.#host.options.idleTimeoutMs, () => this.abort());
    }
    return whole;
  }

  chunks(): AsyncIterable<Uint8Array> {
    if (!this.#body) this.#receiveBody();
    return this.#body!.chunks();
  }

  // --- response

  get closed(): boolean {
    return this.#closed;
  }

  onClosed(callback: () => void): void {
    if (this.#closed) callback();
    else this.#onClosed.push(callback);
  }

  send(status: number, headers: Headers, body: Uint8Array | string): void {
    if (this.#closed || this.#begun) return;
    const isHead = this.method === 'HEAD';
    const stated = isHead ? headers.find(([name]) => /^content-length$/i.test(name))?.[1] : undefined;
    const length: Headers = isBodiless(status) ? [] : [['Content-Length', stated ?? String(Buffer.byteLength(body))]];
    this.#writeHead(status, [...withoutOurs(headers), ...length]);
    if (isHead || isBodiless(status)) this.#res.end();
    else this.#res.end(Buffer.from(body)); // a string would make node:http write the headers as UTF-8, too
    this.#close();
  }

  begin(status: number, headers: Headers): void {
    if (this.#closed || this.#begun) return;
    this.#begun = true;
    this.#writeHead(status, withoutOurs(headers));
    if (this.method === 'HEAD' || isBodiless(status)) this.end();
    else this.#res.flushHeaders();
  }

  write(chunk: Uint8Array | string): boolean {
    if (this.#closed || !this.#begun) return false;
    if (chunk.length === 0) return !this.#askedToStop;
    const limitBytes = this.#host.options.writeBufferLimitBytes;
    if (this.#res.writableLength > cutOffFactor * limitBytes) {
      this.abort();
      return false;
    }
    this.#res.write(typeof chunk === 'string' ? chunk : Buffer.from(chunk));
    if (!this.#res.writableNeedDrain) return true;
    this.#stallTimer ??= this.#host.clock.after(this.#host.options.idleTimeoutMs, () => this.abort());
    this.#askedToStop = this.#res.writableLength > limitBytes;
    return !this.#askedToStop;
  }

  onDrain(callback: () => void): void {
    this.#onDrain = callback;
  }

  end(): void {
    if (this.#closed) return;
    if (!this.#begun) throw new Error('end before begin');
    this.#res.end();
    this.#close();
  }

  abort(): void {
    if (this.#closed) return;
    this.#close();
    this.#req.socket.destroy();
  }

  upgrade(protocol: string, handlers: WebSocketHandlers): void {
    if (this.#closed || !this.isUpgrade) return;
    this.#upgrader?.upgrade(protocol, handlers);
    this.#close();
  }

  takeOver(headers: Headers): Duplex | undefined {
    if (this.#closed || this.switchTo === '') return undefined;
    const socket = this.#upgrader?.takeOver(headers);
    this.#close();
    return socket;
  }

  // --- inside

  #writeHead(status: number, headers: Headers): void {
    if (this.#host.draining || (this.#body && !this.#body.complete)) this.#res.shouldKeepAlive = false;
    const flat: string[] = [];
    for (const [name, value] of headers) flat.push(name, toWire(value));
    this.#res.writeHead(status, flat);
  }

  #drained(): void {
    this.#stallTimer?.cancel();
    this.#stallTimer = undefined;
    if (!this.#askedToStop || this.#closed) return;
    this.#askedToStop = false;
    this.#onDrain?.();
  }

  #receiveBody(): void {
    const req = this.#req;
    const chunked = req.headers['transfer-encoding'] !== undefined;
    const expected = chunked ? undefined : Number(req.headers['content-length'] ?? 0);
    const body = new RequestBody(this.#host.options.bodyLimitBytes, expected, req);
    this.#body = body;
    req.on('data', (chunk: Uint8Array) => body.push(chunk, false));
    req.on('end', () => {
      body.push(nothing, true);
      this.#bodyTimer?.cancel();
    });
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#bodyTimer?.cancel();
    this.#stallTimer?.cancel();
    this.#body?.fail(new AbortedError('request was aborted'));
    for (const callback of this.#onClosed.splice(0)) callback();
    this.#host.closed(this);
  }
}

/** A writer that ignores `write`'s answer is cut off when this many times the limit wait. */
const cutOffFactor = 4;
const nothing = new Uint8Array();

const isBodiless = (status: number): boolean => status === 204 || status === 304;

const withoutOurs = (headers: Headers): Headers =>
  headers.filter(([name]) => !/^(content-length|transfer-encoding|connection|date)$/i.test(name));

const certificates = new WeakMap<TLSSocket, string>();

/** One look-up a connection: the certificate cannot change on it. */
function clientCertificateOf(socket: TLSSocket): string | undefined {
  let pem = certificates.get(socket);
  if (pem === undefined) {
    pem = (socket.authorized && socket.getPeerX509Certificate()?.toString()) || '';
    certificates.set(socket, pem);
  }
  return pem || undefined;
}

/** node:http speaks Latin-1 in headers; our strings are what UTF-8 makes of the bytes, as in Go. */
const fromWire = (value: string): string => (isAscii(value) ? value : Buffer.from(value, 'latin1').toString());

const toWire = (value: string): string => {
  const line = /[\r\n\0]/.test(value) ? value.replace(/[\r\n\0]/g, ' ') : value;
  return isAscii(line) ? line : Buffer.from(line).toString('latin1');
};

const isAscii = (value: string): boolean => /^[\t\x20-\x7e]*$/.test(value);
