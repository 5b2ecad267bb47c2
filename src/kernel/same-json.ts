/** Equality of JSON values: the order of members does not matter, an absent member equals an undefined one. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    return a.every((item, index) => sameJson(item, b[index]));
  }
  const one = a as Record<string, unknown>;
  const other = b as Record<string, unknown>;
  for (const key of Object.keys(one)) {
    if (!sameJson(one[key], Object.hasOwn(other, key) ? other[key] : undefined)) return false;
  }
  return Object.keys(other).every((key) => other[key] === undefined || Object.hasOwn(one, key));
}
