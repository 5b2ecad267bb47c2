/** Kubernetes' intstr.IntOrString: a number, or text such as `25%` or a port's name. */
export type IntOrString = number | string;

/**
 * The number itself, or that share of `total`, rounded up or down. Throws with upstream's text when a string is not a
 * percentage (GetScaledValueFromIntOrPercent).
 */
export function scaledIntOrPercent(value: IntOrString, total: number, rounding: 'up' | 'down'): number {
  if (typeof value === 'number') return value;
  if (!value.endsWith('%')) throw invalid('invalid type: string is not a percentage');
  if (!/^[+-]?[0-9]+%$/.test(value)) {
    const digits = JSON.stringify(value.slice(0, -1));
    throw invalid(`invalid value ${JSON.stringify(value)}: strconv.Atoi: parsing ${digits}: invalid syntax`);
  }
  const share = (Number(value.slice(0, -1)) * total) / 100;
  return rounding === 'up' ? Math.ceil(share) : Math.floor(share);
}

const invalid = (what: string): Error => new Error(`invalid value for IntOrString: ${what}`);

/** The text as a number when it spells an int32, else as it is (intstr.Parse). */
export function parseIntOrString(text: string): IntOrString {
  const number = /^[+-]?[0-9]+$/.test(text) ? Number(text) : Number.NaN;
  return Number.isInteger(number) && number === (number | 0) ? number : text;
}
