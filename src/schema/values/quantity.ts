/**
 * Kubernetes' resource.Quantity: fixed-point numbers with SI, binary or exponent suffixes. Upstream:
 * apimachinery/pkg/api/resource. A quantity is an exact decimal `value * 10^scale`; `format` says how it likes to be
 * printed.
 */
export type QuantityFormat = 'BinarySI' | 'DecimalSI' | 'DecimalExponent';

export interface Quantity {
  readonly value: bigint;
  readonly scale: number;
  readonly format: QuantityFormat;
  /** The text it was read from, when that is canonical already (`1.500` is, `1.5` is not: upstream's rule). */
  readonly text?: string;
}

/** Text that is not a quantity. The message is upstream's. */
export class QuantityError extends Error {}

const wrongFormat = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const wrongNumber = 'unable to parse numeric part of quantity';
const wrongSuffix = "unable to parse quantity's suffix";

const decimalExponents: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  '': 0,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};
const decimalSuffixes = new Map(Object.entries(decimalExponents).map(([suffix, exponent]) => [exponent, suffix]));
const binaryExponents: Readonly<Record<string, number>> = { Ki: 10, Mi: 20, Gi: 30, Ti: 40, Pi: 50, Ei: 60 };
const binarySuffixes = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];

const maxInt64 = (1n << 63n) - 1n;
const nano = -9;
/** Exponents beyond this would only make huge integers out of short text. Nothing real comes near. */
const maxExponent = 1_000;
const maxTextLength = 256;

export const zeroQuantity: Quantity = { value: 0n, scale: 0, format: 'DecimalSI' };

/** Reads a quantity. Throws QuantityError. */
export function parseQuantity(text: string): Quantity {
  if (text === '0') return { ...zeroQuantity, text };
  const match = text && text.length <= maxTextLength ? quantityPattern.exec(text) : null;
  if (!match) throw new QuantityError(wrongFormat);
  const [, sign = '', integer = '', fraction = '', suffixText = ''] = match;
  const whole = integer.replace(/^0+/, '');
  const digits = (whole || '0') + fraction;
  const suffix = readSuffix(suffixText);
  const magnitude = BigInt(digits);
  if (suffix.base === 2) {
    const product = magnitude << BigInt(suffix.exponent);
    const precision = 14 - (whole || '0').length - Math.trunc((suffix.exponent * 3) / 10);
    if (!fraction && precision >= 0 && product <= maxInt64) {
      const canonical = (magnitude & 7n) !== 0n;
      return { value: sign === '-' ? -product : product, scale: 0, format: 'BinarySI', ...(canonical && { text }) };
    }
    if (!integer && !fraction) throw new QuantityError(wrongNumber);
    return largeBinaryQuantity(sign === '-', product, -fraction.length);
  }
  const scale = suffix.exponent - fraction.length;
  const signed = sign === '-' ? -magnitude : magnitude;
  const fits = (whole || '0').length + fraction.length <= 18 && scale >= nano;
  if (fits) {
    const canonical = scale % 3 === 0 && !digits.endsWith('000') && digits[0] !== '0';
    return { value: signed, scale, format: suffix.format, ...(canonical && { text }) };
  }
  if (!integer && !fraction) throw new QuantityError(wrongNumber);
  return { ...roundedToNano(signed, scale), format: suffix.format };
}

const quantityPattern = /^([+-]?)([0-9]*)(?:\.([0-9]*))?([eEinumkKMGTP]*[-+]?[0-9]*)$/;

function readSuffix(text: string): { base: 2 | 10; exponent: number; format: QuantityFormat } {
  const decimal = Object.hasOwn(decimalExponents, text) ? decimalExponents[text] : undefined;
  if (decimal !== undefined) return { base: 10, exponent: decimal, format: 'DecimalSI' };
  const binary = Object.hasOwn(binaryExponents, text) ? binaryExponents[text] : undefined;
  if (binary !== undefined) return { base: 2, exponent: binary, format: 'BinarySI' };
  if (/^[eE][-+]?[0-9]+$/.test(text)) {
    const exponent = Number(text.slice(1));
    if (Math.abs(exponent) <= maxExponent) return { base: 10, exponent, format: 'DecimalExponent' };
  }
  throw new QuantityError(wrongSuffix);
}

/** Capped at the greatest int64. */
function largeBinaryQuantity(negative: boolean, magnitude: bigint, scale: number): Quantity {
  let amount = roundedToNano(magnitude, scale);
  if (compareScaled(amount, { value: maxInt64, scale: 0 }) > 0) amount = { value: maxInt64, scale: 0 };
  const belowOne = amount.value > 0n && compareScaled(amount, { value: 1n, scale: 0 }) < 0;
  return {
    value: negative ? -amount.value : amount.value,
    scale: amount.scale,
    format: belowOne ? 'DecimalSI' : 'BinarySI',
  };
}

