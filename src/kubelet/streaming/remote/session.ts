/**
 * One exec or attach: a client's WebSocket on one side, the runtime's SPDY connection on the other. Whoever is slow
 * stops the other; whoever goes ends the other.
 */
import type { WebSocketConnection, WebSocketHandlers } from '../../../api/http/types.ts';
import { apiError, type Status } from '../../../kernel/index.ts';
import { SpdyConnection, type SpdyStream } from '../spdy/connection.ts';
import type { UpgradedSocket } from '../spdy/dial.ts';
import { channel, type ChannelProtocol, hasStatus, readMessage, sendMessage } from './channels.ts';
import type { RemoteOptions } from './options.ts';

/** The runtime's protocol: errors as a Status. v5 is refused by runtimes, as SPDY half-closes by itself. */
export const runtimeProtocol = 'v4.channel.k8s.io';

export interface SessionParts {
  protocol: ChannelProtocol;
  options: RemoteOptions;
  dial(): Promise<UpgradedSocket>;
  /** Something was sent or received. */
  touch(): void;
  /** So much input waits for the runtime now; may cut the session. */
  waits(bytes: number): void;
  /** Once, last. */
  over(): void;
}

const statusLimitBytes = 64 << 10;
/** What a waiting message takes besides its bytes. */
const inputOverheadBytes = 128;

type StreamName = 'error' | 'stdin' | 'stdout' | 'stderr' | 'resize';

interface Input {
  name: 'stdin' | 'resize';
  data: Uint8Array | 'end';
}

const bytesOf = ({ data }: Input): number => inputOverheadBytes + (data === 'end' ? 0 : data.length);

export class RemoteSession implements WebSocketHandlers {
  readonly #parts: SessionParts;
  #client: WebSocketConnection | undefined;
  #runtime: SpdyConnection | undefined;
  readonly #streams = new Map<StreamName, SpdyStream>();
  readonly #names = new Map<number, StreamName>();
  /** Outputs that have not ended. */
  readonly #open = new Set<StreamName>();
  #status: Buffer[] = [];
  #statusBytes = 0;
  /** Input that came before the runtime was there, or while it was busy. */
  #input: Input[] = [];
  #inputBytes = 0;
  #runtimeIsBusy = false;
  #over = false;

  constructor(parts: SessionParts) {
    this.#parts = parts;
  }

  // --- the client's side

  open(socket: WebSocketConnection): void {
    this.#client = socket;
    const { stdout, stderr } = this.#parts.options;
    const first = stdout ? channel.stdout : stderr ? channel.stderr : channel.error;
    sendMessage(this.#parts.protocol, socket, first, new Uint8Array()); // tells that the connection stands
    void this.#connect();
  }

  message(_socket: WebSocketConnection, data: Uint8Array): void {
    if (this.#over) return;
    this.#parts.touch();
    const message = readMessage(this.#parts.protocol, data);
    const name =
      message?.channel === channel.stdin ? 'stdin' : message?.channel === channel.resize ? 'resize' : undefined;
    if (!message || !name || !this.#isWanted(name)) return;
    const input: Input = { name, data: message.kind === 'close' ? 'end' : message.data };
    this.#inputBytes += bytesOf(input);
    this.#input.push(input);
    this.#pump();
  }

  drain(): void {
    this.#runtime?.resume();
  }

  close(): void {
    this.#end();
  }

  /** Ends it from outside: the server stops, or it has been idle for too long. */
  cut(): void {
    this.#client?.close(1001, '');
    this.#end();
  }

  // --- the runtime's side

  async #connect(): Promise<void> {
    try {
      const { socket, head } = await this.#parts.dial();
      if (this.#over) socket.destroy();
      else this.#begin(socket, head);
    } catch (error) {
      this.#finish(apiError.internal((error as Error).message).status);
    }
  }

  #begin(socket: UpgradedSocket['socket'], head: Buffer): void {
    const runtime = new SpdyConnection(socket, head, {
      data: (stream, data) => this.#output(stream, data),
      ended: (stream) => this.#ended(stream),
      drain: () => {
        this.#runtimeIsBusy = false;
        this.#pump();
      },
      closed: () => this.#finish(),
    });
    this.#runtime = runtime;
    for (const name of streamNames) {
      if (!this.#isWanted(name)) continue;
      const stream = runtime.open({ streamtype: name });
      this.#streams.set(name, stream);
      this.#names.set(stream.id, name);
      if (name === 'error' || name === 'stdout' || name === 'stderr') this.#open.add(name);
    }
    this.#pump();
  }

  #isWanted(name: StreamName): boolean {
    if (name === 'error') return true;
    return name === 'resize' ? this.#parts.options.tty : this.#parts.options[name];
  }

  #output(stream: SpdyStream, data: Buffer): void {
    this.#parts.touch();
    const name = this.#names.get(stream.id);
    if (name === 'error') {
      this.#statusBytes += data.length;
      if (this.#statusBytes <= statusLimitBytes) this.#status.push(Buffer.from(data));
    } else if (name === 'stdout' || name === 'stderr') {
      if (!this.#client) return;
      if (!sendMessage(this.#parts.protocol, this.#client, channel[name], data)) this.#runtime?.pause();
    }
  }

  #ended(stream: SpdyStream): void {
    const name = this.#names.get(stream.id);
    if (name) this.#open.delete(name);
    if (this.#open.size === 0) this.#finish();
  }

  /** Hands input on for as long as the runtime takes it; the client is stopped meanwhile where that is possible. */
  #pump(): void {
    while (this.#runtime && !this.#runtimeIsBusy && this.#input.length > 0) {
      const input = this.#input.shift()!;
      this.#inputBytes -= bytesOf(input);
      const stream = this.#streams.get(input.name)!;
      if (input.data === 'end') this.#runtime.end(stream);
      else this.#runtimeIsBusy = !this.#runtime.write(stream, input.data);
    }
    if (this.#input.length > 0) this.#client?.pause();
    else this.#client?.resume();
    this.#parts.waits(this.#inputBytes);
  }

  // --- the end

  /** The runtime has said all: the status goes last. */
  #finish(failure?: Status): void {
    if (this.#over) return;
    const text = this.#statusText(failure);
    if (this.#client && text !== '') {
      sendMessage(this.#parts.protocol, this.#client, channel.error, Buffer.from(text));
    }
    this.#client?.close(1000, '');
    this.#end();
  }

  #statusText(failure: Status | undefined): string {
    const said = Buffer.concat(this.#status).toString();
    const text = failure ? JSON.stringify(failure) : said || JSON.stringify(unexpectedEnd().status);
    if (hasStatus(this.#parts.protocol)) return text;
    const status = parseStatus(text);
    return status?.status === 'Success' ? '' : (status?.message ?? text);
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#client = undefined;
    this.#input = [];
    this.#runtime?.close();
    this.#parts.over();
  }
}

/** Upstream's order. */
const streamNames: readonly StreamName[] = ['error', 'stdin', 'stdout', 'stderr', 'resize'];

const unexpectedEnd = () => apiError.internal('the container runtime closed the stream');

function parseStatus(text: string): { status?: string; message?: string } | undefined {
  try {
    return JSON.parse(text) as { status?: string; message?: string };
  } catch {
    return undefined;
  }
}
