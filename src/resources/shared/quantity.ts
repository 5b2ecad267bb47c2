/** Arithmetic on resource.Quantity in its text form. Exact: values are whole nano-units in a bigint. */

const shape = /^([+-]?)(\d*)(?:\.(\d*))?(?:([eE])([+-]?\d+)|(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei))?$/;
const decimalSuffixes = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E'] as const;
const binarySuffixes = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'] as const;
const nanosPerUnit = 1_000_000_000n;
const nanosPerMilli = 1_000_000n;

/** Message of apimachinery for text that is no quantity. */
export const quantityMessage =
  "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

export const isQuantity = (text: string): boolean => {
  const match = shape.exec(text);
  return match !== null && Boolean(match[2] || match[3]);
};

/** Value in nano-units, rounded up. Not a quantity: 0. */
export function nanos(text: string | undefined): bigint {
  const match = shape.exec(text ?? '');
  if (!match || !(match[2] || match[3])) return 0n;
  const [, sign, whole = '', fraction = '', , exponent, suffix = ''] = match;
  const digits = BigInt((whole || '0') + fraction);
  const binary = binarySuffixes.indexOf(suffix as (typeof binarySuffixes)[number]);
  let value: bigint;
  if (suffix && binary > 0) value = scale(digits * 1024n ** BigInt(binary), 9 - fraction.length);
  else {
    const power = exponent ? Number(exponent) : (decimalSuffixes.indexOf(suffix as 'n') - 3) * 3;
    value = scale(digits, 9 - fraction.length + power);
  }
  return sign === '-' ? -value : value;
}

function scale(value: bigint, power: number): bigint {
  if (power >= 0) return value * 10n ** BigInt(power);
  const divisor = 10n ** BigInt(-power);
  return (value + divisor - 1n) / divisor;
}

export const compareQuantities = (a: string | undefined, b: string | undefined): number => {
  const difference = nanos(a) - nanos(b);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
};

export const isWholeQuantity = (text: string): boolean => nanos(text) % nanosPerUnit === 0n;

/** Whole units, rounded up. */
export const quantityUnits = (text: string | undefined): number => {
  const value = nanos(text);
  return Number((value + nanosPerUnit - 1n) / nanosPerUnit);
};

/** Rounded up to a thousandth, the precision that the API keeps in resource lists. */
export function roundUpToMilli(text: string): string {
  const value = nanos(text);
  if (value % nanosPerMilli === 0n) return text;
  const up = value > 0n ? value / nanosPerMilli + 1n : value / nanosPerMilli;
  return formatNanos(up * nanosPerMilli, false);
}

/** Sum in the format of the first one. */
export function addQuantities(a: string | undefined, b: string | undefined): string {
  if (a === undefined || b === undefined) return a ?? b ?? '0';
  return formatNanos(nanos(a) + nanos(b), /i$/.test(nanos(a) === 0n ? b : a));
}

export const maxQuantity = (a: string | undefined, b: string | undefined): string =>
  compareQuantities(a, b) >= 0 ? (a ?? '0') : (b ?? '0');

function formatNanos(value: bigint, binary: boolean): string {
  if (value === 0n) return '0';
  const magnitude = value < 0n ? -value : value;
  if (binary && magnitude % nanosPerUnit === 0n && magnitude / nanosPerUnit >= 1024n) {
    let units = value / nanosPerUnit;
    let step = 0;
    while (units % 1024n === 0n && step < binarySuffixes.length - 1) {
      units /= 1024n;
      step++;
    }
    return `${units}${binarySuffixes[step]}`;
  }
  let rest = value;
  let step = 0;
  while (rest % 1000n === 0n && step < decimalSuffixes.length - 1) {
    rest /= 1000n;
    step++;
  }
  return `${rest}${decimalSuffixes[step]}`;
}
