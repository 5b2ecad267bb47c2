import assert from 'node:assert/strict';
import { createServer, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { ManualClock } from '../../kernel/index.ts';
import type { LifecycleHandler } from '../../schema/generated/index.ts';
import type { CriClient } from '../cri/types.ts';
import { type HookEnv, runHook } from './hooks.ts';
import { app, podOf } from './testing.ts';

const clock = new ManualClock();
const answering = (exitCode: number, stdout = ''): HookEnv => ({
  clock,
  cri: {
    call: async () => ({ exitCode, stdout: Buffer.from(stdout), stderr: Buffer.alloc(0) }),
  } as unknown as CriClient,
  fellBack() {},
});

const run = (env: HookEnv, handler: LifecycleHandler, signal = new AbortController().signal): Promise<void> => {
  const container = app('main', { ports: [{ name: 'web', containerPort: 1 }] });
  const target = { pod: podOf(), container, containerId: 'c', ips: ['127.0.0.1'], limitMs: 5_000, signal };
  return runHook(env, handler, target);
};

interface Serving extends Disposable {
  port: number;
  requests: IncomingMessage[];
}

async function serving(): Promise<Serving> {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    response.writeHead(500).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { port, requests, [Symbol.dispose]: () => void server.close() };
}

test('a command that fails tells its output', async () => {
  await run(answering(0), { exec: { command: ['true'] } });
  await assert.rejects(run(answering(2, 'oh'), { exec: { command: ['sh', '-c', 'x'] } }), {
    name: 'HookError',
    message:
      'Exec lifecycle hook ([sh -c x]) for Container "main" in Pod "web_default(u1)" failed - error: ' +
      'command \'sh -c x\' exited with 2: oh, message: "oh"',
  });
});

test('a request goes to the pod with its headers; any answer will do', async () => {
  using served = await serving();
  const { port, requests } = served;
  const httpHeaders = [{ name: 'X-Who', value: 'me' }];
  await run(answering(0), { httpGet: { path: 'echo?msg=stop', port, httpHeaders } });
  assert.equal(requests[0]?.url, '/echo?msg=stop');
  assert.equal(requests[0]?.headers['x-who'], 'me');
});

test('an answer without end is not listened to', async (t) => {
  const closed = Promise.withResolvers<void>();
  const server = createServer((_request, response) => {
    response.on('close', closed.resolve);
    const write = (): void => {
      while (!response.destroyed && response.write('x'.repeat(8192))) {}
    };
    response.on('drain', write);
    write();
  }).listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await run(answering(0), { httpGet: { path: '/', port } });
  await closed.promise;
});

test('an HTTPS hook that is answered in HTTP is repeated in HTTP', async () => {
  using served = await serving();
  const { port, requests } = served;
  const told: string[] = [];
  const env = { ...answering(0), fellBack: (_: unknown, host: string) => void told.push(host) };
  await run(env, { httpGet: { path: '/', port, scheme: 'HTTPS' } });
  assert.equal(requests.length, 1);
  assert.deepEqual(told, [`127.0.0.1:${port}`]);
});

test('a port that is not to be found, and nobody who listens', async () => {
  await assert.rejects(run(answering(0), { httpGet: { path: '/', port: 'absent' } }), /invalid port number: absent/);
  await assert.rejects(
    run(answering(0), { httpGet: { path: '/x', port: 'web' } }),
    /HTTP lifecycle hook \(\/x\).*refused/i,
  );
});

test('sleep ends in time, and when the container does', async () => {
  const slept = run(answering(0), { sleep: { seconds: 5 } });
  clock.advance(5_000);
  await slept;
  const abort = new AbortController();
  const aborted = run(answering(0), { sleep: { seconds: 5 } }, abort.signal);
  abort.abort(new Error('ended'));
  await assert.rejects(aborted, { message: 'ended' });
});
