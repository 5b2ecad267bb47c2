/** For tests: one HTTP exchange without a server. */
import type { Headers, HttpHandler, HttpRequest, HttpResponse, WebSocketHandlers } from '../http/types.ts';

export interface FakeAnswer {
  status: number;
  headers: Map<string, string>;
  /** Every Warning header. */
  warnings: string[];
  body: Uint8Array;
  text: string;
  /** The parsed body, when it is JSON. Read it with `at`. */
  json: unknown;
}

const decoder = new TextDecoder();
const encoder = new TextEncoder();

export interface FakeRequestOptions {
  headers?: Record<string, string>;
  body?: Uint8Array | string | object;
  isUpgrade?: boolean;
}

function fakeRequest(method: string, target: string, options: FakeRequestOptions): HttpRequest {
  const [path = '', query = ''] = target.split('?', 2);
  const headers = new Map(Object.entries(options.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]));
  const body = options.body;
  const bytes =
    body instanceof Uint8Array
      ? body
      : encoder.encode(typeof body === 'string' ? body : body ? JSON.stringify(body) : '');
  return {
    method,
    path,
    query,
    header: (name) => headers.get(name),
    headers: () => headers.entries(),
    clientCertificatePem: undefined,
    remoteAddress: '127.0.0.1',
    body: () => Promise.resolve(bytes),
    async *chunks() {
      if (bytes.length > 0) yield bytes;
    },
    isUpgrade: options.isUpgrade ?? false,
    switchTo: '',
  };
}

/** Collects what is written. `full` makes writes ask to stop. */
export class FakeResponse implements HttpResponse {
  closed = false;
  full = false;
  aborted = false;
  status = 0;
  headers: Headers = [];
  chunks: Uint8Array[] = [];
  socket: WebSocketHandlers | undefined;
  readonly done: Promise<void>;
  #finish: () => void = () => {};
  #onClosed: (() => void)[] = [];
  #onDrain: () => void = () => {};

  constructor() {
    this.done = new Promise((resolve) => {
      this.#finish = resolve;
    });
  }

  onClosed(callback: () => void): void {
    this.#onClosed.push(callback);
  }

  send(status: number, headers: Headers, body: Uint8Array | string): void {
    this.begin(status, headers);
    this.write(body);
    this.end();
  }

  begin(status: number, headers: Headers): void {
    this.status = status;
    this.headers = headers;
  }

  write(chunk: Uint8Array | string): boolean {
    if (!this.closed) this.chunks.push(typeof chunk === 'string' ? encoder.encode(chunk) : chunk.slice());
    return !this.full;
  }

  onDrain(callback: () => void): void {
    this.#onDrain = callback;
  }

  drain(): void {
    this.full = false;
    this.#onDrain();
  }

  end(): void {
    this.#close();
  }

  abort(): void {
    this.aborted = true;
    this.#close();
  }

  upgrade(_protocol: string, handlers: WebSocketHandlers): void {
    this.socket = handlers;
    handlers.open?.({
      send: (data) => this.write(data),
      close: () => this.#close(),
      pause() {},
      resume() {},
    });
  }

  takeOver(): undefined {
    return undefined;
  }

  /** The client goes away. */
  disconnect(): void {
    this.#close();
  }

  get body(): Uint8Array {
    return new Uint8Array(Buffer.concat(this.chunks));
  }

  get text(): string {
    return decoder.decode(this.body);
  }

  /** Lines of a JSON watch so far. */
  get events(): unknown[] {
    return this.text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as unknown);
  }

  #close(): void {
    if (this.closed) return;
    this.closed = true;
    this.#finish();
    for (const callback of this.#onClosed) callback();
  }
}

/** Begins a request and hands out its response: for watches. */
export function open(
  handle: HttpHandler,
  method: string,
  target: string,
  options: FakeRequestOptions = {},
): FakeResponse {
  const response = new FakeResponse();
  handle(fakeRequest(method, target, options), response);
  return response;
}

/** A whole exchange. */
export async function ask(
  handle: HttpHandler,
  method: string,
  target: string,
  options: FakeRequestOptions = {},
): Promise<FakeAnswer> {
  const response = open(handle, method, target, options);
  await response.done;
  const { text } = response;
  const isJson = /json/.test(response.headers.find(([name]) => name === 'Content-Type')?.[1] ?? '');
  return {
    status: response.status,
    headers: new Map(response.headers.map(([name, value]) => [name.toLowerCase(), value])),
    warnings: response.headers.filter(([name]) => name === 'Warning').map(([, value]) => value),
    body: response.body,
    text,
    json:
      isJson && text !== '' && !response.headers.some(([name]) => name === 'Content-Encoding')
        ? JSON.parse(text)
        : undefined,
  };
}

/** Lets queued immediates and microtasks run. */
export async function settle(turns = 5): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** A member of parsed JSON by its path: `at(json, 'items.0.metadata.name')`. undefined when there is none. */
export function at(json: unknown, path: string): unknown {
  let value = json;
  for (const step of path.split('.')) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<string, unknown>)[step];
  }
  return value;
}
