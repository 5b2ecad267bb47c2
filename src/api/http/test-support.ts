/** What the adapters' shared cases stand on: certificates, a client that works on raw TLS, a server on a free port. */
import 'reflect-metadata';
import { KeyObject, randomBytes, webcrypto } from 'node:crypto';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConnectionOptions, type TLSSocket, connect } from 'node:tls';
import * as x509 from '@peculiar/x509';
import type { Logger } from '../../kernel/log.ts';
import { createHttpServer } from './index.ts';
import type { HttpHandler, HttpServer, HttpServerOptions } from './types.ts';

export const silentLog: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLog,
};

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

export interface TestCertificate {
  cert: string;
  key: string;
  certFile: string;
  keyFile: string;
}

/** A directory with a CA and what it signed. */
export class TestAuthority {
  readonly directory: string;
  readonly caFile: string;
  readonly ca: string;
  readonly #keys: webcrypto.CryptoKeyPair;
  readonly #name: string;

  constructor(directory: string, name: string, ca: string, keys: webcrypto.CryptoKeyPair) {
    this.directory = directory;
    this.caFile = join(directory, `${name}.crt`);
    this.ca = ca;
    this.#name = `CN=${name}`;
    this.#keys = keys;
  }

  static async create(name: string): Promise<TestAuthority> {
    x509.cryptoProvider.set(webcrypto);
    const directory = await mkdtemp(join(tmpdir(), 'nanoshift-tls-'));
    const keys = (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      name: `CN=${name}`,
      keys,
      signingAlgorithm: algorithm,
      notAfter: new Date(Date.now() + 86_400_000),
      extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
    });
    const authority = new TestAuthority(directory, name, certificate.toString('pem'), keys);
    await writeFile(authority.caFile, authority.ca);
    return authority;
  }

  async issue(subject: string, hosts: readonly string[] = []): Promise<TestCertificate> {
    const keys = (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
    const names = hosts.map((value) => ({ type: /^[\d.]+$/.test(value) ? ('ip' as const) : ('dns' as const), value }));
    const purpose = names.length > 0 ? x509.ExtendedKeyUsage.serverAuth : x509.ExtendedKeyUsage.clientAuth;
    const certificate = await x509.X509CertificateGenerator.create({
      subject,
      issuer: this.#name,
      publicKey: keys.publicKey,
      signingKey: this.#keys.privateKey,
      signingAlgorithm: algorithm,
      notAfter: new Date(Date.now() + 86_400_000),
      extensions: [
        new x509.ExtendedKeyUsageExtension([purpose]),
        ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : []),
      ],
    });
    const base = join(this.directory, randomBytes(6).toString('hex'));
    const cert = certificate.toString('pem');
    const key = KeyObject.from(keys.privateKey).export({ type: 'sec1', format: 'pem' }).toString();
    await writeFile(`${base}.crt`, cert);
    await writeFile(`${base}.key`, key);
    return { cert, key, certFile: `${base}.crt`, keyFile: `${base}.key` };
  }
}

export interface RawAnswer {
  status: number;
  headers: Map<string, string>;
  body: Buffer;
}

/** A client on one TLS connection. Reads answers one by one, in order. */
export class RawClient {
  readonly socket: TLSSocket;
  readonly closed: Promise<void>;
  #buffer = Buffer.alloc(0);
  #ended = false;
  #wake: (() => void) | undefined;

  constructor(socket: TLSSocket) {
    this.socket = socket;
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
    socket.on('data', (chunk: Buffer) => {
      this.#buffer = Buffer.concat([this.#buffer, chunk]);
      this.#wake?.();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#ended = true;
      this.#wake?.();
    });
  }

