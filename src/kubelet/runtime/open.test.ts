import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { dataPaths } from '../../config/index.ts';
import { silentLogger, systemClock } from '../../kernel/index.ts';
import { encodeMessage } from '../cri/codec.ts';
import { answer, FakeGrpcServer } from '../cri/testing.ts';
import { RuntimeError } from './errors.ts';
import { openRuntime } from './open.ts';

const service = '/runtime.v1.RuntimeService/';

const open = (server: FakeGrpcServer, endpoint: string) =>
  openRuntime({
    mode: 'auto',
    endpoint,
    handler: 'auto',
    paths: dataPaths(join(server.directory, 'data')),
    sandboxImage: 'pause',
    clock: systemClock,
    log: silentLogger,
  });

const refusal =
  (...texts: string[]) =>
  (error: unknown) => {
    assert.ok(error instanceof RuntimeError, String(error));
    for (const text of texts) assert.ok(error.message.includes(text), error.message);
    return true;
  };

test('the named endpoint is used, with or without its scheme', async () => {
  using server = new FakeGrpcServer();
  await server.listen();
  const version = { runtimeName: 'cri-o', runtimeVersion: '1.33.0' };
  server.handlers.set(`${service}Version`, (stream) => answer(stream, encodeMessage('VersionResponse', version)));
  server.handlers.set(`${service}Status`, (stream) =>
    answer(stream, encodeMessage('StatusResponse', { runtimeHandlers: [{ name: '' }, { name: 'crun' }] })),
  );
  server.handlers.set(`${service}RuntimeConfig`, (stream) =>
    answer(stream, encodeMessage('RuntimeConfigResponse', { linux: { cgroupDriver: 'SYSTEMD' } })),
  );
  for (const endpoint of [server.socketPath, `unix://${server.socketPath}`]) {
    const runtime = await open(server, endpoint);
    assert.deepEqual([runtime.name, runtime.version, runtime.isOwn], ['cri-o', '1.33.0', false]);
    assert.deepEqual([runtime.handlers, runtime.cgroupDriver], [['crun'], 'systemd']);
    assert.equal(runtime.endpoint, `unix://${server.socketPath}`);
    assert.equal(runtime.pid(), undefined);
    await runtime.stop();
  }
});

test('a named endpoint that is dead is an error, not a reason to look elsewhere', async () => {
  using server = new FakeGrpcServer();
  await assert.rejects(
    open(server, `unix://${server.socketPath}`),
    refusal('kubelet.containerRuntimeEndpoint', server.socketPath, 'no such file or directory'),
  );
});

test('a named endpoint whose CRI is switched off is an error', async () => {
  using server = new FakeGrpcServer();
  await server.listen();
  await assert.rejects(open(server, server.socketPath), refusal('it does not serve CRI runtime.v1'));
});

test('only Unix sockets can be named', async () => {
  using server = new FakeGrpcServer();
  await assert.rejects(open(server, 'tcp://127.0.0.1:1'), refusal('only Unix sockets are supported'));
});
