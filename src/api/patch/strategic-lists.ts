/** Lists of strategic merge patch: finding items by key and keeping them in order. */
import { goPrint, goType } from './go-values.ts';
import { isMap, type JsonMap } from './json.ts';
import { PatchFormatError } from './strategic-errors.ts';

type List = readonly unknown[];

/** What the items of both lists are; they must be alike. */
export function elementKind(original: List, patch: List): 'map' | 'scalar' {
  let first: string | undefined;
  for (const item of [...original, ...patch]) {
    const type = goType(item);
    if (first === undefined) {
      if (Array.isArray(item)) throw new PatchFormatError('lists of lists are not supported', 'unprocessable');
      first = type;
    } else if (type !== first) {
      const lists = `[${goPrint(original)} ${goPrint(patch)}]`;
      throw new PatchFormatError(`list element types are not identical: ${lists}`);
    }
  }
  if (first === undefined) throw new PatchFormatError('no elements in any of the given slices');
  return first.startsWith('map') ? 'map' : 'scalar';
}

/** Position of the item with this key, or -1. */
export function findByKey(items: List, mergeKey: string, value: unknown): number {
  return items.findIndex((item, index) => {
    if (!isMap(item)) throw new PatchFormatError(`value for key ${index} is not a map`);
    return Object.hasOwn(item, mergeKey) && item[mergeKey] === value;
  });
}

/** `items` without those that have the directive's key. */
export function deleteByKey(items: readonly JsonMap[], directive: JsonMap, mergeKey: string): readonly JsonMap[] {
  checkKey(directive, mergeKey);
  return items.filter((item) => item[mergeKey] !== directive[mergeKey] || !Object.hasOwn(item, mergeKey));
}

function checkKey(item: unknown, mergeKey: string): JsonMap {
  if (!isMap(item)) {
    throw new PatchFormatError(`expected a map[string]interface {}, but received a ${goType(item)}`);
  }
  if (!Object.hasOwn(item, mergeKey)) {
    throw new PatchFormatError(`map: ${goPrint(item)} does not contain declared merge key: ${mergeKey}`);
  }
  return item;
}

const keyOf = (item: unknown, mergeKey: string): unknown =>
  mergeKey === '' ? item : checkKey(item, mergeKey)[mergeKey];

/** Splits `list` into what `order` names and what it does not. */
export function partition(list: List, order: List, mergeKey: string): { named: unknown[]; others: unknown[] } {
  const names = new Set(order.map((item) => (mergeKey === '' ? item : isMap(item) ? item[mergeKey] : undefined)));
  const named: unknown[] = [];
  const others: unknown[] = [];
  for (const item of list) (names.has(keyOf(item, mergeKey)) ? named : others).push(item);
  return { named, others };
}

interface Orders {
  patch: List;
  serverOnly: List;
  patchOrder: List;
  serverOrder: List;
  mergeKey: string;
  kind: 'map' | 'scalar';
}

/**
 * One list of both: items of the patch in the patch's order, items that only the server has in its order, interleaved
 * by the server's order where it knows both.
 */
export function normalizeOrder({ patch, serverOnly, patchOrder, serverOrder, mergeKey, kind }: Orders): unknown[] {
  const key = kind === 'map' ? mergeKey : '';
  const right = sortBy(patch, patchOrder, key);
  const left = sortBy(serverOnly, serverOrder, key);
  const position = positions(serverOrder, key);
  const result: unknown[] = [];
  let l = 0;
  let r = 0;
  while (l < left.length && r < right.length) {
    const a = position.get(keyOf(left[l], key));
    const b = position.get(keyOf(right[r], key));
    result.push(a !== undefined && b !== undefined && a < b ? left[l++] : right[r++]);
  }
  return [...result, ...left.slice(l), ...right.slice(r)];
}

/** First position of each key. */
function positions(order: List, mergeKey: string): Map<unknown, number> {
  const found = new Map<unknown, number>();
  order.forEach((item, index) => {
    const key = keyOf(item, mergeKey);
    if (!found.has(key)) found.set(key, index);
  });
  return found;
}

/** Stable; items to be deleted go last. */
function sortBy(items: List, order: List, mergeKey: string): unknown[] {
  const position = positions(order, mergeKey);
  const rank = (item: unknown): number =>
    isMap(item) && item['$patch'] === 'delete' ? order.length : (position.get(keyOf(item, mergeKey)) ?? -1);
  return [...items].sort((a, b) => rank(a) - rank(b));
}

/** A `$setElementOrder` must name the items of the patch, in the same order. */
export function checkSetOrder(list: List, order: List, mergeKey: string): void {
  if (list.length === 0 || order.length === 0) return;
  const items = mergeKey === '' ? list : list.filter((item) => checkMap(item)['$patch'] !== 'delete');
  let next = 0;
  for (let at = 0; next < items.length && at < order.length; ) {
    if (isDirective(items[next])) {
      next++;
      continue;
    }
    if (keyOf(items[next], mergeKey) === keyOf(order[at], mergeKey)) next++;
    at++;
  }
  if (next === items.length) return;
  throw new PatchFormatError(
    `The order in patch list:\n${goPrint(list)}\n doesn't match $setElementOrder list:\n${goPrint(order)}\n`,
  );
}

const isDirective = (item: unknown): boolean => isMap(item) && Object.hasOwn(item, '$patch');

function checkMap(item: unknown): JsonMap {
  if (isMap(item)) return item;
  throw new PatchFormatError(`expected a map[string]interface {}, but received a ${goType(item)}`);
}
