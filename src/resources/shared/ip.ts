// Addresses and networks of both families: parsing, canonical text, arithmetic on bigints, upstream's messages.
import { isIP, isIPv4 } from 'node:net';
import { type FieldError, type FieldPath, fieldError as e, formatPath } from '../../kernel/status.ts';

export type Family = 'IPv4' | 'IPv6';

export interface Network {
  family: Family;
  base: bigint;
  prefixLength: number;
  /** Number of addresses. */
  size: bigint;
}

const bitsOf = (family: Family): number => (family === 'IPv4' ? 32 : 128);

export const familyOf = (address: string): Family => (address.includes(':') ? 'IPv6' : 'IPv4');

/** Dotted IPv4 with leading zeros allowed, as Go's old parser took it. */
const sloppyIPv4 = (text: string): string | undefined => {
  const parts = text.split('.');
  if (parts.length !== 4 || parts.some((part) => !/^[0-9]{1,3}$/.test(part) || Number(part) > 255)) return undefined;
  return parts.map(Number).join('.');
};

/** The address in a form that node:net takes, or undefined. */
export const parseSloppy = (text: string): string | undefined =>
  isIP(text) && !text.includes('%') ? text : sloppyIPv4(text);

export function toNumber(address: string): bigint {
  if (isIPv4(address)) return address.split('.').reduce((sum, part) => sum * 256n + BigInt(part), 0n);
  const [head = '', tail] = address.split('::');
  const left = groups(head);
  const right = tail === undefined ? [] : groups(tail);
  const middle = tail === undefined ? [] : new Array<bigint>(8 - left.length - right.length).fill(0n);
  return [...left, ...middle, ...right].reduce((sum, group) => sum * 65536n + group, 0n);
}

function groups(text: string): bigint[] {
  if (!text) return [];
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [BigInt(`0x${group || '0'}`)];
    const value = toNumber(group);
    return [value >> 16n, value & 0xffffn];
  });
}

export function toText(value: bigint, family: Family): string {
  if (family === 'IPv4') return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join('.');
  const parts = Array.from({ length: 8 }, (_, i) => ((value >> BigInt(112 - i * 16)) & 0xffffn).toString(16));
  const run = longestZeroRun(parts);
  if (run.length < 2) return parts.join(':');
  return `${parts.slice(0, run.start).join(':')}::${parts.slice(run.start + run.length).join(':')}`;
}

function longestZeroRun(parts: readonly string[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < parts.length; start++) {
    let length = 0;
    while (parts[start + length] === '0') length++;
    if (length > best.length) best = { start, length };
  }
  return best;
}

const isMapped = (address: string): boolean => address.includes(':') && toNumber(address) >> 32n === 0xffffn;

/** RFC 5952 text. */
export const canonicalIP = (address: string): string => {
  if (isMapped(address)) return toText(toNumber(address) & 0xffffffffn, 'IPv4');
  return toText(toNumber(address), familyOf(address));
};

/** Any address that Go's sloppy parser takes; fields of old. */
export function* validIP(value: string | undefined, path: FieldPath): Iterable<FieldError> {
  if (parseSloppy(value ?? '') === undefined) {
    yield e.invalid(path, value ?? '', 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)');
    return;
  }
  if (!isIP(value ?? '')) yield e.invalid(path, value, 'must not have leading 0s');
  else if (isMapped(value ?? '')) yield e.invalid(path, value, 'must not be an IPv4-mapped IPv6 address');
}

/** An address in canonical form; fields of late. */
export function* validCanonicalIP(value: string | undefined, path: FieldPath): Iterable<FieldError> {
  const errors = [...validIP(value, path)];
  yield* errors;
  if (errors.length === 0 && value !== canonicalIP(value ?? '')) {
    yield e.invalid(path, value, `must be in canonical form ("${canonicalIP(value ?? '')}")`);
  }
}

export function parseNetwork(text: string): Network | undefined {
  const slash = text.lastIndexOf('/');
  const address = parseSloppy(text.slice(0, slash));
  const prefix = text.slice(slash + 1);
  if (slash < 0 || address === undefined || !/^[0-9]{1,3}$/.test(prefix)) return undefined;
  const family = familyOf(address);
  const bits = bitsOf(family);
  const prefixLength = Number(prefix);
  if (prefixLength > bits) return undefined;
  const size = 1n << BigInt(bits - prefixLength);
  const value = toNumber(address);
  return { family, base: value - (value % size), prefixLength, size };
}

export const networkText = (network: Network): string =>
  `${toText(network.base, network.family)}/${network.prefixLength}`;

export function contains(network: Network, address: string): boolean {
  if (familyOf(address) !== network.family) return false;
  const value = toNumber(address);
  return value >= network.base && value < network.base + network.size;
}

export function* validCIDR(value: string | undefined, path: FieldPath): Iterable<FieldError> {
  const text = value ?? '';
  const network = parseNetwork(text);
  if (!network) {
    yield e.invalid(path, text, 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)');
    return;
  }
  const address = text.slice(0, text.lastIndexOf('/'));
  if (!isIP(address) || /\/0[0-9]/.test(text)) {
    yield e.invalid(path, text, 'must not have leading 0s in IP or prefix length');
  } else if (isMapped(address)) yield e.invalid(path, text, 'must not have an IPv4-mapped IPv6 address');
  else if (toNumber(address) !== network.base) {
    yield e.invalid(path, text, 'must not have bits set beyond the prefix length');
  }
}

export function* validCanonicalCIDR(value: string | undefined, path: FieldPath): Iterable<FieldError> {
  const errors = [...validCIDR(value, path)];
  yield* errors;
  const network = parseNetwork(value ?? '');
  if (errors.length === 0 && network && networkText(network) !== value) {
    yield e.invalid(path, value, `must be in canonical form ("${networkText(network)}")`);
  }
}

/** Warnings for addresses that are valid but not canonical. */
export function* ipWarnings(value: string, path: FieldPath): Iterable<string> {
  const parsed = parseSloppy(value);
  if (parsed === undefined) return;
  if (!isIP(value) || isMapped(value)) {
    yield `${formatPath(path)}: non-standard IP address "${value}" is invalid: use "${canonicalIP(parsed)}"`;
  } else if (value.includes(':') && canonicalIP(value) !== value) {
    yield `${formatPath(path)}: IPv6 address "${value}" should be in RFC 5952 canonical format ("${canonicalIP(value)}")`;
  }
}

/** At most one address of each family. */
export const isDualStackPair = (addresses: readonly string[]): boolean =>
  addresses.length === 2 && familyOf(addresses[0] ?? '') !== familyOf(addresses[1] ?? '');
