import assert from 'node:assert/strict';
import { describeCases } from './adapter-cases.ts';
import type { HttpResponse } from './types.ts';

describeCases('answers', {
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
});
