import { readFile } from 'node:fs/promises';
import { type IncomingMessage, ServerResponse } from 'node:http';
import { type Server, createServer } from 'node:https';
import type { Socket } from 'node:net';
import { type SecureContext, type TLSSocket, createSecureContext } from 'node:tls';
import type { Clock } from '../../kernel/clock.ts';
import type { Logger } from '../../kernel/log.ts';
import { NodeExchange, type NodeExchangeHost } from './node-exchange.ts';
import { NodeWebSocketSession, acceptWebSocket, webSocketServer } from './node-websocket.ts';
import { PortInUseError, defaultConnectionLimit } from './types.ts';
import type { Headers, HttpServer, HttpServerOptions, ServerNameCertificate } from './types.ts';

/** HttpServer on node:https, for hosts that cannot load the uWebSockets.js addon. */
export class NodeServer implements HttpServer, NodeExchangeHost {
  readonly adapter = 'node';
  readonly options: HttpServerOptions;
  readonly clock: Clock;
  readonly log: Logger;
  draining = false;
  #server: Server | undefined;
  #names = new Map<string, SecureContext>();
  readonly #running = new Set<object>();
  #onIdle: (() => void) | undefined;

  constructor(options: HttpServerOptions, clock: Clock, log: Logger) {
    this.options = options;
    this.clock = clock;
    this.log = log;
  }

  async listen(): Promise<{ port: number }> {
    const { certFile, keyFile, serverNames = [], host, port } = this.options;
    const tls = await this.#readTls(certFile, keyFile);
    this.#names = await this.#readNames(serverNames);
    const server = this.#create(tls);
    this.#server = server;
    const listening = Promise.withResolvers<void>();
    server.once('error', (error: NodeJS.ErrnoException) =>
      listening.reject(
        error.code === 'EADDRINUSE'
          ? new PortInUseError(`cannot listen on ${host}:${port}: address already in use`)
          : error,
      ),
    );
    server.listen({ host, port, exclusive: true }, listening.resolve);
    await listening.promise;
    server.on('error', (error) => this.log.error('https server failed', { error: String(error) }));
    const address = server.address();
    return { port: typeof address === 'object' && address ? address.port : port };
  }

  async reloadCertificate(
    certFile: string,
    keyFile: string,
    serverNames: readonly ServerNameCertificate[] = this.options.serverNames ?? [],
  ): Promise<void> {
    const tls = await this.#readTls(certFile, keyFile);
    const names = await this.#readNames(serverNames);
    this.#server?.setSecureContext(tls);
    this.#names = names;
  }

  async close(graceMs: number): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.draining = true;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeIdleConnections();
    for (const running of this.#running) {
      if (running instanceof NodeWebSocketSession) running.close(1001, 'server is stopping');
    }
    if (this.#running.size > 0) {
      const idle = Promise.withResolvers<void>();
      this.#onIdle = idle.resolve;
      const timer = this.clock.after(graceMs, idle.resolve);
      await idle.promise;
      timer.cancel();
    }
    setImmediate(() => {
      server.closeAllConnections();
      for (const socket of this.#upgraded) socket.destroy();
    });
    await closed;
  }

  opened(running: object): void {
    this.#running.add(running);
  }

