/** …/pods/x/proxy, …/services/x/proxy and …/nodes/x/proxy: requests handed on to what a pod or a node serves. */
import { type ClientRequest, type IncomingMessage, request as httpRequest } from 'node:http';
import { buffer } from 'node:stream/consumers';
import type { Headers } from '../../../api/http/types.ts';
import type { ConnectHandler, ConnectRequest } from '../../../api/index.ts';
import type { Client } from '../../../client/types.ts';
import type { Clock, Logger } from '../../../kernel/index.ts';
import { httpSink, Waiting } from '../sink.ts';
import type { OpenStream, StreamTable } from '../streams.ts';
import { describe, dialOptions, type Proxied, unreachable } from './dial.ts';
import { answerHeaders, requestHeaders, withDefaults } from './headers.ts';
import { joinPath, type ProxyPaths, rewriteUrl } from './rewrite.ts';
import type { Resolve, Target } from './target.ts';
import { proxyWebSocket } from './web-socket.ts';

export interface ProxyParts {
  client: Client;
  clock: Clock;
  log: Logger;
  streams: StreamTable;
}

export const proxyHandler = (parts: ProxyParts, resolve: Resolve): ConnectHandler => ({
  connect: (request) => serveProxy(parts, request, resolve),
});

async function serveProxy(parts: ProxyParts, connect: ConnectRequest, resolve: Resolve): Promise<void> {
  const { request, response } = connect;
  const target = await resolve(parts.client, connect.namespace, connect.name);
  if (connect.path === '' && !request.isUpgrade && (request.method === 'GET' || request.method === 'HEAD')) {
    const location = `${request.path}/${request.query === '' ? '' : `?${request.query}`}`;
    response.send(
      301,
      [...connect.headers('text/plain').filter(([name]) => name !== 'Content-Type'), ['Location', location]],
      '',
    );
    return;
  }
  const proxied = handOn(connect, target);
  let cut: () => void = () => response.abort();
  const stream = parts.streams.enter(() => cut());
  try {
    if (request.isUpgrade) {
      await proxyWebSocket(connect, proxied, stream, (end) => {
        cut = end;
      });
    } else await exchange(parts, connect, proxied, stream);
  } finally {
    if (!request.isUpgrade) stream.leave();
  }
}

function handOn({ request, path }: ConnectRequest, target: Target): Proxied {
  const suffix = path === '' ? 0 : path.length;
  const prefix = request.path.slice(0, request.path.length - suffix);
  const hostName = target.host.includes(':') ? `[${target.host}]` : target.host;
  const paths: ProxyPaths = {
    prefix,
    sourceHost: target.port === '' ? hostName : `${hostName}:${target.port}`,
    requestHost: request.header('host') ?? '',
  };
  return {
    target,
    path: `${path || '/'}${request.query === '' ? '' : `?${request.query}`}`,
    paths,
    headers: requestHeaders(request, { 'x-forwarded-uri': joinPath(prefix, path || '/') }),
  };
}

/** Resolves when the answer has gone out, or the client has. */
async function exchange(
  parts: ProxyParts,
  connect: ConnectRequest,
  proxied: Proxied,
  stream: OpenStream,
): Promise<void> {
  const { request, response } = connect;
  const outgoing = await open(proxied, request.method);
  response.onClosed(() => outgoing.destroy());
  const answered = answerOf(outgoing);
  void sendBody(request.chunks(), outgoing, stream);
  const answer = await answered;
  try {
    await sendAnswer(connect, proxied, answer, stream);
  } catch (error) {
    // The answer has begun: it can only be cut short.
    parts.log.debug('proxied answer broke off', { path: request.path, error: String(error) });
    response.abort();
  } finally {
    outgoing.destroy(); // a pod that answers without reading the body would keep it waiting
  }
}

async function open(proxied: Proxied, method: string): Promise<ClientRequest> {
  const { scheme, port } = proxied.target;
  if (port !== '' && !/^\d{1,5}$/.test(port)) throw unreachable(`dial tcp: lookup tcp/${port}: unknown port`);
  const request = scheme === 'https' ? (await import('node:https')).request : httpRequest;
  return request({ ...dialOptions(proxied), method });
}

function answerOf(outgoing: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    outgoing.on('response', resolve);
    outgoing.on('error', (error) => reject(unreachable(describe(error))));
  });
}

async function sendBody(chunks: AsyncIterable<Uint8Array>, outgoing: ClientRequest, stream: OpenStream): Promise<void> {
  const waiting = new Waiting();
  outgoing.on('drain', () => waiting.wake());
  outgoing.on('close', () => waiting.wake());
  try {
    for await (const chunk of chunks) {
      stream.touch();
      if (outgoing.destroyed) return;
      if (!outgoing.write(chunk)) await waiting.next();
    }
    outgoing.end();
  } catch {
    outgoing.destroy();
  }
}

async function sendAnswer(
  { request, response, headers }: ConnectRequest,
  proxied: Proxied,
  answer: IncomingMessage,
  stream: OpenStream,
): Promise<void> {
  const status = answer.statusCode ?? 502;
  const redirect = answer.headers.location;
  const type = answer.headers['content-type'] ?? '';
  const isPage = redirect === undefined && isHtml(type);
  const rewritten = isPage ? await rewrittenPage(answer, proxied) : undefined;
  const without = new Set(rewritten ? ['content-length', 'location'] : ['location']);
  const location: Headers = redirect === undefined ? [] : [['Location', rewriteUrl(redirect, proxied.paths)]];
  const lines = withDefaults(headers(type), [...answerHeaders(answer.rawHeaders, without), ...location]);
  if (request.method === 'HEAD' || status === 204 || status === 304) {
    answer.resume();
    response.send(status, lines, '');
    return;
  }
  const length = Number(answer.headers['content-length'] ?? Number.NaN);
  if (!rewritten && length <= wholeLimitBytes) {
    response.send(status, lines, await buffer(answer));
    return;
  }
  const sink = httpSink(response, lines, status);
  for await (const chunk of (rewritten ?? answer) as AsyncIterable<Uint8Array>) {
    stream.touch();
    if (sink.closed) return;
    if (!sink.write(chunk)) await sink.drained();
  }
  sink.end();
}

/** undefined when it goes on as it is. */
async function rewrittenPage(
  answer: IncomingMessage,
  { paths }: Proxied,
): Promise<AsyncIterable<Uint8Array> | undefined> {
  const { htmlBody } = await import('./html-body.ts'); // zlib, for the few pages that need it
  return htmlBody(answer, (url) => rewriteUrl(url, paths));
}

/** Answers of a known length up to this go out with it; longer ones as they come. */
const wholeLimitBytes = 64 << 10;

const isHtml = (type: string): boolean => type.split(';', 1)[0]!.trim() === 'text/html';
