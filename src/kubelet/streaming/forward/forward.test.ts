import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Duplex, duplexPair } from 'node:stream';
import { describe, test } from 'node:test';
import { FakeRuntime, FakeSocket } from '../testing.ts';
import { ChannelForward } from './channels.ts';
import { portsOf } from './handler.ts';
import { joinSockets, TunnelSession } from './pipe.ts';

describe('port-forward by channels', { timeout: 10_000 }, () => {
  const start = (ports: readonly number[]) => {
    const runtime = new FakeRuntime();
    const socket = new FakeSocket();
    const state = { overs: 0 };
    const session = new ChannelForward({
      protocol: 'v4.channel.k8s.io',
      ports,
      socket: runtime.client,
      head: Buffer.alloc(0),
      touch: () => {},
      waits: () => {},
      over: () => state.overs++,
    });
    session.open(socket);
    return { runtime, socket, session, state };
  };

  test('each channel begins with its port; data goes both ways', async () => {
    const { runtime, socket, session } = start([80, 8443]);
    await runtime.until(() => runtime.streams.length === 4);
    assert.deepEqual(
      socket.messages.map(({ data }) => [...data]),
      [
        [0, 80, 0],
        [1, 80, 0],
        [2, 0xfb, 0x20],
        [3, 0xfb, 0x20],
      ],
    );
    assert.deepEqual(runtime.streams, ['error0', 'data0', 'error1', 'data1']);
    session.message(socket, Buffer.from('\x02hello'));
    session.message(socket, Buffer.from('\x01not for clients'));
    await runtime.until(() => runtime.text('data1') === 'hello');
    runtime.send('data0', 'out');
    runtime.send('error1', 'refused');
    await socket.until(() => socket.messages.length === 6);
    assert.deepEqual(
      socket.messages.slice(4).map(({ data }) => data.toString()),
      ['\0out', '\x03refused'],
    );
  });

  test('ends when all streams have', async () => {
    const { runtime, socket, state } = start([80]);
    await runtime.until(() => runtime.streams.length === 2);
    runtime.send('error0', '', true);
    runtime.send('data0', 'bye', true);
    await socket.until(() => socket.closed !== undefined);
    assert.deepEqual([socket.closed, state.overs], [[1000, ''], 1]);
  });

  test('ends the runtime’s streams when the client goes', async () => {
    const { runtime, session, state } = start([80]);
    session.close();
    await runtime.until(() => runtime.client.destroyed);
    assert.equal(state.overs, 1);
  });
});

describe('ports that are asked for', () => {
  for (const [query, expected] of [
    ['ports=80&ports=81,82', [80, 81, 82]],
    ['', 'query parameter "port" is required'],
    ['ports=', 'query parameter "port" cannot be empty'],
    ['ports=x', 'unable to parse "x" as a port: strconv.ParseUint: parsing "x": invalid syntax'],
    ['ports=70000', 'unable to parse "70000" as a port: strconv.ParseUint: parsing "70000": value out of range'],
    ['ports=0', 'port "0" must be > 0'],
  ] as const) {
    test(query || 'none', () => assert.deepEqual(portsOf(new URLSearchParams(query)), expected));
  }
});

const read = (socket: Duplex): Promise<string> =>
  new Promise((resolve) => socket.once('data', (chunk: Buffer) => resolve(chunk.toString())));

describe('a tunnel', { timeout: 10_000 }, () => {
  const start = () => {
    const [near, far] = duplexPair();
    const socket = new FakeSocket();
    const state = { overs: 0 };
    const session = new TunnelSession(near, { touch: () => {}, waits: () => {}, over: () => state.overs++ });
    session.open(socket);
    return { far, near, socket, session, state };
  };

  test('carries bytes both ways', async () => {
    const { far, socket, session } = start();
    session.message(socket, Buffer.from('up'));
    assert.equal(await read(far), 'up');
    far.write('down');
    await socket.until(() => socket.messages.length === 1);
    assert.deepEqual(socket.messages[0], { data: Buffer.from('down'), binary: true });
  });

  test('ends with either end', async () => {
    const one = start();
    one.far.end();
    await one.socket.until(() => one.socket.closed !== undefined);
    assert.deepEqual([one.socket.closed, one.state.overs], [[1000, ''], 1]);
    const other = start();
    other.session.close();
    assert.deepEqual([other.near.destroyed, other.state.overs], [true, 1]);
  });

  test('stops who is too fast', async () => {
    const { far, socket, session } = start();
    session.message(socket, Buffer.alloc(1 << 20));
    assert.equal(socket.paused, true);
    far.resume();
    await socket.until(() => !socket.paused);
    socket.full = true;
    far.write(Buffer.alloc(1 << 20));
    await socket.until(() => socket.messages.length > 0);
    far.write(Buffer.alloc(1 << 20));
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(socket.messages.length, 1);
    session.drain();
    await socket.until(() => socket.messages.length === 2);
  });
});

test('what one of two joined sockets said last reaches a slow reader', async () => {
  const [runtime, far] = duplexPair();
  const written: string[] = [];
  let goOn = (): void => {};
  const near = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      written.push(chunk.toString());
      goOn = done;
    },
  });
  const over = Promise.withResolvers<void>();
  joinSockets(near, far, () => {}, over.resolve);
  far.on('end', () => far.end()); // as a socket does
  runtime.write('one');
  runtime.end('two');
  runtime.resume();
  await once(far, 'close');
  assert.deepEqual(written, ['one']);
  goOn();
  await new Promise((resolve) => setImmediate(resolve));
  goOn();
  await over.promise;
  assert.deepEqual(written, ['one', 'two']);
});

test('sockets that are joined end together', async () => {
  const [client, near] = duplexPair();
  const [runtime, far] = duplexPair();
  let overs = 0;
  const over = Promise.withResolvers<void>();
  joinSockets(
    near,
    far,
    () => {},
    () => {
      overs++;
      over.resolve();
    },
  );
  client.write('up');
  assert.equal(await read(runtime), 'up');
  runtime.write('down');
  assert.equal(await read(client), 'down');
  near.destroy();
  await over.promise;
  assert.deepEqual([far.destroyed, overs], [true, 1]);
});
