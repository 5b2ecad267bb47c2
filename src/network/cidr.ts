import { parseIPv4 } from '../config/index.ts';

interface Range {
  base: number;
  size: number;
  prefixLength: number;
}

/** Host bits may be set: they do not count. Undefined when it is no IPv4 network. */
export function rangeOf(cidr: string): Range | undefined {
  const [address = '', prefix = ''] = cidr.split('/');
  const value = parseIPv4(address);
  const prefixLength = Number(prefix);
  if (value === undefined || !/^[0-9]{1,2}$/.test(prefix) || prefixLength > 32) return undefined;
  const size = 2 ** (32 - prefixLength);
  return { base: value - (value % size), size, prefixLength };
}

export function isWithin(address: string, cidr: string): boolean {
  const value = parseIPv4(address);
  const range = rangeOf(cidr);
  return value !== undefined && !!range && value >= range.base && value < range.base + range.size;
}
