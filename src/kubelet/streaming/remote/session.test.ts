import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FakeRuntime, FakeSocket } from '../testing.ts';
import type { ChannelProtocol } from './channels.ts';
import type { RemoteOptions } from './options.ts';
import { RemoteSession } from './session.ts';

const success = '{"metadata":{},"status":"Success"}';
const failure = '{"metadata":{},"status":"Failure","message":"command terminated with non-zero exit code: 5"}';

function start(protocol: ChannelProtocol, options: Partial<RemoteOptions> = {}, dial?: () => Promise<never>) {
  const runtime = new FakeRuntime();
  const socket = new FakeSocket();
  const state = { overs: 0, waitingBytes: 0 };
  const session = new RemoteSession({
    protocol,
    options: { container: 'a', command: [], stdin: false, stdout: true, stderr: true, tty: false, ...options },
    dial: dial ?? (() => Promise.resolve({ socket: runtime.client, head: Buffer.alloc(0), headers: {} })),
    touch: () => {},
    waits: (bytes) => {
      state.waitingBytes = bytes;
    },
    over: () => state.overs++,
  });
  session.open(socket);
  const say = (channel: number, text: string): void =>
    session.message(socket, Buffer.concat([Buffer.from([channel]), Buffer.from(text)]));
  return { runtime, socket, session, state, say };
}

/** As a runtime ends. */
function end(runtime: FakeRuntime, status: string): void {
  runtime.send('error', status, true);
  for (const name of ['stdout', 'stderr']) if (runtime.streams.includes(name)) runtime.send(name, '', true);
}

