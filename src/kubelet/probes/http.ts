import { type ClientRequest, type IncomingMessage, request as plainRequest } from 'node:http';
import type { RequestOptions } from 'node:https';
import { type Clock, versionInfo } from '../../kernel/index.ts';
import type { HTTPGetAction } from '../../schema/generated/index.ts';
import { dialError, joinHostPort } from './dial.ts';
import { type Outcome, outputLimitBytes } from './types.ts';

export interface HttpTarget {
  scheme: 'http' | 'https';
  host: string;
  port: number;
  /** With its query. */
  path: string;
  headers: readonly (readonly [string, string])[];
}

const redirectLimit = 10;
const redirectCodes = new Set([301, 302, 303, 307, 308]);
const { major, minor } = versionInfo.kubernetes;

/** Where `action` of a container with the address `podIP` points. */
export function httpTarget(action: HTTPGetAction, podIP: string, port: number): HttpTarget {
  const { path = '/', host, scheme = 'HTTP', httpHeaders = [] } = action;
  return {
    scheme: scheme === 'HTTPS' ? 'https' : 'http',
    host: host || podIP,
    port,
    path: path.startsWith('/') ? path : `/${path}`,
    headers: withDefaults(httpHeaders.map(({ name, value }) => [name, value] as const)),
  };
}

/** User-Agent and Accept unless the probe has its own; an empty Accept means none. */
function withDefaults(headers: readonly (readonly [string, string])[]): (readonly [string, string])[] {
  const has = (wanted: string): boolean => headers.some(([name]) => name.toLowerCase() === wanted);
  return [
    ...headers.filter(([name, value]) => name.toLowerCase() !== 'accept' || value !== ''),
    ...(has('user-agent') ? [] : [['User-Agent', `kube-probe/${major}.${minor}`] as const]),
    ...(has('accept') ? [] : [['Accept', '*/*'] as const]),
  ];
}

/**
 * GET; any answer from 200 to 399 succeeds. Redirects are followed on the same host, and end the probe with a warning
 * when they lead elsewhere. Certificates are not verified.
 */
export async function probeHttp(target: HttpTarget, timeoutMs: number, clock: Clock): Promise<Outcome> {
  const abort = new AbortController();
  const timer = clock.after(timeoutMs, () => abort.abort());
  try {
    return await follow(target, abort.signal);
  } finally {
    timer.cancel();
    abort.abort();
  }
}

async function follow(first: HttpTarget, signal: AbortSignal): Promise<Outcome> {
  let target = first;
  for (let hops = 0; ; hops++) {
    const answer = await get(target, signal);
    if (typeof answer === 'string') return failure(target, answer);
    const next = redirection(answer, target);
    if (next && next.host === first.host) {
      if (hops + 1 >= redirectLimit) return failure(next, `stopped after ${redirectLimit} redirects`);
      answer.destroy();
      target = next;
      continue;
    }
    const body = await readBody(answer);
    if (body === undefined) return { result: 'error', output: signal.aborted ? lateBody : 'unexpected EOF' };
    return judge(answer.statusCode ?? 0, body);
  }
}

const failure = (target: HttpTarget, why: string): Outcome => ({
  result: 'failure',
  output: `Get ${JSON.stringify(urlOf(target))}: ${why}`,
});

function judge(code: number, body: string): Outcome {
  if (code >= 200 && code < 300) return { result: 'success', output: body };
  if (code >= 300 && code < 400) {
    return { result: 'warning', output: `Probe terminated redirects, Response body: ${body}` };
  }
  return { result: 'failure', output: `HTTP probe failed with statuscode: ${code}` };
}

const urlOf = ({ scheme, host, port, path }: HttpTarget): string => `${scheme}://${joinHostPort(host, port)}${path}`;

/** The answer, or in Go's words why there is none. */
async function get(target: HttpTarget, signal: AbortSignal): Promise<IncomingMessage | string> {
  const { promise, resolve } = Promise.withResolvers<IncomingMessage | string>();
  try {
    const request = await send(target, signal);
    request.on('response', resolve);
    request.on('error', (error) =>
      resolve(
        signal.aborted
          ? 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)'
          : describe(error, target),
      ),
    );
    request.end();
  } catch (error) {
    resolve(describe(error, target));
  }
  return promise;
}

async function send({ scheme, host, port, path, headers }: HttpTarget, signal: AbortSignal): Promise<ClientRequest> {
  const options: RequestOptions = {
    host,
    port,
    path: escaped(path),
    method: 'GET',
    agent: false,
    signal,
    setHost: false,
    headers: [
      ...(headers.some(([name]) => name.toLowerCase() === 'host') ? [] : ['Host', joinHostPort(host, port)]),
      ...headers.flat(),
      'Connection',
      'close',
    ],
  };
  if (scheme === 'http') return plainRequest(options);
  const { request } = await import('node:https');
  return request({ ...options, rejectUnauthorized: false });
}

/** Escapes that are there already stay as they are. */
const escaped = (path: string): string => encodeURI(path).replace(/%25([0-9a-f]{2})/gi, '%$1');

function describe(error: unknown, { host, port }: HttpTarget): string {
  const { code = '', message = '' } = error as NodeJS.ErrnoException;
  if (code === 'ECONNRESET' && message === 'socket hang up') return 'EOF';
  if (code === 'EPROTO' || code === 'ERR_SSL_WRONG_VERSION_NUMBER') {
    return 'http: server gave HTTP response to HTTPS client';
  }
  if (code.startsWith('HPE_')) return `net/http: HTTP/1.x transport connection broken: malformed HTTP response`;
  return dialError(error, host, port);
}

function redirection(answer: IncomingMessage, from: HttpTarget): HttpTarget | undefined {
  const { location } = answer.headers;
  if (!redirectCodes.has(answer.statusCode ?? 0) || !location || !URL.canParse(location, urlOf(from))) return undefined;
  const url = new URL(location, urlOf(from));
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return undefined;
  const scheme = url.protocol === 'https:' ? 'https' : 'http';
  return {
    scheme,
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: Number(url.port) || (scheme === 'https' ? 443 : 80),
    path: url.pathname + url.search,
    headers: from.headers,
  };
}

const lateBody = 'context deadline exceeded (Client.Timeout or context cancellation while reading body)';

/** The beginning of the body; the rest is not read. Undefined when it breaks off before. */
function readBody(answer: IncomingMessage): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  const finish = (): void => resolve(Buffer.concat(chunks).subarray(0, outputLimitBytes).toString('utf8'));
  answer.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    sizeBytes += chunk.length;
    if (sizeBytes < outputLimitBytes) return;
    answer.destroy();
    finish();
  });
  answer.on('end', finish);
  answer.on('error', () => resolve(undefined));
  answer.on('close', () => resolve(undefined));
  return promise;
}
