import assert from 'node:assert/strict';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Server as TcpServer } from 'node:net';
import { test, type TestContext } from 'node:test';
import { TestAuthority } from '../../api/http/test-support.ts';
import { systemClock } from '../../kernel/index.ts';
import type { Container, HTTPGetAction, Pod, Probe } from '../../schema/generated/index.ts';
import { type CriClient, CriError } from '../cri/types.ts';
import { probeGrpc } from './grpc.ts';
import { httpTarget, probeHttp } from './http.ts';
import { runProbe } from './prober.ts';
import { probeTcp } from './tcp.ts';
import type { Outcome } from './types.ts';

const host = '127.0.0.1';

async function listening(t: TestContext, server: TcpServer): Promise<number> {
  server.listen(0, host);
  await once(server, 'listening');
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

const closedPort = async (t: TestContext): Promise<number> => {
  const server = createTcpServer();
  const port = await listening(t, server);
  server.close();
  await once(server, 'close');
  return port;
};

async function httpPort(t: TestContext, listener: RequestListener): Promise<number> {
  const server: Server = createServer(listener);
  t.after(() => server.closeAllConnections());
  return listening(t, server);
}

const get = (port: number, action: Partial<HTTPGetAction> = {}, timeoutMs = 2_000): Promise<Outcome> =>
  probeHttp(httpTarget({ port, ...action }, host, port), timeoutMs, systemClock);

for (const [code, result] of [
  [200, 'success'],
  [204, 'success'],
  [304, 'warning'],
  [400, 'failure'],
  [500, 'failure'],
] as const) {
  test(`an answer of ${code} is a ${result}`, async (t) => {
    const port = await httpPort(t, (_request, response) => response.writeHead(code).end());
    const outcome = await get(port);
    assert.equal(outcome.result, result);
    if (result === 'failure') assert.equal(outcome.output, `HTTP probe failed with statuscode: ${code}`);
  });
}

test('the request is what upstream sends; the probe may change it', async (t) => {
  const seen: { url: string | undefined; headers: Record<string, unknown> }[] = [];
  const port = await httpPort(t, ({ url, headers }, response) => {
    seen.push({ url, headers });
    response.end();
  });
  await get(port, { path: '/a b%2Fe?c=%20d%26&f=100%' });
  assert.deepEqual(seen[0], {
    url: '/a%20b%2Fe?c=%20d%26&f=100%25',
    headers: { host: `${host}:${port}`, 'user-agent': 'kube-probe/1.36', accept: '*/*', connection: 'close' },
  });
  const httpHeaders = [
    { name: 'Host', value: 'web' },
    { name: 'Accept', value: '' },
    { name: 'user-agent', value: 'me' },
    { name: 'X-A', value: '1' },
    { name: 'X-A', value: '2' },
  ];
  await get(port, { path: 'x', httpHeaders });
  assert.deepEqual(seen[1], {
    url: '/x',
    headers: { host: 'web', 'user-agent': 'me', 'x-a': '1, 2', connection: 'close' },
  });
});

test('redirects on the same host are followed, others end the probe with a warning', async (t) => {
  const port = await httpPort(t, ({ url }, response) => {
    if (url === '/ok') response.end('fine');
    else response.writeHead(302, { location: url === '/away' ? 'http://example.com/' : '/ok' }).end('moved');
  });
  assert.deepEqual(await get(port, { path: '/there' }), { result: 'success', output: 'fine' });
  const away = await get(port, { path: '/away' });
  assert.deepEqual(away, { result: 'warning', output: 'Probe terminated redirects, Response body: moved' });
});

test('redirects without end are a failure', async (t) => {
  const port = await httpPort(t, (_request, response) => response.writeHead(302, { location: '/again' }).end());
  const { result, output } = await get(port);
  assert.equal(result, 'failure');
  assert.match(output, /^Get "http:\/\/127\.0\.0\.1:\d+\/again": stopped after 10 redirects$/);
});

test('an answer that does not come in time, and a connection that is refused, are told as Go tells them', async (t) => {
  const port = await httpPort(t, () => {});
  assert.deepEqual(await get(port, {}, 50), {
    result: 'failure',
    output: `Get "http://${host}:${port}/": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`,
  });
  const closed = await closedPort(t);
  assert.deepEqual(await get(closed), {
    result: 'failure',
    output: `Get "http://${host}:${closed}/": dial tcp ${host}:${closed}: connect: connection refused`,
  });
});

test('a body that breaks off, or does not come in time, says nothing', async (t) => {
  const port = await httpPort(t, ({ url }, response) => {
    response.writeHead(200, { 'content-length': 10 }).write('x');
    if (url === '/torn') setImmediate(() => response.destroy());
  });
  assert.deepEqual(await get(port, { path: '/torn' }), { result: 'error', output: 'unexpected EOF' });
  const { result, output } = await get(port, { path: '/slow' }, 100);
  assert.equal(result, 'error');
  assert.match(output, /while reading body/);
});

test('a body without end is read no further than 10 KiB', async (t) => {
  const port = await httpPort(t, (_request, response) => {
    const write = (): void => {
      while (!response.destroyed && response.write('x'.repeat(8192))) {}
    };
    response.on('drain', write);
    write();
  });
  const { result, output } = await get(port);
  assert.deepEqual([result, output.length], ['success', 10 * 1024]);
});

test('certificates are not verified; a server without TLS is told', async (t) => {
  const authority = await TestAuthority.create('CN=nobody');
  t.after(() => rm(authority.directory, { recursive: true }));
  const { cert, key } = await authority.issue('CN=other', ['other.example']);
  const server = createHttpsServer({ cert, key }, (_request, response) => response.end('secure'));
  const port = await listening(t, server);
  assert.deepEqual(await get(port, { scheme: 'HTTPS' }), { result: 'success', output: 'secure' });
  const plain = await httpPort(t, (_request, response) => response.end());
  assert.match((await get(plain, { scheme: 'HTTPS' })).output, /server gave HTTP response to HTTPS client$/);
});

test('a TCP probe asks for a connection and nothing else', async (t) => {
  const port = await listening(t, createTcpServer());
  assert.deepEqual(await probeTcp(host, port, 1000, systemClock), { result: 'success', output: '' });
  const closed = await closedPort(t);
  assert.equal(
    (await probeTcp(host, closed, 1000, systemClock)).output,
    `dial tcp ${host}:${closed}: connect: connection refused`,
  );
});

// --- gRPC ---------------------------------------------------------------------------------------------------------

async function grpcPort(t: TestContext, answer: (stream: ServerHttp2Stream, request: Buffer) => void): Promise<number> {
  const server = createHttp2Server();
  const sessions = new Set<{ destroy(): void }>();
  server.on('session', (session) => sessions.add(session));
  server.on('stream', (stream) => {
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => answer(stream, Buffer.concat(chunks)));
  });
  t.after(() => {
    for (const session of sessions) session.destroy();
  });
  return listening(t, server);
}