describe('a session of exec or attach', { timeout: 10_000 }, () => {
  test('begins with an empty message and ends with the status', async () => {
    const { runtime, socket, state } = start('v5.channel.k8s.io');
    assert.deepEqual([...socket.messages[0]!.data], [1]);
    await runtime.until(() => runtime.streams.length === 3);
    assert.deepEqual(runtime.streams, ['error', 'stdout', 'stderr']);
    runtime.send('stdout', 'out');
    runtime.send('stderr', 'err');
    end(runtime, failure);
    await socket.until(() => socket.closed !== undefined);
    assert.deepEqual([socket.channel(1), socket.channel(2), socket.channel(3)], ['out', 'err', failure]);
    assert.equal(socket.messages.at(-1)!.data[0], 3);
    assert.deepEqual([socket.closed, state.overs], [[1000, ''], 1]);
  });

  test('counts every waiting message, however small, and none that comes after the end', () => {
    const { say, session, state } = start('v5.channel.k8s.io', { stdin: true });
    for (let count = 0; count < 100; count++) say(0, '');
    assert.ok(state.waitingBytes >= 10_000, `${state.waitingBytes} bytes`);
    session.close();
    state.waitingBytes = 0;
    say(0, 'late');
    assert.equal(state.waitingBytes, 0);
  });

  test('hands on input that came before the runtime was there, and its end', async () => {
    const { runtime, say, session, socket } = start('v5.channel.k8s.io', { stdin: true });
    say(0, 'in');
    say(0, 'put');
    session.message(socket, Uint8Array.of(255, 0));
    await runtime.until(() => runtime.ended.has('stdin'));
    assert.equal(runtime.text('stdin'), 'input');
  });

  test('resizes a terminal; other channels are not for clients', async () => {
    const { runtime, say } = start('v4.channel.k8s.io', { stdin: true, stderr: false, tty: true });
    say(2, 'x');
    say(9, 'x');
    say(4, '{"Width":1,"Height":2}');
    await runtime.until(() => runtime.text('resize') !== '');
    assert.deepEqual(runtime.streams, ['error', 'stdin', 'stdout', 'resize']);
    assert.equal(runtime.text('resize'), '{"Width":1,"Height":2}');
  });

  test('before v4 only a failure is told, as text', async () => {
    const failed = start('channel.k8s.io');
    await failed.runtime.until(() => failed.runtime.streams.length === 3);
    end(failed.runtime, failure);
    await failed.socket.until(() => failed.socket.closed !== undefined);
    assert.equal(failed.socket.channel(3), 'command terminated with non-zero exit code: 5');

    const went = start('channel.k8s.io');
    await went.runtime.until(() => went.runtime.streams.length === 3);
    end(went.runtime, success);
    await went.socket.until(() => went.socket.closed !== undefined);
    assert.equal(went.socket.channel(3), '');
  });

  test('in base64, both ways', async () => {
    const { runtime, socket, session } = start('base64.channel.k8s.io', { stdin: true });
    session.message(socket, Buffer.from(`0${Buffer.from('in').toString('base64')}`));
    await runtime.until(() => runtime.text('stdin') === 'in');
    runtime.send('stdout', 'out');
    await socket.until(() => socket.messages.length === 2);
    assert.deepEqual(
      socket.messages.map(({ data, binary }) => [data.toString(), binary]),
      [
        ['1', false],
        [`1${Buffer.from('out').toString('base64')}`, false],
      ],
    );
  });

  test('any amount of input goes through a runtime that reads it', async () => {
    for (const protocol of ['v5.channel.k8s.io', 'v4.base64.channel.k8s.io'] as const) {
      const { runtime, socket, session } = start(protocol, { stdin: true });
      const piece = Buffer.alloc(1 << 20, 'x');
      const message = protocol.includes('base64') ? Buffer.from(`0${piece.toString('base64')}`) : piece.fill(0, 0, 1);
      await runtime.until(() => runtime.streams.length === 4);
      for (let i = 0; i < 40; i++) {
        session.message(socket, message);
        await socket.until(() => !socket.paused);
      }
      assert.equal(socket.closed, undefined);
      session.close();
    }
  });

  test('a runtime that cannot be reached is an internal error', async () => {
    const refused = () => Promise.reject(new Error('unable to upgrade connection: gone'));
    const { socket } = start('v5.channel.k8s.io', {}, refused);
    await socket.until(() => socket.closed !== undefined);
    const status = JSON.parse(socket.channel(3)) as { message: string; code: number };
    assert.equal(status.message, 'Internal error occurred: unable to upgrade connection: gone');
    assert.equal(status.code, 500);
  });

  test('a runtime that goes in the middle is an internal error', async () => {
    const { runtime, socket } = start('v5.channel.k8s.io');
    await runtime.until(() => runtime.streams.length === 3);
    runtime.destroy();
    await socket.until(() => socket.closed !== undefined);
    assert.match(socket.channel(3), /the container runtime closed the stream/);
  });

  test('a client that goes ends the runtime’s streams', async () => {
    const { runtime, session, state } = start('v5.channel.k8s.io');
    await runtime.until(() => runtime.streams.length === 3);
    session.close();
    await runtime.until(() => runtime.closed || runtime.client.destroyed);
    assert.equal(state.overs, 1);
  });

  test('a client that does not read stops the runtime', async () => {
    const { runtime, socket, session } = start('v5.channel.k8s.io');
    await runtime.until(() => runtime.streams.length === 3);
    socket.full = true;
    for (let i = 0; i < 64; i++) runtime.send('stdout', Buffer.alloc(32 << 10));
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.ok(socket.channel(1).length < 256 << 10, `${socket.channel(1).length}`);
    socket.full = false;
    session.drain();
    await socket.until(() => socket.channel(1).length === 2 << 20);
  });

  test('a runtime that does not read stops the client, and tells how much waits', async () => {
    const { runtime, socket, say, state } = start('v5.channel.k8s.io', { stdin: true });
    await runtime.until(() => runtime.streams.length === 4);
    runtime.pause();
    const piece = 'x'.repeat(1 << 20);
    say(0, piece);
    say(0, piece);
    assert.equal(socket.paused, true);
    runtime.resume();
    await runtime.until(() => runtime.text('stdin').length === 2 << 20);
    await socket.until(() => !socket.paused);
    assert.equal(state.waitingBytes, 0);
    runtime.pause();
    for (let i = 0; i < 20; i++) say(0, piece);
    assert.ok(state.waitingBytes > 16 << 20, `${state.waitingBytes}`);
  });

  test('cut from outside, both ends are told', async () => {
    const { runtime, socket, session, state } = start('v5.channel.k8s.io');
    await runtime.until(() => runtime.streams.length === 3);
    session.cut();
    assert.deepEqual([socket.closed, state.overs], [[1001, ''], 1]);
    assert.equal(runtime.client.destroyed, true);
  });
});
