/** IPv4 arithmetic for configuration: parse, format, networks. Addresses are unsigned 32-bit numbers. */

/** The address as a number, or undefined when `text` is not a dotted IPv4 address without leading zeros. */
export function parseIPv4(text: string): number | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  let value = 0;
  for (const part of parts) {
    if (!/^(0|[1-9][0-9]{0,2})$/.test(part)) return undefined;
    const octet = Number(part);
    if (octet > 255) return undefined;
    value = value * 256 + octet;
  }
  return value;
}

export function formatIPv4(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
}

export interface Network {
  /** First address. */
  base: number;
  prefixLength: number;
  /** Number of addresses. */
  size: number;
}

/** `10.43.0.0/16` → network; undefined when malformed or when host bits are set. */
export function parseNetwork(text: string): Network | undefined {
  const [address = '', prefix = '', ...rest] = text.split('/');
  const base = parseIPv4(address);
  if (base === undefined || rest.length > 0 || !/^[0-9]{1,2}$/.test(prefix) || Number(prefix) > 32) return undefined;
  const size = 2 ** (32 - Number(prefix));
  return base % size === 0 ? { base, prefixLength: Number(prefix), size } : undefined;
}

/** Address number `index` of a network: 1 is the API server's Service, 10 the DNS Service. */
export function addressIn(network: Network, index: number): string {
  return formatIPv4(network.base + index);
}
