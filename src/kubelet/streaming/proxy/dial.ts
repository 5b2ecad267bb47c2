/** Connections to what is proxied. */
import type { RequestOptions } from 'node:http';
import { apiError, type StatusError } from '../../../kernel/index.ts';
import type { ProxyPaths } from './rewrite.ts';
import type { Target } from './target.ts';

/** One request on its way. */
export interface Proxied {
  target: Target;
  /** With its query, as sent. */
  path: string;
  paths: ProxyPaths;
  headers: Record<string, string | string[]>;
}

/** A pod's certificate is not ours to judge. */
export const dialOptions = ({ target, path, headers }: Proxied): RequestOptions & { rejectUnauthorized: boolean } => ({
  host: target.host,
  ...(target.port !== '' && { port: target.port }),
  path,
  headers,
  agent: false,
  rejectUnauthorized: false,
});

export const unreachable = (why: string): StatusError =>
  apiError.serviceUnavailable(`error trying to reach service: ${why}`);

/** In Go's words, as far as there are such. */
export function describe(error: NodeJS.ErrnoException & { address?: string; port?: number }): string {
  const goText: Record<string, string> = {
    ECONNREFUSED: 'connect: connection refused',
    EHOSTUNREACH: 'connect: no route to host',
    ENETUNREACH: 'connect: network is unreachable',
    ETIMEDOUT: 'i/o timeout',
  };
  const text = goText[error.code ?? ''];
  if (text && error.address) return `dial tcp ${error.address}:${error.port}: ${text}`;
  return error.code === 'ECONNRESET' ? 'EOF' : error.message;
}
