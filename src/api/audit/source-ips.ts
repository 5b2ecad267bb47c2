import { isIP } from 'node:net';
import type { HttpRequest } from '../http/types.ts';

/** Addresses that a request names as its way, then the one that it came from: only the last cannot be made up. */
export function sourceIps(request: HttpRequest): string[] {
  const addresses: string[] = [];
  const forwarded = request.header('x-forwarded-for');
  if (forwarded)
    addresses.push(
      ...forwarded
        .split(',')
        .map((part) => part.trim())
        .filter(isAddress),
    );
  const real = request.header('x-real-ip');
  if (real && isAddress(real) && !addresses.includes(real)) addresses.push(real);
  const remote = plain(request.remoteAddress);
  if (isAddress(remote) && addresses.at(-1) !== remote) addresses.push(remote);
  return addresses;
}

const isAddress = (text: string): boolean => isIP(text) !== 0;

/** uWebSockets.js writes every group of an IPv6 address, and both adapters IPv4 addresses as mapped ones. */
function plain(address: string): string {
  const mapped = /^(?:::ffff:|(?:0000:){5}ffff:)(.+)$/i.exec(address)?.[1];
  if (mapped === undefined) return address;
  const words = /^([0-9a-f]{2})([0-9a-f]{2}):([0-9a-f]{2})([0-9a-f]{2})$/i.exec(mapped);
  return words
    ? words
        .slice(1)
        .map((byte) => Number.parseInt(byte, 16))
        .join('.')
    : mapped;
}
