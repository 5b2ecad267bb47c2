import assert from 'node:assert/strict';
import { WebSocket } from 'ws';
import { authority, describeCases, describeRequest, parse } from './adapter-cases.ts';
import type { WebSocketConnection } from './types.ts';

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

  'WebSocket: however many are opened, all stay open': async (start) => {
    await using server = await start(async (_request, response) => {
      await new Promise((resolve) => setImmediate(resolve));
      response.upgrade('v5.channel.k8s.io', {
        open: (socket) => socket.send('hello', false),
        message: (socket, data) => socket.send(data, true),
        close: () => {},
      });
    });
    for (let round = 0; round < 100; round++) {
      const socket = new WebSocket(`wss://localhost:${server.port}/${'x'.repeat(round)}`, ['v5.channel.k8s.io'], {
        ca: authority.ca,
        headers: { 'X-Round': 'y'.repeat(3 * round) },
      });
      const messages = messagesOf(socket);
      assert.equal((await messages.next()).toString(), 'hello');
      socket.send('still open');
      assert.equal((await messages.next()).toString(), 'still open');
      socket.terminate();
    }
  },

  'WebSocket: a paused client waits, and goes on when resumed': async (start) => {
    let received = 0;
    let connection: WebSocketConnection | undefined;
    await using server = await start((_request, response) =>
      response.upgrade('', {
        open: (socket) => {
          connection = socket;
          socket.pause();
        },
        message: (_socket, data) => {
          received += data.length;
        },
        close: () => {},
      }),
    );
    const socket = new WebSocket(`wss://localhost:${server.port}/`, { ca: authority.ca });
    await new Promise((resolve) => socket.once('open', resolve));
    const totalBytes = 64 << 20;
    const sent = sendAll(socket, totalBytes);
    await quiet(() => socket.bufferedAmount);
    assert.ok(received < totalBytes / 4, `${received} bytes came in spite of the pause`);
    connection!.send('still there?', false);
    connection!.resume();
    await sent;
    while (received < totalBytes) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(received, totalBytes);
    socket.terminate();
  },

  'WebSocket: answers to a client that was paused do not lose what it has sent': async (start) => {
    const closed = Promise.withResolvers<number>();
    let received = 0;
    await using server = await start((_request, response) =>
      response.upgrade('', {
        message: (socket, data) => {
          received += data.length;
          socket.send(String(received), false);
          socket.pause();
          setImmediate(() => socket.resume());
        },
        close: (code) => closed.resolve(code),
      }),
    );
    const socket = new WebSocket(`wss://localhost:${server.port}/`, { ca: authority.ca });
    await new Promise((resolve) => socket.once('open', resolve));
    const totalBytes = 64 << 20;
    const messages = messagesOf(socket);
    const sent = sendAll(socket, totalBytes);
    for (let answer = ''; answer !== String(totalBytes); ) answer = (await messages.next()).toString();
    await sent;
    socket.close(1000);
    assert.equal(await closed.promise, 1000);
  },

  'WebSocket: names of subprotocols may have a slash': async (start) => {
    await using server = await start((request, response) =>
      response.upgrade(request.header('sec-websocket-protocol') ?? '', { message: () => {}, close: () => {} }),
    );
    const client = await server.connect();
    client.send(
      `GET /portforward HTTP/1.1\r\nHost: x\r\n${webSocketHeaders}Sec-WebSocket-Protocol: SPDY/3.1+portforward.k8s.io\r\n\r\n`,
    );
    const answer = await client.head();
    assert.equal(answer.status, 101);
    assert.equal(answer.headers.get('sec-websocket-protocol'), 'SPDY/3.1+portforward.k8s.io');
    client.destroy();
  },

  'another protocol: node:https hands its socket over': async (start, adapter) => {
    await using server = await start((request, response) => {
      const socket = response.takeOver([['X-Stream-Protocol-Version', 'v4']]);
      if (!socket) response.send(400, [], `cannot switch to ${JSON.stringify(request.switchTo)}`);
      socket?.on('data', (chunk: Buffer) => socket.end(`you said ${chunk}`));
    });
    const client = await server.connect();
    client.send('POST /exec HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n');
    if (adapter === 'uws') {
      assert.equal((await client.answer()).body.toString(), 'cannot switch to ""');
      return;
    }
    const answer = await client.head();
    assert.deepEqual([answer.status, answer.headers.get('x-stream-protocol-version')], [101, 'v4']);
    client.send('hello');
    assert.equal((await client.rest()).toString(), 'you said hello');
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

  'WebSocket: a handshake of another version ends, too': async (start) => {
    const closed = Promise.withResolvers<number>();
    await using server = await start((_request, response) =>
      response.upgrade('', { message: () => {}, close: (code) => closed.resolve(code) }),
    );
    const client = await server.connect();
    client.send(`GET / HTTP/1.1\r\nHost: x\r\n${webSocketHeaders.replace('Version: 13', 'Version: 12')}\r\n`);
    await client.head();
    client.destroy();
    assert.equal(await closed.promise, 1006);
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

const webSocketHeaders =
  'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n';

function sendAll(socket: WebSocket, bytes: number): Promise<void> {
  const message = Buffer.alloc(1 << 18);
  const sent: Promise<void>[] = [];
  for (let at = 0; at < bytes; at += message.length) {
    sent.push(new Promise((resolve, reject) => socket.send(message, (error) => (error ? reject(error) : resolve()))));
  }
  return Promise.all(sent).then(() => {});
}

/** Until `value` has not changed for a while. */
async function quiet(value: () => number): Promise<void> {
  for (let last = -1, same = 0; same < 20; ) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    same = value() === last ? same + 1 : 0;
    last = value();
  }
}

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
          socket.once('close', () => reject(new Error('closed')));
        });
      }
      return waiting.shift()!;
    },
  };
}
