/** Resource amounts as admission sees them: in their text form, as the API keeps them. */
import { addQuantity, compareQuantity, formatQuantity, parseQuantity, quantityMilliValue } from '../../schema/index.ts';

export type ResourceList = Record<string, string>;

/** -1, 0 or 1; an absent amount is 0. */
export const compareAmounts = (a = '0', b = '0'): number => compareQuantity(parseQuantity(a), parseQuantity(b));

/** The sum, in the format of the first that is not zero. */
export const addAmounts = (a = '0', b = '0'): string => formatQuantity(addQuantity(parseQuantity(a), parseQuantity(b)));

/** Thousandths, rounded up. */
export const milliOf = (amount = '0'): bigint => quantityMilliValue(parseQuantity(amount));

/** Equality by value: `1` is `1000m`. */
export function sameAmounts(a: ResourceList = {}, b: ResourceList = {}): boolean {
  const names = Object.keys(a);
  if (names.length !== Object.keys(b).length) return false;
  return names.every((name) => b[name] !== undefined && compareAmounts(a[name], b[name]) === 0);
}
