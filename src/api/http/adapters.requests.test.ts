import assert from 'node:assert/strict';
import { ManualClock } from '../../kernel/clock.ts';
import {
  clientCert,
  connectTo,
  describeCases,
  describeRequest,
  foreign,
  parse,
  serverOptions,
} from './adapter-cases.ts';
import { createHttpServer } from './index.ts';
import { AbortedError, BodyTooLargeError } from './types.ts';

describeCases('requests', {
  'a client certificate is optional': async (start) => {
    await using server = await start(describeRequest);
    const without = await server.connect();
    assert.equal(parse((await without.get('/')).body)['certificate'], false);
    const withOne = await server.connect({ cert: clientCert.cert, key: clientCert.key });
    assert.equal(parse((await withOne.get('/')).body)['certificate'], true);
  },

  'a body of any size can be read as it comes; its sender waits': async (start) => {
    const begun = Promise.withResolvers<void>();
    await using server = await start(async (request, response) => {
      await begun.promise;
      let bytes = 0;
      for await (const chunk of request.chunks()) bytes += chunk.length;
      response.send(200, [], String(bytes));
    });
    const client = await server.connect();
    const totalBytes = 64 << 20; // the limit of a whole body is 1 MiB
    client.send(`POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: ${totalBytes}\r\n\r\n`);
    client.send(Buffer.alloc(totalBytes));
    for (let last = -1; client.socket.bytesWritten !== last; ) {
      last = client.socket.bytesWritten;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    assert.ok(client.socket.writableLength > totalBytes / 4, 'the sender was not stopped');
    begun.resolve();
    assert.equal((await client.answer()).body.toString(), String(totalBytes));
  },

  'a body read as it comes fails when its sender goes': async (start) => {
    const failure = Promise.withResolvers<unknown>();
    await using server = await start(async (request) => {
      try {
        for await (const _chunk of request.chunks());
        failure.resolve('none');
      } catch (error) {
        failure.resolve(error);
      }
    });
    const client = await server.connect();
    client.send('POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n');
    setTimeout(() => client.destroy(), 50);
    assert.ok((await failure.promise) instanceof AbortedError);
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
});
