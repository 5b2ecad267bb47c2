import { isIPv6 } from 'node:net';

/** `host:port` with brackets where they are needed. */
export const joinHostPort = (host: string, port: number): string =>
  isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;

/** Go's words for what the system calls say. */
const systemErrors: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connect: connection refused',
  ECONNRESET: 'read: connection reset by peer',
  EHOSTUNREACH: 'connect: no route to host',
  ENETUNREACH: 'connect: network is unreachable',
  ETIMEDOUT: 'connect: connection timed out',
  EADDRNOTAVAIL: 'connect: cannot assign requested address',
  EPIPE: 'write: broken pipe',
};

/** A failed connection in the words of Go's net package, which people search for. */
export function dialError(error: unknown, host: string, port: number): string {
  const { code = '', message = String(error) } = error as NodeJS.ErrnoException;
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return `dial tcp: lookup ${host}: ${code === 'ENOTFOUND' ? 'no such host' : 'Temporary failure in name resolution'}`;
  }
  const known = systemErrors[code];
  if (!known) return message;
  if (!known.startsWith('connect')) return known;
  return `dial tcp ${joinHostPort(host, port)}: ${known}`;
}
