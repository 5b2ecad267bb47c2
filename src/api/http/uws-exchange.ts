import type { Logger } from '../../kernel/log.ts';
import type { Clock, Timer } from '../../kernel/clock.ts';
import { RequestBody } from './request-body.ts';
import { statusLine } from './status-text.ts';
import { AbortedError } from './types.ts';
import type { Headers, HttpRequest, HttpResponse, HttpServerOptions, WebSocketHandlers } from './types.ts';
import type { UwsRequest, UwsResponse, UwsSocketContext } from './uws-addon.ts';
import { UwsRawStream } from './uws-raw-stream.ts';
import { WebSocketSession } from './uws-websocket.ts';

/** What an exchange needs of its server. */
export interface ExchangeHost {
  readonly options: HttpServerOptions;
  readonly clock: Clock;
  readonly log: Logger;
  /** No further request is wanted on connections. */
  readonly draining: boolean;
  /** Runs what writes to a response that the writing turns into something else. */
  withinCork(write: () => void): void;
  /** Keeps count of what runs: exchanges and WebSockets. */
  opened(running: object): void;
  closed(running: object): void;
}

/**
 * One request and its answer on uWebSockets.js. `req` lives only while the route handler runs: values are read from it
 * directly until then, and copied at its end (`leaveHandler`) if the answer is still open.
 */
export class UwsExchange implements HttpRequest, HttpResponse {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly isUpgrade: boolean;
  /** uWebSockets.js keeps its sockets to itself. */
  readonly switchTo = '';
  readonly #host: ExchangeHost;
  readonly #res: UwsResponse;
  readonly #context: UwsSocketContext | undefined;
  #req: UwsRequest | undefined;
  #headers: readonly [string, string][] | undefined;
  #certificate: string | undefined;
  #address: string | undefined;
  #body: RequestBody | undefined;
  #bodyTimer: Timer | undefined;
  #listening = false;

  #closed = false;
  readonly #onClosed: (() => void)[] = [];
  #onDrain: (() => void) | undefined;
  #answer: 'none' | 'promised' | 'chunked' | 'raw' = 'none';
  #head: { status: number; headers: Headers } | undefined;
  #raw: UwsRawStream | undefined;
  #waitingBytes = 0;
  #askedToStop = false;

  constructor(host: ExchangeHost, res: UwsResponse, req: UwsRequest, context?: UwsSocketContext) {
    this.#host = host;
    this.#res = res;
    this.#req = req;
    this.#context = context;
    this.method = req.getCaseSensitiveMethod().toUpperCase();
    this.path = req.getUrl();
    this.query = req.getQuery() ?? '';
    this.isUpgrade = context !== undefined;
    host.opened(this);
  }

  // --- request