function reply(stream: ServerHttp2Stream, status: number): void {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  const body = status === 0 ? [] : [0x08, status];
  stream.end(Buffer.from([0, 0, 0, 0, body.length, ...body]));
}

for (const [status, result, output] of [
  [1, 'success', 'service healthy'],
  [2, 'failure', 'service unhealthy (responded with "NOT_SERVING")'],
  [0, 'failure', 'service unhealthy (responded with "UNKNOWN")'],
] as const) {
  test(`a gRPC service with status ${status} is a ${result}`, async (t) => {
    const requests: string[] = [];
    const port = await grpcPort(t, (stream, request) => {
      requests.push(request.toString('hex'));
      reply(stream, status);
    });
    assert.deepEqual(await probeGrpc(host, port, 'db', 2_000, systemClock), { result, output });
    assert.deepEqual(requests, ['00000000040a026462']);
  });
}

test('a gRPC server without the health protocol is told', async (t) => {
  const port = await grpcPort(t, (stream) =>
    stream.respond({ ':status': 200, 'grpc-status': '12', 'grpc-message': 'unknown%20service' }, { endStream: true }),
  );
  assert.equal(
    (await probeGrpc(host, port, '', 2_000, systemClock)).output,
    'error: this server does not implement the grpc health protocol (grpc.health.v1.Health): unknown service',
  );
});

