import { connect, type Socket } from 'node:net';
import type { Uws, UwsApp, UwsListenSocket, UwsResponse } from './uws-addon.ts';

/**
 * A response of our own that is never answered, to upgrade other ones in its cork. uWebSockets.js wants writes to happen
 * inside a cork; but what ends the cork of a response that has become a WebSocket still takes it for a response, and
 * closes it when the bytes where its state was happen to say so (seen in one upgrade of five).
 */
export class UwsIdleResponse {
  readonly #app: UwsApp;
  readonly #client: Socket;
  #response: UwsResponse | undefined;

  private constructor(app: UwsApp, client: Socket, response: UwsResponse) {
    this.#app = app;
    this.#client = client;
    this.#response = response;
    response.onAborted(() => {
      this.#response = undefined;
    });
  }

  static async open(uws: Uws): Promise<UwsIdleResponse> {
    const app = uws.App();
    const arrived = Promise.withResolvers<UwsIdleResponse>();
    let client: Socket | undefined;
    let listening: UwsListenSocket | undefined;
    app.any('/*', (response) => arrived.resolve(new UwsIdleResponse(app, client!, response)));
    app.listen('127.0.0.1', 0, uws.LIBUS_LISTEN_EXCLUSIVE_PORT, (socket) => {
      if (socket) listening = socket;
    });
    if (!listening) throw new Error('cannot listen on 127.0.0.1');
    client = connect(uws.us_socket_local_port(listening), '127.0.0.1');
    client.on('error', arrived.reject);
    client.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    try {
      return await arrived.promise;
    } finally {
      uws.us_listen_socket_close(listening);
      client.unref();
    }
  }

  /** Runs `write` inside the cork. */
  within(write: () => void): void {
    if (this.#response) this.#response.cork(write);
    else write();
  }

  close(): void {
    this.#client.destroy();
    this.#app.close();
  }
}