  header(name: string): string | undefined {
    if (this.#req) return fromLatin1(this.#req.getHeader(name)) || undefined;
    return this.#headers?.find(([key]) => key === name)?.[1];
  }

  headers(): readonly [string, string][] {
    this.#headers ??= this.#req ? readHeaders(this.#req) : [];
    return this.#headers;
  }

  get clientCertificatePem(): string | undefined {
    if (this.#certificate === undefined && !this.#closed) this.#certificate = this.#res.getX509Certificate();
    return this.#certificate || undefined;
  }

  get remoteAddress(): string {
    if (this.#address === undefined && !this.#closed) {
      this.#address = Buffer.from(this.#res.getRemoteAddressAsText()).toString('latin1');
    }
    return this.#address ?? '';
  }

  body(): Promise<Uint8Array> {
    this.#receiveBody();
    const body = this.#body;
    if (!body) return Promise.resolve(new Uint8Array());
    const whole = body.ask();
    if (!body.complete && !body.failed && !this.#bodyTimer) {
      this.#bodyTimer = this.#host.clock.after(this.#host.options.idleTimeoutMs, () => this.abort());
    }
    return whole;
  }

  chunks(): AsyncIterable<Uint8Array> {
    this.#receiveBody();
    return this.#body?.chunks() ?? noChunks();
  }

  /** The route handler returns: `req` is about to die. */
  leaveHandler(): void {
    if (!this.#closed) {
      this.headers();
      this.#receiveBody();
      this.#listen();
      void this.clientCertificatePem;
      if (this.#answer === 'promised') setImmediate(() => this.#beginSilently());
    }
    this.#req = undefined;
  }

  // --- response

  get closed(): boolean {
    return this.#closed;
  }

  onClosed(callback: () => void): void {
    if (this.#closed) callback();
    else this.#onClosed.push(callback);
  }

  send(status: number, headers: Headers, body?: Uint8Array | string): void {
    if (this.#closed || this.#answer !== 'none') return;
    this.#corked(() => {
      this.#writeHead(status, headers);
      if (this.method === 'HEAD' || isBodiless(status)) {
        const length = contentLength(headers) ?? Buffer.byteLength(body ?? '');
        this.#res.endWithoutBody(isBodiless(status) ? 0 : length, this.#lastOnConnection);
      } else this.#res.end(body, this.#lastOnConnection);
    });
    this.#close();
  }

  begin(status: number, headers: Headers): void {
    if (this.#closed || this.#answer !== 'none') return;
    if (this.method === 'HEAD' || isBodiless(status)) {
      this.send(status, headers);
      return;
    }
    this.#answer = 'promised';
    this.#head = { status, headers };
    if (!this.#req) setImmediate(() => this.#beginSilently());
  }

  write(chunk: Uint8Array | string): boolean {
    if (this.#closed || this.#answer === 'none') return false;
    if (chunk.length === 0) return !this.#askedToStop;
    if (this.#waitingBytes > cutOffFactor * this.#host.options.writeBufferLimitBytes) {
      this.abort();
      return false;
    }
    let taken = true;
    this.#corked(() => {
      if (this.#raw) taken = this.#raw.write(typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
      else {
        if (this.#answer === 'promised') this.#beginChunked();
        taken = this.#res.write(chunk);
      }
    });
    this.#waitingBytes = taken ? 0 : this.#waitingBytes + Buffer.byteLength(chunk);
    this.#askedToStop = this.#waitingBytes > this.#host.options.writeBufferLimitBytes;
    return !this.#askedToStop;
  }

  onDrain(callback: () => void): void {
    this.#onDrain = callback;
  }

  end(): void {
    if (this.#closed) return;
    if (this.#answer === 'none') throw new Error('end before begin');
    this.#corked(() => {
      if (this.#raw) this.#raw.end();
      else {
        if (this.#answer === 'promised') this.#beginChunked();
        this.#res.end(undefined, this.#lastOnConnection);
      }
    });
    this.#close();
  }

  abort(): void {
    if (this.#closed) return;
    const res = this.#res;
    this.#close();
    res.close();
  }

  upgrade(protocol: string, handlers: WebSocketHandlers): void {
    const context = this.#context;
    if (this.#closed || !context) return;
    const key = this.header('sec-websocket-key') ?? '';
    const session = new WebSocketSession(handlers, this.#host, this.#res);
    this.#host.withinCork(() => this.#res.upgrade({ session }, key, protocol, '', context));
    this.#close();
  }

  takeOver(): undefined {
    return undefined;
  }

  // --- inside

  /** Large or unread bodies are not worth reading on: the connection ends with the answer. */
  get #lastOnConnection(): boolean {
    return this.#host.draining || (this.#body !== undefined && !this.#body.complete);
  }

  #corked(write: () => void): void {
    if (this.#req) write();
    else this.#res.cork(write);
  }

  #writeHead(status: number, headers: Headers): void {
    this.#res.writeStatus(statusLine(status));
    for (const [name, value] of headers) if (!isOurs(name)) this.#res.writeHeader(name, oneLine(value));
  }

  #beginChunked(): void {
    this.#answer = 'chunked';
    this.#writeHead(this.#head!.status, this.#head!.headers);
    this.#watchSocket();
  }

  /** Nothing was written in the turn of `begin`: shows the client that the answer has begun. */
  #beginSilently(): void {
    if (this.#closed || this.#answer !== 'promised') return;
    const { status, headers } = this.#head!;
    this.#corked(() => {
      if (isJson(headers)) {
        this.#beginChunked();
        this.#res.write(' ');
        return;
      }
      const lines = headers.filter(([name]) => !isOurs(name)).map(([name, value]) => `${name}: ${oneLine(value)}\r\n`);
      this.#answer = 'raw';
      this.#raw = new UwsRawStream(this.#res, `${statusLine(status)}\r\n${lines.join('')}`);
      this.#watchSocket();
    });
  }

  #watchSocket(): void {
    this.#res.onWritable(() => {
      if (this.#raw && !this.#raw.drain()) return true;
      this.#waitingBytes = 0;
      if (this.#askedToStop && !this.#closed) {
        this.#askedToStop = false;
        this.#guarded(() => this.#onDrain?.());
      }
      return true;
    });
  }

  #receiveBody(): void {
    if (this.#body || !this.#req) return;
    const length = this.#req.getHeader('content-length');
    const chunked = this.#req.getHeader('transfer-encoding') !== '';
    if (!chunked && (length === '' || length === '0')) return;
    const body = new RequestBody(this.#host.options.bodyLimitBytes, chunked ? undefined : Number(length), this.#res);
    this.#body = body;
    this.#listen();
    this.#res.onData((chunk, isLast) => {
      body.push(new Uint8Array(chunk), isLast);
      if (isLast) this.#bodyTimer?.cancel();
    });
  }

  #listen(): void {
    if (this.#listening) return;
    this.#listening = true;
    this.#res.onAborted(() => this.#guarded(() => this.#close()));
  }

  /** uWebSockets.js would end the process on what a callback throws. */
  #guarded(callback: () => void): void {
    try {
      callback();
    } catch (error) {
      this.#host.log.error('response callback failed', { path: this.path, error: String(error) });
      this.abort();
    }
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#bodyTimer?.cancel();
    this.#body?.fail(new AbortedError('request was aborted'));
    for (const callback of this.#onClosed.splice(0)) callback();
    this.#host.closed(this);
  }
}

async function* noChunks(): AsyncGenerator<Uint8Array> {}

/** A writer that ignores `write`'s answer is cut off when this many times the limit wait. */
export const cutOffFactor = 4;

function readHeaders(req: UwsRequest): [string, string][] {
  const headers: [string, string][] = [];
  req.forEach((name, value) => {
    headers.push([name, value]);
  });
  return headers;
}

/** `getHeader` makes a character of each byte; `forEach` reads UTF-8, as Go does. */
const fromLatin1 = (value: string): string =>
  /^[\t\x20-\x7e]*$/.test(value) ? value : Buffer.from(value, 'latin1').toString();

const isBodiless = (status: number): boolean => status === 204 || status === 304;

const isJson = (headers: Headers): boolean =>
  headers.some(([name, value]) => /^content-type$/i.test(name) && /^application\/json\b/.test(value));

const isOurs = (name: string): boolean => /^(content-length|transfer-encoding|connection|date)$/i.test(name);

/** A header value cannot hold a line break, or it would end the header. */
const oneLine = (value: string): string => (/[\r\n\0]/.test(value) ? value.replace(/[\r\n\0]/g, ' ') : value);

function contentLength(headers: Headers): number | undefined {
  const stated = headers.find(([name]) => /^content-length$/i.test(name));
  return stated && Number(stated[1]);
}
