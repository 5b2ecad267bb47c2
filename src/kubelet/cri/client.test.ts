import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { constants } from 'node:http2';
import { test } from 'node:test';
import { ManualClock, silentLogger, systemClock } from '../../kernel/index.ts';
import { createCriClient } from './client.ts';
import { encodeMessage } from './codec.ts';
import { frame } from './frames.ts';
import { answer, begin, FakeGrpcServer, refuse } from './testing.ts';
import { CriError, grpcCode } from './types.ts';

const runtime = '/runtime.v1.RuntimeService/';
const version = encodeMessage('VersionResponse', { runtimeName: 'fake' });

async function fixture(clock = systemClock) {
  const server = new FakeGrpcServer();
  await server.listen();
  server.handlers.set(`${runtime}Version`, (stream) => answer(stream, version));
  const lost = Promise.withResolvers<void>();
  const cri = createCriClient({
    socketPath: server.socketPath,
    clock,
    log: silentLogger,
    lost: lost.resolve,
  });
  return {
    server,
    cri,
    clock,
    lost: lost.promise,
    [Symbol.asyncDispose]: async () => {
      cri.close();
      await server.kill();
      server[Symbol.dispose]();
    },
  };
}

const refusal = (code: number, message: string) => (error: unknown) => {
  assert.ok(error instanceof CriError);
  assert.deepEqual([error.code, error.message], [code, message]);
  return true;
};

test('a call is answered; many share one connection', async () => {
  await using given = await fixture();
  const answers = await Promise.all(Array.from({ length: 50 }, () => given.cri.call('Version', {})));
  assert.deepEqual(new Set(answers.map(({ runtimeName }) => runtimeName)), new Set(['fake']));
  assert.equal(given.server.sessionCount(), 1);
});

test('the request says what it is and how long it may take', async () => {
  await using given = await fixture();
  let seen: Record<string, unknown> = {};
  given.server.handlers.set(`${runtime}Version`, (stream, _, headers) => {
    seen = headers;
    answer(stream, version);
  });
  await given.cri.call('Version', {}, { timeoutMs: 1_500 });
  assert.equal(seen['content-type'], 'application/grpc');
  assert.equal(seen['te'], 'trailers');
  assert.equal(seen['grpc-timeout'], '1500m');
});

test('a message in pieces is put together again', async () => {
  await using given = await fixture();
  given.server.handlers.set(`${runtime}Version`, (stream) => {
    begin(stream);
    const pieces = [...frame(version)].map((byte) => Buffer.of(byte));
    const next = (): void => {
      const piece = pieces.shift();
      if (piece) stream.write(piece, () => setImmediate(next));
      else stream.end();
    };
    next();
  });
  assert.equal((await given.cri.call('Version', {})).runtimeName, 'fake');
});

test('the runtime’s own text is the error, in a trailers-only answer and behind a message', async () => {
  await using given = await fixture();
  given.server.handlers.set(`${runtime}ContainerStatus`, (stream) =>
    refuse(stream, 5, 'container "ä" not found: 100%\n'),
  );
  await assert.rejects(
    given.cri.call('ContainerStatus', { containerId: 'ä' }),
    refusal(grpcCode.notFound, 'container "ä" not found: 100%\n'),
  );
  given.server.handlers.set(`${runtime}StartContainer`, (stream) => {
    begin(stream, { 'grpc-status': '2', 'grpc-message': 'failed' });
    stream.end();
  });
  await assert.rejects(given.cri.call('StartContainer', {}), refusal(grpcCode.unknown, 'failed'));
});

test('a method that the runtime lacks is Unimplemented', async () => {
  await using given = await fixture();
  await assert.rejects(given.cri.call('RuntimeConfig', {}), { code: grpcCode.unimplemented });
});

test('a call that takes too long ends with grpc’s own text, and is cancelled at the server', async () => {
  const clock = new ManualClock();
  await using given = await fixture(clock);
  const arrived = Promise.withResolvers<void>();
  const cancelled = Promise.withResolvers<void>();
  given.server.handlers.set(`${runtime}StopContainer`, (stream) => {
    stream.on('close', () => cancelled.resolve());
    arrived.resolve();
  });
  const call = given.cri.call('StopContainer', {}, { timeoutMs: 1_000 });
  await arrived.promise;
  clock.advance(1_000);
  await assert.rejects(call, refusal(grpcCode.deadlineExceeded, 'context deadline exceeded'));
  await cancelled.promise;
});

