/** Amounts of resources as numbers: cpu in thousandths, everything else in units. */
import { parseQuantity, quantityMilliValue, quantityValue } from '../schema/index.ts';

/** By resource name; what is absent is 0. */
export type Amounts = Map<string, number>;

type Quantities = Readonly<Record<string, string>>;

/** Texts read lately: pods of one template say the same again and again. */
const known = new Map<string, number>();
const knownLimit = 4_096;

/** The amount that `text` spells of `resource`, rounded up. */
export function amountOf(resource: string, text: string): number {
  const key = resource === 'cpu' ? `${text}c` : text;
  const found = known.get(key);
  if (found !== undefined) return found;
  const quantity = parseQuantity(text);
  const amount = Number(resource === 'cpu' ? quantityMilliValue(quantity) : quantityValue(quantity));
  if (known.size >= knownLimit) known.clear();
  known.set(key, amount);
  return amount;
}

export function amountsOf(quantities: Quantities | undefined): Amounts {
  const amounts: Amounts = new Map();
  addQuantities(amounts, quantities);
  return amounts;
}

export function addQuantities(to: Amounts, quantities: Quantities | undefined): void {
  for (const name in quantities) to.set(name, (to.get(name) ?? 0) + amountOf(name, quantities[name]!));
}

export function addAmounts(to: Amounts, from: ReadonlyMap<string, number>, sign: 1 | -1 = 1): void {
  for (const [name, amount] of from) to.set(name, (to.get(name) ?? 0) + sign * amount);
}

export function raiseTo(to: Amounts, least: Amounts): void {
  for (const [name, amount] of least) to.set(name, Math.max(to.get(name) ?? 0, amount));
}

/** Whether pods ask for it by name and nodes offer it by name, as against cpu, memory, ephemeral storage and pods. */
export const isScalar = (resource: string): boolean =>
  resource.includes('/') || resource.startsWith('hugepages-') || resource.startsWith('attachable-volumes-');
