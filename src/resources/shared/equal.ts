import { compareQuantities, isQuantity } from './quantity.ts';

/** Fields whose value is a map: empty equals absent. An empty struct (`emptyDir: {}`) is something else than none. */
const mapFields = new Set(
  (
    'labels annotations nodeSelector matchLabels limits requests data stringData binaryData capacity allocatable hard ' +
    'used overhead podFixed parameters volumeAttributes options extra max min default defaultRequest'
  ).split(' '),
);

/**
 * Deep equality as apimachinery's Semantic.DeepEqual sees it: an absent value equals an empty list or map, and key
 * order does not matter.
 */
export function semanticEqual(a: unknown, b: unknown, key = ''): boolean {
  if (a === b) return true;
  if (isEmpty(a, key) && isEmpty(b, key)) return true;
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, index) => semanticEqual(item, b[index]));
  }
  if (!isRecord(a) || !isRecord(b)) return false;
  for (const name of Object.keys(a)) if (!semanticEqual(a[name], b[name], name)) return false;
  for (const name of Object.keys(b)) if (!(name in a) && !isEmpty(b[name], name)) return false;
  return true;
}

/** Equality of resource lists: quantities by value, so that `1` equals `1000m`. */
export function sameResourceList(a: ResourceList | undefined, b: ResourceList | undefined): boolean {
  const keys = new Set([...Object.keys(a ?? {}), ...Object.keys(b ?? {})]);
  for (const key of keys) {
    const [left, right] = [a?.[key], b?.[key]];
    if (left === undefined || right === undefined) return false;
    if (left !== right && !(isQuantity(left) && isQuantity(right) && compareQuantities(left, right) === 0))
      return false;
  }
  return true;
}

export type ResourceList = Readonly<Record<string, string>>;

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isEmpty(value: unknown, key: string): boolean {
  if (value === undefined || value === null) return true;
  if (Array.isArray(value)) return value.length === 0;
  return mapFields.has(key) && isRecord(value) && Object.keys(value).length === 0;
}
