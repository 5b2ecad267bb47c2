/** The front door: TLS, HTTP/1.1 and WebSockets behind one interface, on uWebSockets.js or node:https. */
import { type Clock, systemClock } from '../../kernel/clock.ts';
import type { Logger } from '../../kernel/log.ts';
import type { HttpServer, HttpServerOptions } from './types.ts';
import { loadUws } from './uws-addon.ts';
import { UwsServer } from './uws-server.ts';

export * from './types.ts';

/** Chooses the adapter: `auto` takes uWebSockets.js where its addon loads. Says in the log which one serves. */
export async function createHttpServer(
  options: HttpServerOptions & { adapter?: 'uws' | 'node' | 'auto'; log: Logger; clock?: Clock },
): Promise<HttpServer> {
  const { adapter = 'auto', log, clock = systemClock } = options;
  if (adapter !== 'node') {
    try {
      const server = new UwsServer(loadUws(options.headerLimitBytes), options, clock, log);
      log.info('https is served by uWebSockets.js');
      return server;
    } catch (error) {
      if (adapter === 'uws') throw error;
      log.warn('https is served by node:https: uWebSockets.js does not load', { error: String(error) });
    }
  } else log.info('https is served by node:https');
  const { NodeServer } = await import('./node-server.ts');
  return new NodeServer(options, clock, log);
}