  static async connect(options: ConnectionOptions): Promise<RawClient> {
    const socket = connect({ host: '127.0.0.1', ...options });
    await new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', resolve);
      socket.once('error', reject);
    });
    return new RawClient(socket);
  }

  send(text: string | Uint8Array): void {
    this.socket.write(text);
  }

  /** `GET path` and its answer. */
  async get(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<RawAnswer> {
    const lines = Object.entries({ Host: 'localhost', ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
    this.send(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`);
    return this.answer(method === 'HEAD');
  }

  /** Status and headers of the next answer that is not interim. */
  async head(): Promise<RawAnswer> {
    for (;;) {
      const lines = (await this.#until('\r\n\r\n')).toString('latin1').split('\r\n');
      const status = Number(lines[0]?.split(' ')[1]);
      if (status < 200 && status !== 101) continue;
      const headers = new Map(
        lines.slice(1, -2).map((line) => {
          const at = line.indexOf(':');
          return [line.slice(0, at).toLowerCase(), line.slice(at + 1).trim()] as const;
        }),
      );
      return { status, headers, body: Buffer.alloc(0) };
    }
  }

  /** The next chunk of a chunked answer; empty at its end. */
  async chunk(): Promise<Buffer> {
    const size = Number.parseInt((await this.#until('\r\n')).toString('latin1'), 16);
    const data = await this.#take(size);
    if (size === 0) await this.#until('\r\n');
    else await this.#takeLineEnd();
    return data;
  }

  async answer(isHead = false): Promise<RawAnswer> {
    const answer = await this.head();
    if (isHead || answer.status === 204 || answer.status === 304) return answer;
    if (answer.headers.get('transfer-encoding') === 'chunked') {
      const chunks: Buffer[] = [];
      for (let chunk = await this.chunk(); chunk.length > 0; chunk = await this.chunk()) chunks.push(chunk);
      answer.body = Buffer.concat(chunks);
    } else answer.body = await this.#take(Number(answer.headers.get('content-length') ?? 0));
    return answer;
  }

  /** Everything until the server closes the connection. */
  async rest(): Promise<Buffer> {
    await this.closed;
    return this.#take(this.#buffer.length);
  }

  destroy(): void {
    this.socket.destroy();
  }

  /** uWebSockets.js sends the line end of a chunk with what follows: it may not be there yet. */
  async #takeLineEnd(): Promise<void> {
    if (this.#buffer.length >= 2) await this.#take(2);
    else this.#owedLineEnd = true;
  }

  #owedLineEnd = false;

  async #until(mark: string): Promise<Buffer> {
    if (this.#owedLineEnd) {
      this.#owedLineEnd = false;
      await this.#take(2);
    }
    for (;;) {
      const at = this.#buffer.indexOf(mark);
      if (at >= 0) return this.#take(at + mark.length);
      await this.#more();
    }
  }

  async #take(length: number): Promise<Buffer> {
    while (this.#buffer.length < length) await this.#more();
    const taken = this.#buffer.subarray(0, length);
    this.#buffer = this.#buffer.subarray(length);
    return taken;
  }

  async #more(): Promise<void> {
    if (this.#ended) throw new Error(`connection closed; unread: ${JSON.stringify(this.#buffer.toString('latin1'))}`);
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }
}

export interface TestServer extends AsyncDisposable {
  server: HttpServer;
  port: number;
  /** A connection without, or with, a client certificate. */
  connect(options?: ConnectionOptions): Promise<RawClient>;
}

/** A server on a free port of 127.0.0.1. */
export async function startServer(
  adapter: 'uws' | 'node',
  tls: { certFile: string; keyFile: string; clientCaFile: string },
  handler: HttpHandler,
  options: Partial<HttpServerOptions> = {},
): Promise<TestServer> {
  const server = await createHttpServer({
    host: '127.0.0.1',
    port: 0,
    bodyLimitBytes: 1 << 20,
    headerLimitBytes: 1 << 16,
    writeBufferLimitBytes: 1 << 18,
    idleTimeoutMs: 120_000,
    ...tls,
    ...options,
    handler,
    adapter,
    log: silentLog,
  });
  const { port } = await server.listen();
  return {
    server,
    port,
    connect: (more = {}) => RawClient.connect({ port, rejectUnauthorized: false, ...more }),
    [Symbol.asyncDispose]: () => server.close(0),
  };
}
