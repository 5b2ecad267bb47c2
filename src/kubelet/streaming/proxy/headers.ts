/** Headers on their way through the proxy. */
import type { Headers, HttpRequest } from '../../../api/http/types.ts';

/** They belong to one connection (RFC 9110, 7.6.1). */
const hopByHop = new Set([
  'connection',
  'proxy-connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** What a client shows to the API server is not for those behind it. */
const isOurs = (name: string): boolean => name === 'authorization' || /^(impersonate|x-remote)-/.test(name);

/** Who is allowed to read is the API server's business. */
const cors = new Set([
  'access-control-allow-credentials',
  'access-control-allow-headers',
  'access-control-allow-methods',
  'access-control-allow-origin',
]);

type HeaderLines = Record<string, string | string[]>;

/** What goes to the pod. `host` stays the client's. */
export function requestHeaders(request: HttpRequest, more: Readonly<Record<string, string>>): HeaderLines {
  const lines: HeaderLines = {};
  const dropped = connectionOptions(request.header('connection'));
  for (const [name, value] of request.headers()) {
    if (hopByHop.has(name) || dropped.has(name) || isOurs(name)) continue;
    if (name === 'sec-websocket-key' || name === 'sec-websocket-version' || name === 'sec-websocket-extensions')
      continue;
    append(lines, name, value);
  }
  if (request.header('transfer-encoding')) lines['transfer-encoding'] = 'chunked';
  const before = request.header('x-forwarded-for');
  lines['x-forwarded-for'] = before ? `${before}, ${request.remoteAddress}` : request.remoteAddress;
  return { ...lines, ...more };
}

/** What comes back from it, names as the pod wrote them. */
export function answerHeaders(raw: readonly string[], without: ReadonlySet<string>): [string, string][] {
  const pairs: [string, string][] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) pairs.push([raw[at]!, raw[at + 1]!]);
  const connection = pairs.find(([name]) => name.toLowerCase() === 'connection')?.[1];
  const dropped = connectionOptions(connection);
  return pairs.filter(([name]) => {
    const lower = name.toLowerCase();
    return !hopByHop.has(lower) && !dropped.has(lower) && !cors.has(lower) && !without.has(lower);
  });
}

/** Ours, unless the pod has said the same thing. */
export const withDefaults = (own: Headers, theirs: Headers): Headers => {
  const said = new Set(theirs.map(([name]) => name.toLowerCase()));
  return [...own.filter(([name]) => !said.has(name.toLowerCase()) && name !== 'Content-Type'), ...theirs];
};

function connectionOptions(value: string | undefined): Set<string> {
  return new Set((value ?? '').split(',').map((name) => name.trim().toLowerCase()));
}

function append(lines: HeaderLines, name: string, value: string): void {
  const before = lines[name];
  if (before === undefined) lines[name] = value;
  else lines[name] = [...(Array.isArray(before) ? before : [before]), value];
}