test('an aborted call is Cancelled, before and after it was sent', async () => {
  await using given = await fixture();
  await assert.rejects(given.cri.call('Version', {}, { signal: AbortSignal.abort() }), { code: grpcCode.cancelled });
  const controller = new AbortController();
  given.server.handlers.set('/runtime.v1.ImageService/PullImage', () => controller.abort());
  await assert.rejects(given.cri.call('PullImage', {}, { signal: controller.signal }), { code: grpcCode.cancelled });
});

test('an answer above the bound is refused, and the connection goes on', async () => {
  await using given = await fixture();
  given.server.handlers.set(`${runtime}ExecSync`, (stream) => {
    begin(stream);
    stream.write(Buffer.from([0, 1, 0, 0, 1]));
  });
  await assert.rejects(
    given.cri.call('ExecSync', {}),
    refusal(8, 'grpc: received message larger than max (16777217 vs. 16777216)'),
  );
  assert.equal((await given.cri.call('Version', {})).runtimeName, 'fake');
});

test('a large answer arrives whole', async () => {
  await using given = await fixture();
  const stdout = Buffer.alloc(12 << 20, 'x');
  given.server.handlers.set(`${runtime}ExecSync`, (stream) =>
    answer(stream, encodeMessage('ExecSyncResponse', { stdout })),
  );
  assert.equal((await given.cri.call('ExecSync', {})).stdout.length, stdout.length);
});

test('an answer that is no message is Internal', async () => {
  await using given = await fixture();
  given.server.handlers.set(`${runtime}Version`, (stream) => answer(stream, Buffer.from('0aff', 'hex')));
  await assert.rejects(given.cri.call('Version', {}), { code: grpcCode.internal });
});

test('while the runtime is away calls fail at once with Unavailable; when it is back they go through', async () => {
  const clock = new ManualClock();
  await using given = await fixture(clock);
  await given.cri.call('Version', {});
  await given.server.kill();
  await given.lost;
  const text = `connection error: desc = "transport: Error while dialing: dial unix ${given.server.socketPath}: connect: no such file or directory"`;
  await assert.rejects(given.cri.call('Version', {}), refusal(grpcCode.unavailable, text));

  await given.server.listen();
  await assert.rejects(given.cri.call('Version', {}), refusal(grpcCode.unavailable, text), 'still backing off');
  clock.advance(1_000);
  assert.equal((await given.cri.call('Version', {})).runtimeName, 'fake');
});

test('a call that was under way when the runtime died is Unavailable', async () => {
  await using given = await fixture();
  const arrived = Promise.withResolvers<void>();
  given.server.handlers.set(`${runtime}StopContainer`, () => arrived.resolve());
  const call = given.cri.call('StopContainer', {});
  await arrived.promise;
  const failed = assert.rejects(call, refusal(grpcCode.unavailable, 'error reading from server: EOF'));
  await given.server.kill();
  await failed;
});

test('a server that says goodbye gets no more calls on that connection', async () => {
  await using given = await fixture();
  await given.cri.call('Version', {});
  given.server.goAway();
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal((await given.cri.call('Version', {})).runtimeName, 'fake');
});

test('a call that was refused unseen is sent again on a new connection, and the old one ends', async () => {
  await using given = await fixture();
  let calls = 0;
  given.server.handlers.set(`${runtime}Version`, (stream) =>
    calls++ === 0 ? stream.close(constants.NGHTTP2_REFUSED_STREAM) : answer(stream, version),
  );
  assert.equal((await given.cri.call('Version', {})).runtimeName, 'fake');
  assert.equal(calls, 2);
  await given.lost;
  assert.equal(given.server.sessionCount(), 1);
});

test('after close every call is refused', async () => {
  await using given = await fixture();
  given.cri.close();
  await assert.rejects(given.cri.call('Version', {}), { code: grpcCode.cancelled });
});
