// One table of cases, run against both adapters: whoever serves, the API behaves alike.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { WebSocket } from 'ws';
import { ManualClock } from '../../kernel/clock.ts';
import { createHttpServer } from './index.ts';
import { TestAuthority, type TestCertificate, type TestServer, silentLog, startServer } from './test-support.ts';
import { AbortedError, BodyTooLargeError, type HttpHandler, type HttpResponse, PortInUseError } from './types.ts';
import { loadUws } from './uws-addon.ts';

let authority: TestAuthority;
let foreign: TestAuthority;
let serverCert: TestCertificate;
let clientCert: TestCertificate;

before(async () => {
  [authority, foreign] = await Promise.all([TestAuthority.create('ca'), TestAuthority.create('foreign')]);
  serverCert = await authority.issue('CN=one', ['localhost', '127.0.0.1']);
  clientCert = await authority.issue('O=system:masters, CN=admin');
});

const tlsFiles = () => ({
  certFile: serverCert.certFile,
  keyFile: serverCert.keyFile,
  clientCaFile: authority.caFile,
});

type Start = (handler: HttpHandler, options?: Parameters<typeof startServer>[3]) => Promise<TestServer>;
type Case = (start: Start, adapter: 'uws' | 'node') => Promise<void>;

const describeRequest: HttpHandler = (request, response) => {
  const { method, path, query, isUpgrade } = request;
  const certificate = request.clientCertificatePem?.startsWith('-----BEGIN CERTIFICATE-----') ?? false;
  response.send(
    200,
    [['Content-Type', 'application/json']],
    JSON.stringify({ method, path, query, isUpgrade, certificate }),
  );
};

const parse = (body: Buffer) => JSON.parse(body.toString()) as Record<string, unknown>;