interface Scaled {
  value: bigint;
  scale: number;
}

const tenTo = (exponent: number): bigint => 10n ** BigInt(exponent);

/** Rounds away from zero to `scale`. */
function roundUp({ value, scale: from }: Scaled, scale: number): Scaled {
  if (from >= scale) return { value, scale: from };
  const divisor = tenTo(scale - from);
  const quotient = value / divisor;
  if (value % divisor === 0n) return { value: quotient, scale };
  return { value: value < 0n ? quotient - 1n : quotient + 1n, scale };
}

const roundedToNano = (value: bigint, scale: number): Scaled => roundUp({ value, scale }, nano);

/** Both values at the finer of the two scales. */
function aligned(a: Scaled, b: Scaled): [bigint, bigint, number] {
  const scale = Math.min(a.scale, b.scale);
  return [a.value * tenTo(a.scale - scale), b.value * tenTo(b.scale - scale), scale];
}

function compareScaled(a: Scaled, b: Scaled): number {
  const [left, right] = aligned(a, b);
  return left < right ? -1 : left > right ? 1 : 0;
}

/** -1, 0 or 1. */
export const compareQuantity = (a: Quantity, b: Quantity): number => compareScaled(a, b);

/** a + b, in a's format unless a is zero. */
export function addQuantity(a: Quantity, b: Quantity): Quantity {
  const [left, right, scale] = aligned(a, b);
  return { value: left + right, scale, format: a.value === 0n ? b.format : a.format };
}

/** A whole number as a quantity. */
export const quantityFromInteger = (value: number | bigint, format: QuantityFormat = 'DecimalSI'): Quantity => ({
  value: BigInt(value),
  scale: 0,
  format,
});

/** Thousandths as a quantity: `quantityFromMilli(1500)` is 1500m. */
export const quantityFromMilli = (value: number | bigint, format: QuantityFormat = 'DecimalSI'): Quantity => ({
  value: BigInt(value),
  scale: -3,
  format,
});

/** The value in units, rounded up (away from zero), as upstream's Value(). */
export const quantityValue = (quantity: Quantity): bigint => scaledValue(quantity, 0);

/** The value in thousandths, rounded up, as upstream's MilliValue(). */
export const quantityMilliValue = (quantity: Quantity): bigint => scaledValue(quantity, -3);

function scaledValue(quantity: Quantity, scale: number): bigint {
  const rounded = roundUp(quantity, scale);
  return rounded.value * tenTo(rounded.scale - scale);
}

/** The canonical text. */
export function formatQuantity(quantity: Quantity): string {
  if (quantity.text !== undefined) return quantity.text;
  if (quantity.value === 0n) return '0';
  const binary = quantity.format === 'BinarySI' ? formatBinary(quantity) : undefined;
  return binary ?? formatDecimal(quantity);
}

/** Undefined when binary suffixes would lose precision or show small numbers badly. */
function formatBinary(quantity: Quantity): string | undefined {
  const limit: Scaled = { value: 1024n, scale: 0 };
  const magnitude: Scaled = { value: quantity.value < 0n ? -quantity.value : quantity.value, scale: quantity.scale };
  if (compareScaled(magnitude, limit) < 0) return undefined;
  const whole = scaledValue(quantity, 0);
  if (compareScaled({ value: whole, scale: 0 }, quantity) !== 0) return undefined;
  let amount = whole;
  let power = 0;
  while (amount % 1024n === 0n) {
    amount /= 1024n;
    power++;
  }
  return `${amount}${binarySuffixes[power] ?? ''}`;
}

function formatDecimal({ value, scale, format }: Quantity): string {
  let amount = value;
  let exponent = scale;
  while (amount % 10n === 0n) {
    amount /= 10n;
    exponent++;
  }
  while (exponent % 3 !== 0) {
    amount *= 10n;
    exponent--;
  }
  if (format === 'DecimalExponent') return exponent === 0 ? `${amount}` : `${amount}e${exponent}`;
  // Beyond exa there is no suffix, and upstream prints none.
  return `${amount}${decimalSuffixes.get(exponent) ?? ''}`;
}

/** `canonicalQuantity('0.5')` is '500m'. Throws QuantityError. */
export function canonicalQuantity(text: string): string {
  if (plainInteger.test(text) && !text.endsWith('000')) return text;
  return formatQuantity(parseQuantity(text));
}

const plainInteger = /^[1-9][0-9]{0,14}$/;
