/** The audit trail of one HTTP request: a response that notes how it was answered. */
import type { Duplex } from 'node:stream';
import type { Clock } from '../../kernel/clock.ts';
import type { Exchange } from '../exchange.ts';
import type { Headers, HttpRequest, HttpResponse, WebSocketHandlers } from '../http/types.ts';
import { isLongRunning } from '../in-flight.ts';
import type { AccessAttributes, Decision, UserInfo } from '../types.ts';
import { auditEvent, failureOf, type ResponseStatus } from './event.ts';
import { sourceIps } from './source-ips.ts';
import type { AuditEvent, AuditSink } from './types.ts';

const nobody: UserInfo = { name: '', groups: [] };
const switchingProtocols = 101;
/** As upstream tells of clients that went before they were answered. */
const closedEarly: ResponseStatus = { status: 'Success', message: 'Connection closed early', code: 200 };

export class HttpTrail implements HttpResponse {
  readonly #sink: AuditSink;
  readonly #clock: Clock;
  readonly #request: HttpRequest;
  readonly #inner: HttpResponse;
  readonly #receivedMs: number;
  /** Read while the connection is open: a client may be gone before the answer. */
  readonly #sourceIps: readonly string[];
  #exchange: Exchange | undefined;
  #user: UserInfo | undefined;
  #impersonated: UserInfo | undefined;
  #target: Omit<AccessAttributes, 'user'> = { verb: '', path: '' };
  #decision: Decision | undefined;
  #failure: ResponseStatus | undefined;
  #status: number | undefined;
  #isDone = false;

  constructor(sink: AuditSink, clock: Clock, request: HttpRequest, response: HttpResponse) {
    this.#sink = sink;
    this.#clock = clock;
    this.#request = request;
    this.#inner = response;
    this.#receivedMs = clock.nowMs();
    this.#sourceIps = sourceIps(request);
  }

  // --- what becomes known on the way

  /** What is asked for. Comes first. */
  parsed(exchange: Exchange, target: Omit<AccessAttributes, 'user'>): void {
    this.#exchange = exchange;
    this.#target = target;
  }

  authenticated(user: UserInfo): void {
    this.#user = user;
  }

  actsAs(user: UserInfo): void {
    if (user !== this.#user) this.#impersonated = user;
  }

  decided(decision: Decision): void {
    this.#decision = decision;
  }

  /** Why the request is refused or cut off. */
  failed(error: unknown): void {
    this.#failure = failureOf(error);
  }

  /** The request has been served as far as the verb is concerned; its answer may still be on its way. */
  settled(): void {
    if (this.#isDone || this.#status !== undefined) return;
    const gone = (): void => {
      if (this.#status === undefined) this.#complete(this.#failure ?? closedEarly);
    };
    if (this.#inner.closed) gone();
    else this.#inner.onClosed(gone);
  }

  // --- the response

  get closed(): boolean {
    return this.#inner.closed;
  }

  onClosed(callback: () => void): void {
    this.#inner.onClosed(callback);
  }

  send(status: number, headers: Headers, body: Uint8Array | string): void {
    this.#status = status;
    this.#inner.send(status, headers, body);
    this.#complete(this.#statusOf(status));
  }

  begin(status: number, headers: Headers): void {
    this.#begun(status);
    this.#inner.begin(status, headers);
    this.#inner.onClosed(() => this.#complete(this.#statusOf(status)));
  }

  write(chunk: Uint8Array | string): boolean {
    return this.#inner.write(chunk);
  }

  onDrain(callback: () => void): void {
    this.#inner.onDrain(callback);
  }

  end(): void {
    this.#inner.end();
  }

  abort(): void {
    this.#inner.abort();
  }

  upgrade(protocol: string, handlers: WebSocketHandlers): void {
    this.#begun(switchingProtocols);
    this.#inner.upgrade(protocol, {
      open: (socket) => handlers.open?.(socket),
      message: (socket, data, binary) => handlers.message(socket, data, binary),
      drain: (socket) => handlers.drain?.(socket),
      close: (code, reason) => {
        this.#complete(this.#statusOf(switchingProtocols));
        handlers.close(code, reason);
      },
    });
  }

  takeOver(headers: Headers): Duplex | undefined {
    const socket = this.#inner.takeOver(headers);
    if (!socket) return undefined;
    this.#begun(switchingProtocols);
    socket.once('close', () => this.#complete(this.#statusOf(switchingProtocols)));
    return socket;
  }

  // --- events

  #statusOf(code: number): ResponseStatus {
    return this.#failure ? { ...this.#failure, code } : { code };
  }

  #begun(status: number): void {
    this.#status = status;
    if (this.#exchange && isLongRunning(this.#exchange.info)) this.#record('ResponseStarted', this.#statusOf(status));
  }

  /** Who was not let in is told of by one event, of the stage ResponseStarted. */
  #complete(status: ResponseStatus): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#record(this.#user ? 'ResponseComplete' : 'ResponseStarted', status);
  }

  #record(stage: AuditEvent['stage'], status: ResponseStatus): void {
    const exchange = this.#exchange;
    if (!exchange || !this.#sink.wants({ ...this.#target, user: this.#user ?? nobody }, 'http')) return;
    const { path, query } = this.#request;
    const request = {
      auditId: exchange.auditId,
      uri: query === '' ? path : `${path}?${query}`,
      verb: exchange.info.verb,
      user: this.#user,
      impersonated: this.#impersonated,
      sourceIps: this.#sourceIps,
      userAgent: exchange.userAgent,
      target: this.#target,
      decision: this.#decision,
      receivedMs: this.#receivedMs,
    };
    this.#sink.record(auditEvent(request, stage, status, this.#clock.nowMs()));
  }
}