  closed(running: object): void {
    this.#running.delete(running);
    if (this.#running.size === 0) this.#onIdle?.();
  }

  // --- inside

  readonly #upgraded = new Set<Socket>();

  #create(tls: TlsFiles): Server {
    const { headerLimitBytes, idleTimeoutMs, connectionLimit = defaultConnectionLimit } = this.options;
    const server = createServer({
      ...tls,
      requestCert: true,
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2',
      handshakeTimeout: handshakeTimeoutMs,
      maxHeaderSize: headerLimitBytes,
      keepAliveTimeout: idleTimeoutMs,
      headersTimeout: idleTimeoutMs,
      requestTimeout: 0, // bodies are timed by their exchange
      keepAlive: true, // TCP's: a peer that has vanished is noticed
      keepAliveInitialDelay: deadPeerDelayMs,
      insecureHTTPParser: false,
      SNICallback: (name, done) => done(null, contextFor(this.#names, name)),
      shouldUpgradeCallback: (request) => isWebSocketUpgrade(request) || otherProtocol(request) !== '',
    });
    server.maxConnections = connectionLimit;
    server.on('secureConnection', refuseForeignCertificate);
    server.on('tlsClientError', (_error, socket) => socket.destroy());
    server.on('request', (req: IncomingMessage, res: ServerResponse) => {
      if (!req.socket.destroyed) this.#serve(new NodeExchange(this, req, res)); // refused, but its bytes were here
    });
    server.on('upgrade', (req: IncomingMessage, socket: Socket, head: Buffer) => void this.#upgrade(req, socket, head));
    return server;
  }

  #serve(exchange: NodeExchange): void {
    try {
      this.options.handler(exchange, exchange);
    } catch (error) {
      this.log.error('request handler failed', { path: exchange.path, error: String(error) });
      exchange.abort();
    }
  }

  async #upgrade(req: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
    this.#upgraded.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#upgraded.delete(socket));
    const switchTo = isWebSocketUpgrade(req) ? '' : otherProtocol(req);
    const webSockets = switchTo === '' ? await webSocketServer(this.options.bodyLimitBytes) : undefined;
    if (socket.destroyed) return;
    const response = new ServerResponse(req); // for an answer that is no upgrade
    response.shouldKeepAlive = false;
    response.assignSocket(socket);
    response.on('finish', () => socket.end());
    const exchange = new NodeExchange(this, req, response, {
      switchTo,
      upgrade: (protocol, handlers) => {
        response.detachSocket(socket);
        if (webSockets) acceptWebSocket(webSockets, this, req, socket, head, protocol, handlers);
      },
      takeOver: (headers) => {
        response.detachSocket(socket);
        return switchProtocol(socket, head, switchTo, headers);
      },
    });
    this.#serve(exchange);
  }

  async #readTls(certFile: string, keyFile: string): Promise<TlsFiles> {
    const [cert, key, ca] = await Promise.all(
      [certFile, keyFile, this.options.clientCaFile].map((file) => readFile(file)),
    );
    return { cert: cert!, key: key!, ca: ca! };
  }

  async #readNames(serverNames: readonly ServerNameCertificate[]): Promise<Map<string, SecureContext>> {
    const contexts = new Map<string, SecureContext>();
    for (const { names, certFile, keyFile } of serverNames) {
      const context = createSecureContext({ ...(await this.#readTls(certFile, keyFile)), minVersion: 'TLSv1.2' });
      for (const name of names) contexts.set(name.toLowerCase(), context);
    }
    return contexts;
  }
}

const handshakeTimeoutMs = 10_000;
const deadPeerDelayMs = 15_000;

interface TlsFiles {
  cert: Buffer;
  key: Buffer;
  ca: Buffer;
}

function contextFor(names: ReadonlyMap<string, SecureContext>, name: string): SecureContext | undefined {
  const lower = name.toLowerCase();
  return names.get(lower) ?? names.get(lower.replace(/^[^.]*/, '*'));
}

/** A certificate that the CA bundle does not verify ends the connection, as it does in uWebSockets.js's handshake. */
function refuseForeignCertificate(socket: TLSSocket): void {
  if (!socket.authorized && socket.getPeerX509Certificate()) socket.destroy();
}

/** Protocols that handlers take over: streams of clients before WebSockets (kubectl up to 1.29). */
const otherProtocols = ['SPDY/3.1'];

function otherProtocol({ headers, method }: IncomingMessage): string {
  if (method === 'POST' && Number(headers['content-length'] ?? 0) > 0) return '';
  const wanted = headers.upgrade?.toLowerCase();
  return otherProtocols.find((name) => name.toLowerCase() === wanted) ?? '';
}

function switchProtocol(socket: Socket, head: Buffer, protocol: string, headers: Headers): Socket {
  const lines = [['Upgrade', protocol], ['Connection', 'Upgrade'], ...headers].map(
    ([name, value]) => `${name}: ${String(value).replace(/[\r\n\0]/g, ' ')}\r\n`,
  );
  socket.setTimeout(0);
  socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('')}\r\n`);
  if (head.length > 0) socket.unshift(head);
  return socket;
}

function isWebSocketUpgrade(request: IncomingMessage): boolean {
  return (
    request.method === 'GET' &&
    /^websocket$/i.test(request.headers.upgrade ?? '') &&
    'sec-websocket-key' in request.headers
  );
}
