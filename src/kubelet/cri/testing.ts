/** A gRPC server of a few lines, for tests. */
import type { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Http2Server, type ServerHttp2Stream, type ServerHttp2Session } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { frame, MessageReader } from './frames.ts';

/** Answers one call: `stream` has not been responded to, `request` is the call's first message. */
export type FakeHandler = (stream: ServerHttp2Stream, request: Uint8Array, headers: Record<string, unknown>) => void;

export class FakeGrpcServer implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'cri-'));
  readonly socketPath = join(this.directory, 's');
  readonly handlers = new Map<string, FakeHandler>();
  readonly #sessions = new Set<ServerHttp2Session>();
  #server: Http2Server | undefined;

  async listen(): Promise<void> {
    this.#server = createServer();
    this.#server.on('session', (session) => {
      this.#sessions.add(session);
      session.on('error', () => {});
      session.on('close', () => this.#sessions.delete(session));
    });
    this.#server.on('stream', (stream, headers) => this.#answer(stream, headers));
    this.#server.listen(this.socketPath);
    await once(this.#server, 'listening');
  }

  /** As when the process dies: every connection ends in the middle of whatever it does. */
  async kill(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (!server) return;
    for (const session of this.#sessions) session.destroy();
    server.close();
    await once(server, 'close');
  }

  sessionCount(): number {
    return this.#sessions.size;
  }

  goAway(): void {
    for (const session of this.#sessions) session.goaway();
  }

  [Symbol.dispose](): void {
    void this.kill();
    rmSync(this.directory, { recursive: true, force: true });
  }

  #answer(stream: ServerHttp2Stream, headers: Record<string, unknown>): void {
    const path = String(headers[':path']);
    const reader = new MessageReader(64 << 20);
    stream.on('error', () => {});
    stream.on('data', (chunk: Buffer) => {
      for (const request of reader.push(chunk)) {
        const handler = this.handlers.get(path);
        if (handler) handler(stream, request, headers);
        else refuse(stream, 12, `unknown method ${path}`);
      }
    });
  }
}

/** A trailers-only answer. */
export function refuse(stream: ServerHttp2Stream, code: number, message: string): void {
  stream.respond(
    {
      ':status': 200,
      'content-type': 'application/grpc',
      'grpc-status': String(code),
      'grpc-message': message.replaceAll(/[^ -$&-~]/g, (text) => encodeURIComponent(text)),
    },
    { endStream: true },
  );
}

/** Begins a stream of answers. */
export function begin(stream: ServerHttp2Stream, trailers: Record<string, string> = { 'grpc-status': '0' }): void {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers(trailers));
}

/** One message, then OK. */
export function answer(stream: ServerHttp2Stream, message: Uint8Array): void {
  begin(stream);
  stream.end(frame(message));
}
