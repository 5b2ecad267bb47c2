import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { WebSocket, WebSocketServer } from 'ws';
import { describeCases } from '../../../api/http/adapter-cases.ts';
import type { HttpHandler } from '../../../api/http/types.ts';
import { type FakeAnswer, type FakeRequestOptions, ask, settle } from '../../../api/testing/exchange.ts';
import type { Client } from '../../../client/types.ts';
import { apiError, silentLogger, StatusError, systemClock } from '../../../kernel/index.ts';
import { StreamTable } from '../streams.ts';
import { proxyHandler } from './handler.ts';

const prefix = '/api/v1/namespaces/ns/pods/web:8080/proxy';

/** What the API does with a proxy request, as far as it matters here. */
function front(port: () => number, limit = 10): { handle: HttpHandler; streams: StreamTable } {
  const streams = new StreamTable(limit, systemClock);
  const parts = { client: {} as Client, clock: systemClock, log: silentLogger, streams };
  const handler = proxyHandler(parts, async () => ({ scheme: 'http', host: '127.0.0.1', port: String(port()) }));
  const handle: HttpHandler = async (request, response) => {
    try {
      await handler.connect({
        request,
        response,
        parent: undefined,
        namespace: 'ns',
        name: 'web:8080',
        path: request.path.slice(prefix.length),
        query: new URLSearchParams(request.query),
        user: { name: 'u', groups: [] },
        headers: (contentType) => [
          ['Audit-Id', 'a1'],
          ['Cache-Control', 'no-cache, private'],
          ['Content-Type', contentType],
        ],
      });
    } catch (error) {
      const status = (error instanceof StatusError ? error : apiError.internal(String(error))).status;
      response.send(status.code, [['Content-Type', 'application/json']], JSON.stringify(status));
    }
  };
  return { handle, streams };
}

interface Pod extends AsyncDisposable {
  server: Server;
  port: number;
}

async function podServing(listener: RequestListener): Promise<Pod> {
  const server = createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    server,
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

describe('a proxied request', { timeout: 10_000 }, () => {
  let pod: Pod;
  let listener: RequestListener;
  let proxy: ReturnType<typeof front>;
  beforeEach(async () => {
    pod = await podServing((request, response) => listener(request, response));
    proxy = front(() => pod.port);
  });
  afterEach(() => pod[Symbol.asyncDispose]());
  const send = (method: string, path: string, options: FakeRequestOptions = {}): Promise<FakeAnswer> =>
    ask(proxy.handle, method, `${prefix}${path}`, options);

  for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
    test(`${method} keeps its verb, path, query and body`, async () => {
      let seen: IncomingMessage | undefined;
      let body = '';
      listener = async (request, response) => {
        seen = request;
        body = (await buffer(request)).toString();
        response.end('fine');
      };
      const answer = await send(method, '/a%2Fb/?c=%20d', {
        ...(method !== 'GET' && { body: 'text', headers: { 'Content-Length': '4' } }),
      });
      assert.deepEqual([answer.status, answer.text, seen?.method, seen?.url], [200, 'fine', method, '/a%2Fb/?c=%20d']);
      assert.equal(body, method === 'GET' ? '' : 'text');
      await settle();
      assert.equal(proxy.streams.size, 0);
    });
  }

  test('shows the pod who asks, and not how', async () => {
    let headers: IncomingMessage['headers'] = {};
    listener = (request, response) => {
      headers = request.headers;
      response.end();
    };
    await send('GET', '/x/', {
      headers: {
        Host: 'api:6443',
        Authorization: 'Bearer secret',
        'Impersonate-User': 'u',
        'X-Forwarded-For': '192.0.2.1',
        Connection: 'keep-alive, X-Mine',
        'X-Mine': '1',
        'X-Other': '2',
      },
    });
    const { connection: _, ...shown } = headers;
    assert.deepEqual(shown, {
      host: 'api:6443',
      'x-other': '2',
      'x-forwarded-for': '192.0.2.1, 127.0.0.1',
      'x-forwarded-uri': `${prefix}/x/`,
    });
  });

  test('comes back with the pod’s status and headers, less those of its connection and of CORS', async () => {
    listener = (_request, response) => {
      response.writeHead(418, { 'X-Pod': '1', 'Access-Control-Allow-Origin': '*', 'Cache-Control': 'max-age=1' });
      response.end('short');
    };
    const answer = await send('GET', '/');
    const { date: _, ...headers } = Object.fromEntries(answer.headers);
    assert.deepEqual([answer.status, headers], [418, { 'audit-id': 'a1', 'x-pod': '1', 'cache-control': 'max-age=1' }]);
  });

  test('HEAD comes back without a body', async () => {
    listener = (_request, response) => response.writeHead(200, { 'Content-Length': '5' }).end();
    const answer = await send('HEAD', '/');
    assert.deepEqual([answer.status, answer.headers.get('content-length')], [200, '5']);
  });

  test('without a path is led to the one that has one; other verbs are not', async () => {
    listener = (request, response) => response.end(request.url);
    const { status, headers } = await send('GET', '?a=b');
    assert.deepEqual([status, headers.get('location')], [301, `${prefix}/?a=b`]);
    assert.equal((await send('POST', '?a=b')).text, '/?a=b');
  });

  test('a redirect stays inside the proxy', async () => {
    listener = (_request, response) => response.writeHead(302, { Location: '/login/' }).end();
    assert.equal((await send('GET', '/')).headers.get('location'), `${prefix}/login/`);
  });

  for (const encoding of ['', 'gzip'] as const) {
    test(`addresses in a page are rewritten, ${encoding || 'plain'}`, async () => {
      const page = `${'é'.repeat(100_000)}<a href="/r">`;
      listener = (_request, response) => {
        response.setHeader('Content-Type', 'text/html; charset=utf-8');
        if (encoding) response.setHeader('Content-Encoding', encoding);
        response.end(encoding ? gzipSync(page) : page);
      };
      const { body } = await send('GET', '/');
      const text = (encoding ? gunzipSync(body) : Buffer.from(body)).toString();
      assert.equal(text, page.replace('/r', `${prefix}/r`));
    });
  }

  test('a page in an encoding that we cannot read goes on as it is', async () => {
    listener = (_request, response) =>
      response.writeHead(200, { 'Content-Type': 'text/html', 'Content-Encoding': 'x' }).end('<a href="/r">');
    assert.equal((await send('GET', '/')).text, '<a href="/r">');
  });

  test('to nobody is unavailable', async () => {
    await pod[Symbol.asyncDispose]();
    const { status, json } = await send('GET', '/');
    const { message } = json as { message: string };
    assert.equal(status, 503);
    assert.match(message, /^error trying to reach service: dial tcp 127\.0\.0\.1:\d+: connect: connection refused$/);
    pod = await podServing(() => {});
  });

  test('to one who hangs up is unavailable', async () => {
    listener = (request) => request.socket.destroy();
    assert.match((await send('GET', '/')).text, /error trying to reach service: EOF/);
  });

  test('is over with its answer, although the pod has not read its body', async () => {
    let request: IncomingMessage | undefined;
    listener = (asked) => {
      request = asked;
      asked.on('error', () => {});
      asked.socket.write('HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno');
    };
    const bodyBytes = 32 << 20;
    const headers = { 'Content-Length': String(bodyBytes) };
    const answer = await send('POST', '/', { body: Buffer.alloc(bodyBytes), headers });
    assert.equal(answer.text, 'no');
    let receivedBytes = 0;
    request!.on('data', (chunk: Buffer) => {
      receivedBytes += chunk.length;
    });
    await new Promise((resolve) => request!.on('close', resolve));
    assert.ok(receivedBytes < bodyBytes, `${receivedBytes} bytes`);
  });

  test('above the limit is told to come back; stopping cuts those under way', async () => {
    const arrived = Promise.withResolvers<void>();
    listener = () => arrived.resolve();
    proxy = front(() => pod.port, 1);
    const first = send('GET', '/');
    await arrived.promise;
    assert.equal((await send('GET', '/')).status, 429);
    proxy.streams.stop();
    await first;
    assert.equal((await send('GET', '/')).status, 503);
  });
});