const cases: Record<string, Case> = {
  'a client certificate is optional': async (start) => {
    await using server = await start(describeRequest);
    const without = await server.connect();
    assert.equal(parse((await without.get('/')).body)['certificate'], false);
    const withOne = await server.connect({ cert: clientCert.cert, key: clientCert.key });
    assert.equal(parse((await withOne.get('/')).body)['certificate'], true);
  },

  'a certificate of a foreign CA is refused': async (start) => {
    let requests = 0;
    await using server = await start((_request, response) => {
      requests++;
      response.send(200, [], '');
    });
    const { cert, key } = await foreign.issue('O=system:masters, CN=admin');
    await assert.rejects(async () => (await server.connect({ cert, key })).get('/'));
    assert.equal(requests, 0);
  },

  'a resumed TLS session keeps its client certificate': async (start) => {
    await using server = await start(describeRequest);
    const options = { cert: clientCert.cert, key: clientCert.key, maxVersion: 'TLSv1.2' as const };
    const first = await server.connect(options);
    await first.get('/');
    const session = first.socket.getSession();
    assert.ok(session);
    const second = await server.connect({ ...options, session });
    assert.equal(second.socket.isSessionReused(), true);
    assert.equal(parse((await second.get('/')).body)['certificate'], true);
  },

  'paths and queries come as sent': async (start) => {
    await using server = await start(describeRequest);
    const client = await server.connect();
    const { path, query } = parse((await client.get('/a%2Fb/%C3%A9?x=1%202&y')).body);
    assert.deepEqual({ path, query }, { path: '/a%2Fb/%C3%A9', query: 'x=1%202&y' });
    assert.equal(parse((await client.get('/a?')).body)['query'], '');
    assert.equal(parse((await client.get('/a')).body)['query'], '');
  },

  'headers: first value, lower-case names, UTF-8, none before and after an await': async (start) => {
    await using server = await start(async (request, response) => {
      const early = [request.header('x-twice'), request.header('x-none'), request.header('x-name')];
      await Promise.resolve();
      const late = [request.header('x-twice'), request.header('x-none'), request.header('x-name')];
      const names = [...request.headers()].map(([name]) => name);
      response.send(200, [['X-Echo', 'grüß\r\nX-Evil: 1']], JSON.stringify({ early, late, names }));
    });
    const client = await server.connect();
    client.send(Buffer.from('GET / HTTP/1.1\r\nHost: h\r\nX-Twice: 1\r\nX-Twice: 2\r\nX-Name: grüße\r\n\r\n'));
    const answer = await client.answer();
    assert.equal(answer.headers.get('x-evil'), undefined);
    assert.equal(Buffer.from(answer.headers.get('x-echo') ?? '', 'latin1').toString(), 'grüß  X-Evil: 1');
    assert.deepEqual(parse(answer.body), {
      early: ['1', null, 'grüße'],
      late: ['1', null, 'grüße'],
      names: ['host', 'x-twice', 'x-twice', 'x-name'],
    });
  },

  'a header block may be as long as the limit': async (start) => {
    await using server = await start((request, response) =>
      response.send(200, [], String(request.header('x-long')?.length)),
    );
    const client = await server.connect();
    assert.equal((await client.get('/', { 'X-Long': 'a'.repeat(60_000) })).body.toString(), '60000');
    const other = await server.connect();
    const refused = await other.get('/', { 'X-Long': 'a'.repeat(70_000) }).catch(() => undefined);
    assert.equal(refused?.status ?? 431, 431); // node:https cuts the connection, the answer may not get through
  },

  'a connection serves many requests, pipelined ones too': async (start) => {
    await using server = await start((request, response) => response.send(200, [], request.path));
    const client = await server.connect();
    for (const path of ['/1', '/2', '/3']) assert.equal((await client.get(path)).body.toString(), path);
    client.send(['/4', '/5', '/6'].map((path) => `GET ${path} HTTP/1.1\r\nHost: h\r\n\r\n`).join(''));
    for (const path of ['/4', '/5', '/6']) assert.equal((await client.answer()).body.toString(), path);
  },

  'HEAD: the length of the body, no body': async (start) => {
    await using server = await start((request, response) => {
      if (request.path === '/stream') {
        response.begin(200, []);
        response.end();
      } else response.send(200, request.path === '/stated' ? [['Content-Length', '42']] : [], 'hello');
    });
    const client = await server.connect();
    assert.equal((await client.get('/', {}, 'HEAD')).headers.get('content-length'), '5');
    assert.equal((await client.get('/stated', {}, 'HEAD')).headers.get('content-length'), '42');
    const stream = await client.get('/stream', {}, 'HEAD');
    assert.equal(stream.status, 200);
    assert.ok(['0', undefined].includes(stream.headers.get('content-length')));
    assert.equal((await client.get('/')).body.toString(), 'hello');
  },

  '204 and 304 have no body': async (start) => {
    await using server = await start((request, response) => response.send(Number(request.path.slice(1)), [], ''));
    const client = await server.connect();
    for (const status of [204, 304, 200]) {
      const answer = await client.get(`/${status}`);
      assert.equal(answer.status, status);
      if (status !== 200) assert.ok(['0', undefined].includes(answer.headers.get('content-length')));
    }
  },

  'bodies: content-length and chunked, in pieces, asked for early or late': async (start) => {
    await using server = await start(async (request, response) => {
      if (request.path === '/late') await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
      const body = await request.body();
      response.send(200, [], `${body.length}:${body[0] ?? ''}:${body.at(-1) ?? ''}`);
    });
    const client = await server.connect();
    const large = Buffer.alloc(1 << 20, 'x');
    for (const path of ['/early', '/late']) {
      client.send(`POST ${path} HTTP/1.1\r\nHost: h\r\nContent-Length: ${large.length}\r\n\r\n`);
      client.send(large.subarray(0, 1000));
      client.send(large.subarray(1000));
      assert.equal((await client.answer()).body.toString(), '1048576:120:120');
      client.send(`POST ${path} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`);
      client.send('80000\r\n');
      client.send(large.subarray(0, 0x80000));
      client.send('\r\n0\r\n\r\n');
      assert.equal((await client.answer()).body.toString(), `${0x80003}:97:120`);
      client.send(`POST ${path} HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n`);
      assert.equal((await client.answer()).body.toString(), '0::');
    }
    assert.equal((await client.get('/early')).body.toString(), '0::');
  },

  'a body over the limit is refused, stated or not': async (start) => {
    await using server = await start((request, response) => {
      request.body().then(
        () => response.send(200, [], ''),
        (error) => response.send(error instanceof BodyTooLargeError ? 413 : 500, [], ''),
      );
    });
    const stated = await server.connect();
    stated.send(`POST / HTTP/1.1\r\nHost: h\r\nContent-Length: ${2 << 20}\r\n\r\n`);
    assert.equal((await stated.answer()).status, 413);
    const chunked = await server.connect();
    chunked.send('POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n200000\r\n');
    chunked.send(Buffer.alloc((1 << 20) + 1));
    assert.equal((await chunked.answer()).status, 413);
    await Promise.all([stated.closed, chunked.closed]);
  },

  'a client that leaves in the middle of its body rejects it': async (start) => {
    const outcome = Promise.withResolvers<unknown>();
    await using server = await start((request) => {
      request.body().then(outcome.resolve, outcome.resolve);
    });
    const client = await server.connect();
    client.send('POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nabc');
    await new Promise((resolve) => setImmediate(resolve));
    client.destroy();
    assert.ok((await outcome.promise) instanceof AbortedError);
  },

  'an answer in chunks': async (start) => {
    await using server = await start(async (_request, response) => {
      response.begin(200, [['Content-Type', 'text/plain']]);
      response.write('one');
      await Promise.resolve();
      response.write(Buffer.from('two'));
      response.end();
      assert.equal(response.closed, true);
    });
    const client = await server.connect();
    for (let i = 0; i < 2; i++) {
      const answer = await client.get('/');
      assert.deepEqual([answer.status, answer.body.toString()], [200, 'onetwo']);
    }
  },

  'a stream begins before anything is written': async (start) => {
    const streams: HttpResponse[] = [];
    await using server = await start((request, response) => {
      streams.push(response);
      const type = request.path === '/json' ? 'application/json' : 'application/vnd.kubernetes.protobuf;stream=watch';
      response.begin(200, [['Content-Type', type]]);
    });
    const client = await server.connect();
    for (const path of ['/json', '/protobuf', '/json', '/protobuf']) {
      client.send(`GET ${path} HTTP/1.1\r\nHost: h\r\n\r\n`);
      assert.equal((await client.head()).status, 200);
      const stream = streams.at(-1)!;
      stream.write('{"a":1}');
      stream.write('{"b":2}');
      stream.end();
      const chunks: string[] = [];
      for (let chunk = await client.chunk(); chunk.length > 0; chunk = await client.chunk())
        chunks.push(chunk.toString());
      const text = chunks.join('');
      assert.equal(path === '/json' ? text.trim() : text, '{"a":1}{"b":2}');
    }
  },

  'a slow reader stops the writer until it drains': async (start) => {
    for (const silent of [false, true]) {
      const stopped = Promise.withResolvers<number>();
      const total = 24 << 20;
      const chunk = Buffer.alloc(1 << 16, 'x');
      let drains = 0;
      await using server = await start((_request, response) => {
        let written = 0;
        const pump = (): void => {
          while (written < total) {
            written += chunk.length;
            if (!response.write(chunk)) {
              stopped.resolve(written);
              return;
            }
          }
          response.end();
        };
        response.onDrain(() => {
          drains++;
          pump();
        });
        response.begin(200, [['Content-Type', 'text/plain']]);
        if (silent) setImmediate(() => setImmediate(pump));
        else pump();
      });
      const client = await server.connect();
      client.send('GET / HTTP/1.1\r\nHost: h\r\n\r\n');
      client.socket.pause();
      assert.ok((await stopped.promise) < total);
      client.socket.resume();
      assert.equal((await client.answer()).body.length, total);
      assert.ok(drains > 0);
      client.destroy();
    }
  },

  'a writer that does not stop is cut off': async (start) => {
    const closed = Promise.withResolvers<void>();
    let written = 0;
    await using server = await start(
      (_request, response) => {
        response.onClosed(closed.resolve);
        response.begin(200, []);
        while (!response.closed && written < 100 << 20) {
          response.write(Buffer.alloc(1 << 16));
          written += 1 << 16;
        }
      },
      { writeBufferLimitBytes: 1 << 16 },
    );
    const client = await server.connect();
    client.socket.pause();
    client.send('GET / HTTP/1.1\r\nHost: h\r\n\r\n');
    await closed.promise;
    assert.ok(written < 100 << 20);
    client.destroy();
  },

  'a client that leaves closes its answer; abort cuts the client': async (start) => {
    const left = Promise.withResolvers<void>();
    await using server = await start((request, response) => {
      response.begin(200, []);
      response.write('x');
      if (request.path === '/abort') setImmediate(() => response.abort());
      else
        response.onClosed(() => {
          assert.equal(response.closed, true);
          assert.equal(response.write('y'), false);
          response.end();
          left.resolve();
        });
    });
    const leaver = await server.connect();
    leaver.send('GET / HTTP/1.1\r\nHost: h\r\n\r\n');
    await leaver.head();
    leaver.destroy();
    await left.promise;
    const victim = await server.connect();
    victim.send('GET /abort HTTP/1.1\r\nHost: h\r\n\r\n');
    await victim.closed;
  },

  'a handler that throws cuts the connection, and only that': async (start) => {
    await using server = await start((request, response) => {
      if (request.path === '/bad') throw new Error('a bug');
      response.send(200, [], 'ok');
    });
    const client = await server.connect();
    await assert.rejects(client.get('/bad'));
    assert.equal((await (await server.connect()).get('/')).body.toString(), 'ok');
  },

  'WebSocket: subprotocol, text and large binary messages, close': async (start, adapter) => {
    const closed = Promise.withResolvers<[number, string]>();
    await using server = await start(async (request, response) => {
      assert.equal(request.isUpgrade, true);
      await new Promise((resolve) => setImmediate(resolve)); // as authorization does
      response.upgrade('v5.channel.k8s.io', {
        open: (socket) => socket.send('hello', false),
        message: (socket, data, binary) => socket.send(data, binary),
        close: (code, reason) => closed.resolve([code, reason]),
      });
      assert.equal(response.closed, true);
    });
    const socket = new WebSocket(`wss://localhost:${server.port}/exec`, ['v4.channel.k8s.io', 'v5.channel.k8s.io'], {
      ca: authority.ca,
    });
    const messages = messagesOf(socket);
    assert.equal((await messages.next()).toString(), 'hello');
    assert.equal(socket.protocol, 'v5.channel.k8s.io');
    assert.equal(socket.extensions, '');
    const large = Buffer.alloc(1 << 20, adapter);
    socket.send(large);
    assert.deepEqual(await messages.next(), large);
    socket.close(1000, 'done');
    assert.deepEqual(await closed.promise, [1000, 'done']);
  },

  'WebSocket: a slow reader stops the sender until it drains': async (start) => {
    const drained = Promise.withResolvers<void>();
    const stopped = Promise.withResolvers<void>();
    await using server = await start((_request, response) =>
      response.upgrade('', {
        open: (socket) => {
          while (socket.send(Buffer.alloc(1 << 16), true));
          stopped.resolve();
        },
        message: () => {},
        drain: () => drained.resolve(),
        close: () => {},
      }),
    );
    const socket = new WebSocket(`wss://localhost:${server.port}/`, { ca: authority.ca });
    socket.on('error', () => {});
    socket.once('upgrade', () => socket.pause());
    await stopped.promise;
    socket.resume();
    await drained.promise;
    socket.terminate();
  },

  'WebSocket: a handler that throws closes it with 1011': async (start) => {
    await using server = await start((_request, response) =>
      response.upgrade('', {
        message: () => {
          throw new Error('a bug');
        },
        close: () => {},
      }),
    );
    const socket = new WebSocket(`wss://localhost:${server.port}/`, { ca: authority.ca });
    socket.on('open', () => socket.send('x'));
    const code = await new Promise((resolve) => socket.on('close', resolve));
    assert.equal(code, 1011);
  },

  'an upgrade may be answered without one': async (start) => {
    await using server = await start(async (_request, response) => {
      await Promise.resolve();
      response.send(403, [['Content-Type', 'application/json']], '{"kind":"Status"}');
    });
    const client = await server.connect();
    const answer = await client.get('/exec', {
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
      'Sec-WebSocket-Version': '13',
    });
    assert.deepEqual([answer.status, answer.body.toString()], [403, '{"kind":"Status"}']);
  },

  'an upgrade to another protocol is an ordinary request': async (start) => {
    await using server = await start(describeRequest);
    const client = await server.connect();
    const answer = await client.get(
      '/exec',
      { Connection: 'Upgrade', Upgrade: 'SPDY/3.1', 'Content-Length': '0' },
      'POST',
    );
    assert.equal(parse(answer.body)['isUpgrade'], false);
  },

  'a busy port is an error': async (start, adapter) => {
    await using server = await start(describeRequest);
    await assert.rejects(
      start(describeRequest, { port: server.port }),
      (error) => error instanceof PortInUseError && /address already in use/.test(error.message),
    );
    const other = adapter === 'uws' ? 'node' : 'uws';
    await assert.rejects(startServer(other, tlsFiles(), describeRequest, { port: server.port }), PortInUseError);
  },

  'a reloaded certificate serves new connections; old ones go on': async (start) => {
    await using server = await start(describeRequest);
    const old = await server.connect();
    assert.equal(old.socket.getPeerCertificate().subject.CN, 'one');
    const next = await authority.issue('CN=two', ['localhost']);
    await server.server.reloadCertificate(next.certFile, next.keyFile);
    const fresh = await server.connect();
    assert.equal(fresh.socket.getPeerCertificate().subject.CN, 'two');
    assert.equal((await fresh.get('/')).status, 200);
    assert.equal((await old.get('/')).status, 200);
    await assert.rejects(server.server.reloadCertificate('/nonexistent.crt', '/nonexistent.key'));
    assert.equal((await (await server.connect()).get('/')).status, 200);
  },

  'a server name chooses its certificate': async (start) => {
    const named = await foreign.issue('CN=named', ['named.test', '*.apps.test']);
    await using server = await start(describeRequest, {
      serverNames: [{ names: ['named.test', '*.apps.test'], certFile: named.certFile, keyFile: named.keyFile }],
    });
    const identity = { cert: clientCert.cert, key: clientCert.key };
    for (const [servername, expected] of [
      ['named.test', 'named'],
      ['a.apps.test', 'named'],
      ['other.test', 'one'],
      ['', 'one'],
    ]) {
      const client = await server.connect({ servername: servername!, ...identity });
      assert.equal(client.socket.getPeerCertificate().subject.CN, expected);
      assert.equal(parse((await client.get('/')).body)['certificate'], true);
    }
    const { cert, key } = await foreign.issue('CN=admin');
    await assert.rejects(async () => (await server.connect({ servername: 'named.test', cert, key })).get('/'));
  },

  'a graceful close lets running requests end and refuses new ones': async (start) => {
    const arrived = Promise.withResolvers<HttpResponse>();
    const server = await start((_request, response) => arrived.resolve(response));
    const idle = await server.connect();
    const busy = await server.connect();
    const answer = busy.get('/');
    const response = await arrived.promise;
    const closed = server.server.close(60_000);
    await assert.rejects(server.connect());
    response.send(200, [], 'last words');
    assert.equal((await answer).body.toString(), 'last words');
    await Promise.all([closed, idle.closed, busy.closed]);
  },

  'a graceful close lets a stream end well': async (start) => {
    for (const type of ['text/plain', 'application/json']) {
      for (const silent of [false, true]) {
        const begun = Promise.withResolvers<HttpResponse>();
        const server = await start((_request, response) => {
          response.begin(200, [['Content-Type', type]]);
          if (!silent) response.write('a');
          begun.resolve(response);
        });
        const client = await server.connect();
        client.send('GET / HTTP/1.1\r\nHost: h\r\n\r\n');
        const { headers } = await client.head();
        assert.equal(headers.get('transfer-encoding'), 'chunked');
        const closed = server.server.close(60_000);
        const response = await begun.promise;
        response.write('b');
        response.end();
        const chunks: string[] = [];
        for (let chunk = await client.chunk(); chunk.length > 0; chunk = await client.chunk())
          chunks.push(String(chunk));
        assert.equal(chunks.join('').trim(), silent ? 'b' : 'ab');
        await Promise.all([closed, client.closed]);
      }
    }
  },

  'a client that asks for it gets its connection closed': async (start) => {
    await using server = await start((request, response) => {
      if (request.path === '/send') return response.send(200, [], 'x');
      response.begin(200, []);
      response.write('x');
      response.end();
    });
    for (const path of ['/send', '/stream']) {
      const client = await server.connect();
      assert.equal((await client.get(path, { Connection: 'close' })).body.toString(), 'x');
      await client.closed;
    }
  },

  'a graceful close cuts what does not end in time': async (_start, adapter) => {
    const clock = new ManualClock();
    const arrived = Promise.withResolvers<void>();
    const server = await createHttpServer({
      ...serverOptions(adapter),
      clock,
      handler: (_request, response) => {
        response.begin(200, []);
        arrived.resolve();
      },
    });
    const { port } = await server.listen();
    const socket = await connectTo(port);
    socket.send('GET / HTTP/1.1\r\nHost: h\r\n\r\n');
    await arrived.promise;
    const closed = server.close(1000);
    clock.advance(1000);
    await Promise.all([closed, socket.closed]);
  },

  'a body that does not come in time cuts the connection': async (_start, adapter) => {
    const clock = new ManualClock();
    const asked = Promise.withResolvers<void>();
    const failed = Promise.withResolvers<unknown>();
    const server = await createHttpServer({
      ...serverOptions(adapter),
      clock,
      handler: (request) => {
        request.body().catch(failed.resolve);
        asked.resolve();
      },
    });
    const { port } = await server.listen();
    const client = await connectTo(port);
    client.send('POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc');
    await asked.promise;
    clock.advance(120_000);
    assert.ok((await failed.promise) instanceof AbortedError);
    await client.closed;
    await server.close(0);
  },

  'connections over the limit are closed': async (start) => {
    await using server = await start(describeRequest, { connectionLimit: 2 });
    const clients = [await server.connect(), await server.connect()];
    await Promise.all(clients.map((client) => client.get('/')));
    await assert.rejects(async () => (await server.connect()).get('/'));
    clients[0]!.destroy();
    assert.equal((await clients[1]!.get('/')).status, 200);
  },
};

