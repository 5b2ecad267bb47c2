import { quoted } from './time.ts';

/** Go's time.Duration: nanoseconds as a bigint within int64. */
const unitNanos: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};

const maxInt64 = (1n << 63n) - 1n;

/** Text that is not a duration. The message is Go's. */
export class DurationError extends Error {}

/** Reads a duration as Go's time.ParseDuration: `1h15m30.5s`. Throws DurationError. */
export function parseDuration(text: string): bigint {
  const body = /^[+-]/.test(text) ? text.slice(1) : text;
  if (body === '0') return 0n;
  const invalid = (what: string): DurationError => new DurationError(`time: ${what} duration ${quoted(text)}`);
  if (!body) throw invalid('invalid');
  let total = 0n;
  for (let rest = body; rest; ) {
    const match = /^([0-9]*)(?:\.([0-9]*))?/.exec(rest)!;
    const [whole, integer = '', fraction = ''] = match;
    if (!integer && !fraction) throw invalid('invalid');
    if (BigInt(integer) > maxInt64 + 1n) throw invalid('invalid');
    rest = rest.slice(whole.length);
    const unit = /^[^.0-9]+/.exec(rest)?.[0];
    if (unit === undefined) throw invalid('missing unit in');
    const nanos = Object.hasOwn(unitNanos, unit) ? unitNanos[unit] : undefined;
    if (nanos === undefined) {
      throw new DurationError(`time: unknown unit ${quoted(unit)} in duration ${quoted(text)}`);
    }
    rest = rest.slice(unit.length);
    const digits = fraction.slice(0, 18);
    total += BigInt(integer || '0') * nanos + (BigInt(digits || '0') * nanos) / 10n ** BigInt(digits.length);
    if (total > maxInt64 + 1n) throw invalid('invalid');
  }
  if (text.startsWith('-')) return -total;
  if (total > maxInt64) throw invalid('invalid');
  return total;
}

/** Prints a duration as Go's String(): `1h15m30.5s`, `1.5ms`, `0s`. */
export function formatDuration(nanos: bigint): string {
  if (nanos === 0n) return '0s';
  const sign = nanos < 0n ? '-' : '';
  const magnitude = nanos < 0n ? -nanos : nanos;
  if (magnitude < 1_000n) return `${sign}${magnitude}ns`;
  if (magnitude < 1_000_000n) return `${sign}${decimal(magnitude, 3)}µs`;
  if (magnitude < 1_000_000_000n) return `${sign}${decimal(magnitude, 6)}ms`;
  const minutes = magnitude / unitNanos['m']!;
  const seconds = `${decimal(magnitude % unitNanos['m']!, 9)}s`;
  if (minutes === 0n) return `${sign}${seconds}`;
  if (minutes < 60n) return `${sign}${minutes}m${seconds}`;
  return `${sign}${minutes / 60n}h${minutes % 60n}m${seconds}`;
}

/** `value / 10^places` without trailing zeros. */
function decimal(value: bigint, places: number): string {
  const digits = String(value).padStart(places + 1, '0');
  const fraction = digits.slice(-places).replace(/0+$/, '');
  return `${digits.slice(0, -places)}${fraction && `.${fraction}`}`;
}
