import { Buffer } from 'node:buffer';
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import { createConnection } from 'node:net';
import type { Clock, Logger } from '../../kernel/index.ts';
import { frame, MessageReader } from './frames.ts';
import { CriError, grpcCode } from './types.ts';

/** gRPC over HTTP/2 on a Unix socket: one session, made when it is needed and made anew after it was lost. */
export interface ChannelOptions {
  socketPath: string;
  clock: Clock;
  log: Logger;
  /** An established session has ended. */
  lost?(): void;
}

export interface StreamHandlers {
  message(bytes: Uint8Array): void;
  /** Exactly once, at the end; `undefined` when the server ended the call with OK. */
  ended(error: CriError | undefined): void;
}

export interface UnaryOptions {
  timeoutMs: number;
  signal?: AbortSignal | undefined;
  metadata?: Readonly<Record<string, string>>;
}

export interface ServerStream {
  /** Ends the call; `ended` is not called any more. */
  cancel(): void;
}

/** As the kubelet's bound on what a runtime may answer. */
const maxMessageBytes = 16 << 20;
const firstBackOffMs = 20;
const maxBackOffMs = 250;
const windowBytes = 1 << 20;
const connectionLost = 'error reading from server: EOF';

export class Channel {
  readonly #options: ChannelOptions;
  #session: ClientHttp2Session | undefined;
  #backOffMs = 0;
  #retryAtMs = 0;
  #lastError = '';
  #isClosed = false;

  constructor(options: ChannelOptions) {
    this.#options = options;
  }

