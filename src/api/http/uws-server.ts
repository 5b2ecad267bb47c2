import type { Clock } from '../../kernel/clock.ts';
import type { Logger } from '../../kernel/log.ts';
import { PortInUseError, defaultConnectionLimit } from './types.ts';
import type { HttpServer, HttpServerOptions, ServerNameCertificate } from './types.ts';
import type { Uws, UwsApp, UwsListenSocket, UwsRequest, UwsResponse, UwsSocketContext } from './uws-addon.ts';
import { type ExchangeHost, UwsExchange } from './uws-exchange.ts';
import { UwsIdleResponse } from './uws-idle-response.ts';
import { WebSocketSession, webSocketBehavior } from './uws-websocket.ts';

/** Listener with one certificate set. A reload makes a new one; the old one lives on until its connections have gone. */
interface Listener {
  app: UwsApp;
  socket: UwsListenSocket | undefined;
  connections: number;
}

/** HttpServer on uWebSockets.js. */
export class UwsServer implements HttpServer, ExchangeHost {
  readonly adapter = 'uws';
  readonly options: HttpServerOptions;
  readonly clock: Clock;
  readonly log: Logger;
  draining = false;
  readonly #uws: Uws;
  readonly #listeners = new Set<Listener>();
  readonly #running = new Set<object>();
  #idle: UwsIdleResponse | undefined;
  #connections = 0;
  #port = 0;
  #onIdle: (() => void) | undefined;

  constructor(uws: Uws, options: HttpServerOptions, clock: Clock, log: Logger) {
    this.#uws = uws;
    this.options = options;
    this.clock = clock;
    this.log = log;
  }

  async listen(): Promise<{ port: number }> {
    const { certFile, keyFile, serverNames = [], port } = this.options;
    this.#idle = await this.#openIdle();
    try {
      this.#listen(this.#build(certFile, keyFile, serverNames), port);
    } catch (error) {
      this.#idle?.close();
      throw error;
    }
    return { port: this.#port };
  }

  async reloadCertificate(
    certFile: string,
    keyFile: string,
    serverNames: readonly ServerNameCertificate[] = this.options.serverNames ?? [],
  ): Promise<void> {
    const old = [...this.#listeners];
    const next = this.#build(certFile, keyFile, serverNames); // throws on bad files: the old ones stay
    for (const listener of old) this.#closePort(listener);
    this.#listen(next, this.#port); // same turn of the loop: nobody can take the port in between
    for (const listener of old) this.#forgetIfUnused(listener);
  }

  async close(graceMs: number): Promise<void> {
    this.draining = true;
    for (const listener of this.#listeners) this.#closePort(listener);
    for (const running of this.#running) {
      if (running instanceof WebSocketSession) running.close(1001, 'server is stopping');
    }
    if (this.#running.size > 0) {
      const idle = Promise.withResolvers<void>();
      this.#onIdle = idle.resolve;
      const timer = this.clock.after(graceMs, idle.resolve);
      await idle.promise;
      timer.cancel();
    }
    for (const { app } of this.#listeners) app.close();
    this.#listeners.clear();
    this.#idle?.close();
  }

  withinCork(write: () => void): void {
    if (this.#idle) this.#idle.within(write);
    else write();
  }

  async #openIdle(): Promise<UwsIdleResponse | undefined> {
    try {
      return await UwsIdleResponse.open(this.#uws);
    } catch (error) {
      this.log.warn('upgrades to WebSockets go out in pieces', { error: String(error) });
      return undefined;
    }
  }

  opened(running: object): void {
    this.#running.add(running);
  }

  closed(running: object): void {
    this.#running.delete(running);
    if (this.#running.size === 0) this.#onIdle?.();
  }

  #build(certFile: string, keyFile: string, serverNames: readonly ServerNameCertificate[]): Listener {
    const tls = (cert: string, key: string) => ({
      cert_file_name: cert,
      key_file_name: key,
      ca_file_name: this.options.clientCaFile,
    });
    const app = this.#uws.SSLApp(tls(certFile, keyFile));
    const listener: Listener = { app, socket: undefined, connections: 0 };
    this.#route(app);
    for (const { names, certFile: cert, keyFile: key } of serverNames) {
      for (const name of names) this.#route(app.addServerName(name, tls(cert, key)).domain(name));
    }
    const idleSeconds = Math.ceil(this.options.idleTimeoutMs / 1000);
    app.setIdleTimeout(idleSeconds);
    app.setResponseTimeout(idleSeconds);
    app.filter((res, change) => this.#connectionChanged(listener, res, change));
    return listener;
  }

  #route(app: UwsApp): void {
    app.ws(
      '/*',
      webSocketBehavior(this.options.bodyLimitBytes, (res, req, context) => this.#serve(res, req, context)),
    );
    app.any('/*', (res, req) => this.#serve(res, req));
  }

  #listen(listener: Listener, port: number): void {
    const { host } = this.options;
    listener.app.listen(host, port, this.#uws.LIBUS_LISTEN_EXCLUSIVE_PORT, (socket) => {
      if (socket) listener.socket = socket;
    });
    if (!listener.socket) throw new PortInUseError(`cannot listen on ${host}:${port}: address already in use`);
    this.#port = this.#uws.us_socket_local_port(listener.socket);
    if (port === 0) {
      this.#closePort(listener); // only a port asked for by number can be taken over while connections are on it
      this.#listen(listener, this.#port);
      return;
    }
    this.#listeners.add(listener);
  }

  #serve(res: UwsResponse, req: UwsRequest, context?: UwsSocketContext): void {
    const exchange = new UwsExchange(this, res, req, context);
    try {
      this.options.handler(exchange, exchange);
    } catch (error) {
      this.log.error('request handler failed', { path: exchange.path, error: String(error) });
      exchange.abort();
    }
    exchange.leaveHandler();
  }

  #connectionChanged(listener: Listener, res: UwsResponse, change: number): void {
    this.#connections += change;
    listener.connections += change;
    if (change > 0 && this.#connections > (this.options.connectionLimit ?? defaultConnectionLimit)) res.close();
    if (change < 0) this.#forgetIfUnused(listener);
  }

  #closePort(listener: Listener): void {
    if (listener.socket) this.#uws.us_listen_socket_close(listener.socket);
    listener.socket = undefined;
  }

  #forgetIfUnused(listener: Listener): void {
    if (!listener.socket && listener.connections === 0 && !this.draining) this.#listeners.delete(listener);
  }
}
