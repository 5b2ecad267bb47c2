/** A value without some of its fields. */
import { isEmptyMap, isMap, type JsonMap, setOwn } from '../patch/index.ts';
import { listElement } from './compare.ts';
import { type FieldSet, isMember } from './field-set.ts';
import { fieldType, type ListType, type MergeType } from './merge-type.ts';
import { fieldElement } from './path-element.ts';

/**
 * `value` without the given fields and items. Atomic values become undefined when something below them would have to
 * go; emptied containers stay, as upstream's.
 */
export function removeItems(type: MergeType, value: unknown, fields: FieldSet): unknown {
  if (Array.isArray(value)) return type.kind === 'list' ? removeFromList(type, value, fields) : undefined;
  if (isMap(value))
    return type.kind !== 'scalar' && type.kind !== 'list' ? removeFromMap(type, value, fields) : undefined;
  return type.kind === 'scalar' || type.kind === 'any' ? value : undefined;
}

function removeBelow(type: MergeType | undefined, value: unknown, fields: FieldSet): unknown {
  const rest = type ? removeItems(type, value, fields) : undefined;
  if (rest !== undefined && rest !== null) return rest;
  if (isMap(value)) return {};
  return Array.isArray(value) ? [] : null;
}

function removeFromMap(type: MergeType, map: JsonMap, fields: FieldSet): JsonMap | undefined {
  if (isEmptyMap(map) || ('atomic' in type && type.atomic)) return undefined;
  const result: Record<string, unknown> = {};
  let touched = false;
  for (const name of Object.keys(map)) {
    const node = fields[fieldElement(name)];
    if (node && isMember(node)) continue;
    if (node) touched = true;
    setOwn(result, name, node ? removeBelow(fieldType(type, name), map[name], node) : map[name]);
  }
  return touched || !isEmptyMap(result) ? result : undefined;
}

function removeFromList(type: ListType, items: readonly unknown[], fields: FieldSet): unknown[] | undefined {
  if (items.length === 0 || type.relation === 'atomic') return undefined;
  const result: unknown[] = [];
  let touched = false;
  for (const item of items) {
    const node = fields[listElement(type, item)];
    if (node && isMember(node)) continue;
    if (node) touched = true;
    result.push(node ? removeBelow(type.item, item, node) : item);
  }
  return touched || result.length > 0 ? result : undefined;
}