  /** One request, one answer. */
  unary(path: string, request: Uint8Array, options: UnaryOptions): Promise<Uint8Array> {
    const { timeoutMs, signal, metadata } = options;
    if (signal?.aborted) return Promise.reject(new CriError(grpcCode.cancelled, 'context canceled'));
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
    let answer: Uint8Array | undefined;
    const call = this.serverStream(
      path,
      request,
      {
        message: (bytes) => {
          answer ??= bytes;
        },
        ended(error) {
          settle();
          if (error) reject(error);
          else if (answer) resolve(answer);
          else reject(new CriError(grpcCode.internal, 'cardinality violation: received no response message'));
        },
      },
      { ...metadata, 'grpc-timeout': grpcTimeout(timeoutMs) },
    );
    const giveUp = (code: number, message: string): void => {
      settle();
      call.cancel();
      reject(new CriError(code, message));
    };
    const timer = this.#options.clock.after(timeoutMs, () =>
      giveUp(grpcCode.deadlineExceeded, 'context deadline exceeded'),
    );
    const onAbort = (): void => giveUp(grpcCode.cancelled, 'context canceled');
    signal?.addEventListener('abort', onAbort, { once: true });
    function settle(): void {
      timer.cancel();
      signal?.removeEventListener('abort', onAbort);
    }
    return promise;
  }

  /** One request, any number of answers. */
  serverStream(
    path: string,
    request: Uint8Array,
    handlers: StreamHandlers,
    metadata: Readonly<Record<string, string>> = {},
  ): ServerStream {
    let isCancelled = false;
    let current = this.#open(path, request, metadata, {
      message: handlers.message,
      ended: (error) => {
        // A refused stream was not looked at by the server: it may be sent again, on a new connection.
        if (error === refused && !isCancelled) current = this.#open(path, request, metadata, handlers);
        else handlers.ended(error);
      },
    });
    return {
      cancel() {
        isCancelled = true;
        current.cancel();
      },
    };
  }

  close(): void {
    this.#isClosed = true;
    this.#session?.destroy();
    this.#session = undefined;
  }

  #open(
    path: string,
    request: Uint8Array,
    metadata: Readonly<Record<string, string>>,
    handlers: StreamHandlers,
  ): ServerStream {
    const session = this.#ready();
    if (session instanceof CriError) return endLater(session, handlers);
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      ':scheme': 'http',
      ':authority': 'localhost',
      'content-type': 'application/grpc',
      te: 'trailers',
      'user-agent': 'nanoshift',
      ...metadata,
    });
    stream.end(frame(request));
    return follow(stream, handlers, () => {
      if (stream.rstCode !== constants.NGHTTP2_REFUSED_STREAM) return this.#goneError();
      if (this.#session === session) this.#session = undefined;
      session.close();
      return refused;
    });
  }

  /** A session to send on, or why there is none just now. */
  #ready(): ClientHttp2Session | CriError {
    if (this.#isClosed) return new CriError(grpcCode.cancelled, 'grpc: the client connection is closing');
    if (this.#session && !this.#session.closed && !this.#session.destroyed) return this.#session;
    if (this.#options.clock.monotonicMs() < this.#retryAtMs) return new CriError(grpcCode.unavailable, this.#lastError);
    this.#session = this.#connect();
    return this.#session;
  }

  #connect(): ClientHttp2Session {
    const { socketPath, clock, log, lost } = this.#options;
    let isConnected = false;
    const socket = createConnection(socketPath);
    socket.once('error', (error) => {
      this.#lastError = isConnected ? connectionLost : dialError(socketPath, error);
    });
    const session = connect('http://localhost', {
      createConnection: () => socket,
      settings: { enablePush: false, initialWindowSize: windowBytes },
      maxSessionMemory: 64,
    });
    session.once('connect', () => {
      isConnected = true;
      this.#lastError = '';
      this.#backOffMs = 0;
      session.setLocalWindowSize(windowBytes * 4);
    });
    session.on('goaway', () => session.close());
    session.on('error', (error) => log.debug('runtime connection failed', { socketPath, error: error.message }));
    session.once('close', () => {
      if (this.#session === session) this.#session = undefined;
      if (isConnected) {
        if (!this.#isClosed) lost?.();
        return;
      }
      this.#backOffMs = Math.min(maxBackOffMs, this.#backOffMs * 2 || firstBackOffMs);
      this.#retryAtMs = clock.monotonicMs() + this.#backOffMs;
    });
    return session;
  }

  #goneError(): CriError {
    if (this.#isClosed) return new CriError(grpcCode.cancelled, 'grpc: the client connection is closing');
    return new CriError(grpcCode.unavailable, this.#lastError || connectionLost);
  }
}

/** At most eight digits, as the protocol has it. */
const grpcTimeout = (timeoutMs: number): string =>
  timeoutMs < 1e8 ? `${Math.max(1, Math.ceil(timeoutMs))}m` : `${Math.min(99_999_999, Math.ceil(timeoutMs / 1000))}S`;

const connectErrors: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory',
  ECONNREFUSED: 'connection refused',
  EACCES: 'permission denied',
};

/** Worded as grpc-go words it, since it ends up in events and conditions. */
const dialError = (socketPath: string, { code = '', message }: NodeJS.ErrnoException): string =>
  `connection error: desc = "transport: Error while dialing: dial unix ${socketPath}: connect: ${connectErrors[code] ?? message}"`;

function endLater(error: CriError, handlers: StreamHandlers): ServerStream {
  let isCancelled = false;
  queueMicrotask(() => {
    if (!isCancelled) handlers.ended(error);
  });
  return {
    cancel() {
      isCancelled = true;
    },
  };
}

/** Reads a call's answer and tells how it ended. */
function follow(stream: ClientHttp2Stream, handlers: StreamHandlers, gone: () => CriError): ServerStream {
  let outcome: CriError | 'ok' | undefined;
  let httpStatus = 0;
  let isDone = false;
  const reader = new MessageReader(maxMessageBytes);

  const end = (error: CriError | undefined): void => {
    if (isDone) return;
    isDone = true;
    handlers.ended(error);
  };
  const readStatus = (headers: Record<string, string | string[] | number | undefined>): void => {
    const status = headers['grpc-status'];
    if (status === undefined) return;
    const code = Number(status);
    outcome = code === 0 ? 'ok' : new CriError(code, percentDecode(String(headers['grpc-message'] ?? '')));
  };

  stream.on('response', (headers) => {
    httpStatus = Number(headers[':status']);
    readStatus(headers as Record<string, string>);
  });
  stream.on('trailers', (headers) => readStatus(headers as Record<string, string>));
  stream.on('data', (chunk: Buffer) => {
    if (isDone || (httpStatus !== 200 && httpStatus !== 0)) return;
    try {
      for (const message of reader.push(chunk)) handlers.message(message);
    } catch (error) {
      end(error instanceof CriError ? error : new CriError(grpcCode.internal, String(error)));
      stream.close(constants.NGHTTP2_CANCEL);
    }
  });
  stream.on('error', () => {});
  stream.on('close', () => {
    if (outcome === 'ok') end(undefined);
    else if (outcome) end(outcome);
    else if (httpStatus !== 0 && httpStatus !== 200) end(httpError(httpStatus));
    else end(gone());
  });
  return {
    cancel() {
      isDone = true;
      stream.close(constants.NGHTTP2_CANCEL);
    },
  };
}

const refused = new CriError(grpcCode.unavailable, 'stream terminated by RST_STREAM with error code: REFUSED_STREAM');

const codeOfHttp: Readonly<Record<number, number>> = {
  400: grpcCode.internal,
  401: 16,
  403: 7,
  404: grpcCode.unimplemented,
  429: grpcCode.unavailable,
  502: grpcCode.unavailable,
  503: grpcCode.unavailable,
  504: grpcCode.unavailable,
};

const httpError = (status: number): CriError =>
  new CriError(codeOfHttp[status] ?? grpcCode.unknown, `unexpected HTTP status code received from server: ${status}`);

/** Of `grpc-message`: percent-encoded UTF-8; what is not well formed stands as it is. */
function percentDecode(text: string): string {
  if (!text.includes('%')) return text;
  const bytes = text.replaceAll(/%([0-9a-fA-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(bytes, 'latin1').toString();
}
