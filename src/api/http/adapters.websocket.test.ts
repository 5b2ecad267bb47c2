import assert from 'node:assert/strict';
import { WebSocket } from 'ws';
import { authority, describeCases, describeRequest, parse } from './adapter-cases.ts';

describeCases('WebSockets and upgrades', {
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
});

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