const serverOptions = (adapter: 'uws' | 'node') => ({
  host: '127.0.0.1',
  port: 0,
  ...tlsFiles(),
  bodyLimitBytes: 1 << 20,
  headerLimitBytes: 1 << 16,
  writeBufferLimitBytes: 1 << 18,
  idleTimeoutMs: 120_000,
  adapter,
  log: silentLog,
});

const { RawClient } = await import('./test-support.ts');
const connectTo = (port: number) => RawClient.connect({ port, rejectUnauthorized: false });

function messagesOf(socket: WebSocket): { next(): Promise<Buffer> } {
  const waiting: Buffer[] = [];
  let wake: (() => void) | undefined;
  socket.on('message', (data: Buffer) => {
    waiting.push(data);
    wake?.();
  });
  return {
    async next() {
      while (waiting.length === 0) {
        await new Promise<void>((resolve, reject) => {
          wake = resolve;
          socket.once('error', reject);
        });
      }
      return waiting.shift()!;
    },
  };
}

const addonLoads = (): boolean => {
  try {
    loadUws(1 << 16);
    return true;
  } catch {
    return false;
  }
};

for (const adapter of ['uws', 'node'] as const) {
  describe(`http on ${adapter}`, { skip: adapter === 'uws' && !addonLoads() }, () => {
    const start: Start = (handler, options) => startServer(adapter, tlsFiles(), handler, options);
    for (const [name, run] of Object.entries(cases)) test(name, { timeout: 20_000 }, () => run(start, adapter));
  });
}