describeCases('WebSockets through the proxy', {
  'messages both ways, subprotocol, close code': async (start) => {
    await using pod = await podServing(() => {});
    const sockets = new WebSocketServer({ server: pod.server });
    sockets.on('connection', (socket, request) => {
      socket.send(`hello ${request.url} ${request.headers['x-mine']}`);
      socket.on('message', (data, binary) => socket.send(data, { binary }));
      socket.on('close', () => {});
    });
    const { handle, streams } = front(() => pod.port);
    await using server = await start(handle);
    const url = `wss://localhost:${server.port}${prefix}/chat?a=b`;
    const client = new WebSocket(url, ['one', 'two'], { rejectUnauthorized: false, headers: { 'X-Mine': 'yes' } });
    const messages: string[] = [];
    const large = Buffer.alloc(900_000, 'x');
    client.on('message', (data, binary) => {
      messages.push(binary ? `${(data as Buffer).length} bytes` : String(data));
      if (messages.length === 1) client.send(large);
      if (messages.length === 2) client.send('text');
      if (messages.length === 3) client.close(4000, 'done');
    });
    await once(client, 'close');
    assert.deepEqual([client.protocol, messages], ['one', ['hello /chat?a=b yes', '900000 bytes', 'text']]);
    for (const socket of sockets.clients) await once(socket, 'close');
    while (streams.size > 0) await new Promise((resolve) => setImmediate(resolve));
  },

  'a pod that never answers is let go with its client': async (start) => {
    await using pod = await podServing(() => {});
    const asked = Promise.withResolvers<Duplex>();
    pod.server.on('upgrade', (_request, socket) => asked.resolve(socket));
    const { handle, streams } = front(() => pod.port);
    await using server = await start(handle);
    const client = new WebSocket(`wss://localhost:${server.port}${prefix}/`, { rejectUnauthorized: false });
    client.on('error', () => {});
    const socket = await asked.promise;
    client.terminate();
    socket.resume();
    await once(socket, 'end');
    while (streams.size > 0) await new Promise((resolve) => setImmediate(resolve));
    socket.destroy();
  },

  'a refusal is handed on': async (start) => {
    await using pod = await podServing((_request, response) => response.end());
    pod.server.on('upgrade', (_request, socket) => {
      socket.end('HTTP/1.1 403 Forbidden\r\nX-Pod: 1\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno!');
    });
    const { handle } = front(() => pod.port);
    await using server = await start(handle);
    const client = new WebSocket(`wss://localhost:${server.port}${prefix}/`, { rejectUnauthorized: false });
    client.on('error', () => {});
    const [, answer] = (await once(client, 'unexpected-response')) as [unknown, IncomingMessage];
    assert.deepEqual([answer.statusCode, answer.headers['x-pod']], [403, '1']);
    assert.equal((await buffer(answer)).toString(), 'no!');
  },
});
