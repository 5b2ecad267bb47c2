/** The gRPC health protocol (grpc.health.v1.Health/Check), framed by hand: one request, one answer. */
import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from 'node:http2';
import { formatDuration } from '../../schema/index.ts';
import { type Clock, versionInfo } from '../../kernel/index.ts';
import { joinHostPort } from './dial.ts';
import { type Outcome, outputLimitBytes } from './types.ts';

const servingStatus = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'] as const;
const { major, minor } = versionInfo.kubernetes;
const [deadlineExceeded, unimplemented] = [4, 12];
const codeNames: Readonly<Record<number, string>> = {
  1: 'Canceled',
  2: 'Unknown',
  3: 'InvalidArgument',
  5: 'NotFound',
  7: 'PermissionDenied',
  8: 'ResourceExhausted',
  13: 'Internal',
  14: 'Unavailable',
  16: 'Unauthenticated',
};

const retryMs = 1_000;

/** Succeeds when the service says that it is serving. A refused connection is tried again while there is time. */
export async function probeGrpc(
  host: string,
  port: number,
  service: string,
  timeoutMs: number,
  clock: Clock,
): Promise<Outcome> {
  const address = joinHostPort(host, port);
  const timeout = formatDuration(BigInt(timeoutMs) * 1_000_000n);
  const abort = new AbortController();
  const timer = clock.after(timeoutMs, () => abort.abort());
  try {
    for (;;) {
      const answer = await ask(address, service, abort.signal);
      if (answer === 'refused') await clock.sleep(retryMs, abort.signal).catch(() => {});
      if (abort.signal.aborted || answer === 'late') {
        const why =
          answer === 'late'
            ? `timeout: health rpc did not complete within ${timeout}`
            : `timeout: failed to connect service ${JSON.stringify(address)} within ${timeout}: context deadline exceeded`;
        return { result: 'failure', output: why };
      }
      if (typeof answer !== 'string') return answer;
    }
  } finally {
    timer.cancel();
  }
}

/** `refused`, `unconnected`: no connection came about. `late`: the time ran out after that. */
async function ask(
  address: string,
  service: string,
  signal: AbortSignal,
): Promise<Outcome | 'refused' | 'unconnected' | 'late'> {
  const session = connect(`http://${address}`);
  const { promise, resolve } = Promise.withResolvers<Outcome | 'refused' | 'unconnected' | 'late'>();
  let isConnected = false;
  session.once('remoteSettings', () => {
    isConnected = true;
  });
  signal.addEventListener('abort', () => resolve(isConnected ? 'late' : 'unconnected'), { once: true });
  session.on('error', () => resolve('refused'));
  session.on('close', () => resolve('refused'));
  exchange(session, service, resolve);
  try {
    return await promise;
  } finally {
    session.destroy();
  }
}

function exchange(session: ClientHttp2Session, service: string, resolve: (outcome: Outcome) => void): void {
  const fail = (output: string): void => resolve({ result: 'failure', output });
  const stream = session.request({
    ':method': 'POST',
    ':path': '/grpc.health.v1.Health/Check',
    'content-type': 'application/grpc',
    'user-agent': `kube-probe/${major}.${minor}`,
    te: 'trailers',
  });
  const chunks: Buffer[] = [];
  let headers: IncomingHttpHeaders = {};
  stream.on('response', (found) => (headers = found));
  stream.on('trailers', (found) => (headers = { ...headers, ...found }));
  stream.on('data', (chunk: Buffer) => {
    if (chunks.reduce((sum, { length }) => sum + length, 0) < outputLimitBytes) chunks.push(chunk);
  });
  stream.on('error', () => {});
  stream.on('close', () => {
    if (headers['grpc-status'] !== undefined) resolve(judge(headers, Buffer.concat(chunks)));
    else if (headers[':status'] !== undefined) {
      fail(
        `error: health rpc probe failed: rpc error: code = Unknown desc = unexpected HTTP status code received from server: ${headers[':status']}`,
      );
    }
  });
  stream.end(healthRequest(service));
}

/** A message of one string field, in gRPC's frame. */
function healthRequest(service: string): Uint8Array {
  const text = Buffer.from(service);
  const field = text.length > 0 ? Buffer.concat([Buffer.of(0x0a), varint(text.length), text]) : Buffer.alloc(0);
  const frame = Buffer.alloc(5);
  frame.writeUInt32BE(field.length, 1);
  return Buffer.concat([frame, field]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) return Buffer.of(...bytes, rest);
    bytes.push((rest & 0x7f) | 0x80);
  }
}

function judge(headers: IncomingHttpHeaders, body: Buffer): Outcome {
  const code = Number(headers['grpc-status']);
  const message = decoded(String(headers['grpc-message'] ?? ''));
  if (code === 0) return judgeStatus(body);
  if (code === unimplemented) {
    const output = `error: this server does not implement the grpc health protocol (grpc.health.v1.Health): ${message}`;
    return { result: 'failure', output };
  }
  if (code === deadlineExceeded) return { result: 'failure', output: 'timeout: health rpc did not complete in time' };
  const name = codeNames[code] ?? `Code(${code})`;
  return { result: 'failure', output: `error: health rpc probe failed: rpc error: code = ${name} desc = ${message}` };
}

/** As gRPC's own clients: what is not properly escaped is shown as it came. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Field 1 is the status; an empty message says UNKNOWN. */
function judgeStatus(body: Buffer): Outcome {
  const message = body.subarray(5);
  const value = message[0] === 0x08 ? (message[1] ?? 0) : 0;
  if (value === 1) return { result: 'success', output: 'service healthy' };
  const name = servingStatus[value] ?? String(value);
  return { result: 'failure', output: `service unhealthy (responded with ${JSON.stringify(name)})` };
}