test('a gRPC message that is not properly escaped is told as it is', async (t) => {
  const port = await grpcPort(t, (stream) =>
    stream.respond({ ':status': 200, 'grpc-status': '13', 'grpc-message': '100% broken' }, { endStream: true }),
  );
  assert.equal(
    (await probeGrpc(host, port, '', 2_000, systemClock)).output,
    'error: health rpc probe failed: rpc error: code = Internal desc = 100% broken',
  );
});

test('a gRPC service that does not answer, and one that cannot be reached, run out of time', async (t) => {
  const port = await grpcPort(t, () => {});
  assert.equal(
    (await probeGrpc(host, port, '', 300, systemClock)).output,
    'timeout: health rpc did not complete within 300ms',
  );
  const closed = await closedPort(t);
  assert.equal(
    (await probeGrpc(host, closed, '', 100, systemClock)).output,
    `timeout: failed to connect service "${host}:${closed}" within 100ms: context deadline exceeded`,
  );
});

// --- exec, and what is common -------------------------------------------------------------------------------------

const container: Container = {
  name: 'c',
  env: [{ name: 'A', value: 'b' }],
  ports: [{ name: 'none', containerPort: 1 }],
};
const pod: Pod = { metadata: { name: 'p', namespace: 'n', uid: 'u' }, spec: { containers: [] } };

function probe(spec: Probe, exec: () => Promise<object> = () => Promise.reject(new Error('unused'))) {
  const requests: unknown[] = [];
  const call = (_method: string, request: unknown) => {
    requests.push(request);
    return exec();
  };
  const cri = { call } as unknown as CriClient;
  const outcome = runProbe(cri, systemClock, spec, { pod, container, containerId: 'id', podIP: host });
  return { outcome, requests };
}

test('a command succeeds by its exit code; its output is told', async () => {
  const answer = (exitCode: number) => async () => ({
    exitCode,
    stdout: Buffer.from('out'),
    stderr: Buffer.from('err'),
  });
  const good = probe({ exec: { command: ['echo', '$(A)$(B)'] }, timeoutSeconds: 3 }, answer(0));
  assert.deepEqual(await good.outcome, { result: 'success', output: 'outerr' });
  assert.deepEqual(good.requests, [{ containerId: 'id', cmd: ['echo', 'b$(B)'], timeout: 3 }]);
  assert.equal((await probe({ exec: { command: ['false'] } }, answer(1)).outcome).result, 'failure');
});

test('a command that runs out of time fails; one that cannot be run is tried three times', async () => {
  const late = probe({ exec: { command: ['a', 'b'] } }, () => Promise.reject(new CriError(4, 'late')));
  assert.deepEqual(await late.outcome, { result: 'failure', output: 'command timed out: "a b" timed out after 1s' });
  const broken = probe({ exec: { command: ['a'] } }, () => Promise.reject(new CriError(2, 'no such container')));
  assert.deepEqual(await broken.outcome, { result: 'error', output: 'no such container' });
  assert.equal(broken.requests.length, 3);
});

test('ports go by name or number', async () => {
  for (const [port, message] of [
    ['nope', /invalid syntax/],
    [0, /invalid port number: 0/],
    ['70000', /invalid port number: 70000/],
  ] as const) {
    const { result, output } = await probe({ tcpSocket: { port } }).outcome;
    assert.equal(result, 'error');
    assert.match(output, message);
  }
  const { result } = await probe({ tcpSocket: { port: 'none' } }).outcome;
  assert.equal(result, 'failure');
});
