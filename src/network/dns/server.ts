import { createSocket, type Socket as Datagrams } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import type { Clock, Logger } from '../../kernel/index.ts';
import { NetworkError } from '../errors.ts';
import type { ServiceTable } from '../facts/index.ts';
import { Forwarder } from './forwarder.ts';
import { ResolvConf } from './resolv-conf.ts';
import { Responder } from './responder.ts';

export interface DnsOptions {
  clock: Clock;
  log: Logger;
  config: { clusterDomain: string; serviceNetwork: string; clusterNetwork: string; dnsIP: string };
  services: ServiceTable;
  /** Questions to other servers that may be under way, and connections. */
  limit: number;
  resolvConf?: string;
}

export interface DnsServer {
  stop(): Promise<void>;
}

const port = 53;
/** A connection that says nothing for so long is closed. */
const idleMs = 10_000;

/** Serves the cluster's names, and those of the host's own servers, on `config.dnsIP`. Throws NetworkError. */
export async function startDns(options: DnsOptions): Promise<DnsServer> {
  const { clock, config, services, limit, resolvConf = '/etc/resolv.conf' } = options;
  const forwarder = new Forwarder(clock, new ResolvConf(resolvConf, clock, [config.dnsIP]), limit);
  const responder = new Responder({ ...config, services, nowMs: () => clock.nowMs() }, forwarder);
  const datagrams = serveDatagrams(responder, options.log);
  const streams = serveStreams(responder, limit, options.log);
  try {
    await bound(datagrams.socket, () => datagrams.socket.bind({ address: config.dnsIP, port, exclusive: true }));
    await bound(streams.server, () => streams.server.listen({ host: config.dnsIP, port, exclusive: true }));
  } catch (error) {
    datagrams.close();
    streams.close();
    throw new NetworkError(`cannot serve DNS on ${config.dnsIP}: ${(error as Error).message}`);
  }
  return {
    async stop() {
      datagrams.close();
      streams.close();
    },
  };
}

async function bound(socket: Datagrams | Server, bind: () => unknown): Promise<void> {
  const listening = once(socket, 'listening');
  bind();
  await listening;
}

function serveDatagrams(responder: Responder, log: Logger): { socket: Datagrams; close(): void } {
  // Addresses are what they are: nothing to look up.
  const lookup = (address: string, _: unknown, done: (error: null, address: string, family: number) => void): void =>
    done(null, address, 4);
  const socket = createSocket({ type: 'udp4', lookup: lookup as never });
  let closed = false;
  const failed = (error: unknown): void => log.debug('a DNS question went unanswered', { error: String(error) });
  const answer = async (message: Buffer, address: string, from: number): Promise<void> => {
    const bytes = await responder.respond(message, 'udp');
    if (bytes && !closed) socket.send(bytes, from, address, (error) => error && failed(error));
  };
  socket.on('message', (message, { address, port: from }) => void answer(message, address, from).catch(failed));
  socket.on('error', (error) => log.warn('DNS socket', { error: String(error) }));
  return {
    socket,
    close() {
      closed = true;
      socket.close();
    },
  };
}

function serveStreams(responder: Responder, limit: number, log: Logger): { server: Server; close(): void } {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.setTimeout(idleMs, () => socket.destroy());
    serveConnection(socket, responder);
  });
  server.maxConnections = limit;
  server.on('error', (error) => log.warn('DNS connections', { error: String(error) }));
  return {
    server,
    close() {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}

/** Messages one after the other: the next is read when the client has taken the answer to the one before. */
export function serveConnection(socket: Socket, responder: Pick<Responder, 'respond'>): void {
  let received = Buffer.alloc(0);
  let busy = false;
  const step = async (): Promise<void> => {
    if (busy) return;
    busy = true;
    socket.pause();
    while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
      const end = 2 + received.readUInt16BE(0);
      const answer = await responder.respond(received.subarray(2, end), 'tcp');
      received = received.subarray(end);
      if (answer) await written(socket, Buffer.concat([lengthOf(answer), answer]));
    }
    busy = false;
    socket.resume();
  };
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    step().catch(() => socket.destroy());
  });
}

const written = (socket: Socket, bytes: Buffer): Promise<void> =>
  new Promise((resolve, reject) => socket.write(bytes, (error) => (error ? reject(error) : resolve())));

const lengthOf = (message: Buffer): Buffer => Buffer.of(message.length >> 8, message.length & 0xff);
