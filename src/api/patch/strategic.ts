/** Strategic merge patch: lists merge by key, and directives in the patch say what else is meant. */
import { apiError } from '../../kernel/index.ts';
import type { MessageName } from '../../schema/index.ts';
import { cannotApply, unknownServerError } from './errors.ts';
import { goPrint, jsonKind } from './go-values.ts';
import { isMap, type JsonMap, own, setOwn } from './json.ts';
import { withoutNulls } from './merge-patch.ts';
import { checkSetOrder, deleteByKey, elementKind, findByKey, normalizeOrder, partition } from './strategic-lists.ts';
import { lookupList, lookupMap, messagePatchType, type PatchedField, type PatchType } from './strategic-schema.ts';
import { PatchFormatError } from './strategic-errors.ts';

const directive = '$patch';
const retainKeys = '$retainKeys';
const deleteFromPrimitiveList = '$deleteFromPrimitiveList';
const setElementOrder = '$setElementOrder';

/**
 * Merges `patch` (the parsed body) into `object`, which is not changed; what the patch does not touch is shared. Throws
 * StatusError as upstream: 400 for directives in a wrong form, 422 for lists of lists, 500 without reason for the rest.
 */
export function strategicMergePatch<T extends object>(message: MessageName, object: T, patch: unknown): T {
  if (patch !== null && !isMap(patch)) {
    throw apiError.badRequest(
      `json: cannot unmarshal ${jsonKind(patch)} into Go value of type map[string]interface {}`,
    );
  }
  try {
    return mergeMap(object as unknown as JsonMap, patch ?? {}, messagePatchType(message)) as T;
  } catch (error) {
    if (!(error instanceof PatchFormatError)) throw error;
    if (error.answer === 'badRequest') throw apiError.badRequest(error.message);
    throw error.answer === 'unprocessable' ? cannotApply() : unknownServerError(error.message);
  }
}

function mergeMap(original: JsonMap, patch: JsonMap, type: PatchType): JsonMap {
  if (Object.hasOwn(patch, directive)) return applyMapDirective(patch);
  const result: Record<string, unknown> = retained(original, patch);
  const rest = mergeOrderedLists(result, patch, type);
  for (const name of Object.keys(rest)) {
    if (name !== retainKeys) mergeMember(result, name, rest[name], type);
  }
  return result;
}

function applyMapDirective(patch: JsonMap): JsonMap {
  const { [directive]: kind, ...content } = patch;
  if (kind === 'replace') return content;
  if (kind === 'delete') return {};
  throw new PatchFormatError(`unknown patch type: ${goPrint(kind)} in map: ${goPrint(patch)}`);
}

/** A copy of `original`, without what `$retainKeys` does not name. */
function retained(original: JsonMap, patch: JsonMap): Record<string, unknown> {
  if (!Object.hasOwn(patch, retainKeys)) return { ...original };
  const names = patch[retainKeys];
  const wrong = new PatchFormatError('invalid patch format of retainKeys', 'badRequest');
  if (!Array.isArray(names)) throw wrong;
  const kept = new Set<unknown>(names);
  for (const name of Object.keys(patch)) {
    const isDirective =
      name === retainKeys || name.startsWith(deleteFromPrimitiveList) || name.startsWith(setElementOrder);
    if (!isDirective && patch[name] !== null && !kept.has(name)) throw wrong;
  }
  const result: Record<string, unknown> = {};
  for (const name of Object.keys(original)) if (kept.has(name)) setOwn(result, name, original[name]);
  return result;
}

function mergeMember(result: Record<string, unknown>, member: string, value: unknown, type: PatchType): void {
  const isDeleteList = member.startsWith(deleteFromPrimitiveList);
  const name = isDeleteList
    ? listNameOf(member, deleteFromPrimitiveList, 'invalid patch format of primitive list')
    : member;
  if (value === null) {
    delete result[name];
    return;
  }
  const current = own(result, name);
  const bothMaps = isMap(current) && isMap(value);
  const bothLists = Array.isArray(current) && Array.isArray(value);
  if (bothMaps) {
    const field = lookupMap(type, name);
    setOwn(result, name, field.strategy === 'replace' ? value : mergeMap(current, value, field.type));
  } else if (bothLists) {
    const field = lookupList(type, name);
    setOwn(result, name, mergeListField(current, value, field, isDeleteList));
  } else if (!isDeleteList) {
    setOrDelete(result, name, withoutDirectives(withoutNulls(value)));
  }
}

function setOrDelete(result: Record<string, unknown>, name: string, value: unknown): void {
  if (value === undefined) delete result[name];
  else setOwn(result, name, value);
}

const listNameOf = (member: string, prefix: string, error: string): string => {
  const slash = member.indexOf('/');
  if (slash < 0 || member.slice(0, slash) !== prefix) throw new PatchFormatError(error, 'badRequest');
  return member.slice(slash + 1);
};

/** The value without maps that carry `$patch`; undefined when it is one itself. */
function withoutDirectives(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutDirectives).filter((item) => item !== undefined);
  if (!isMap(value)) return value;
  if (Object.hasOwn(value, directive)) return undefined;
  const result: Record<string, unknown> = {};
  for (const name of Object.keys(value)) setOrDelete(result, name, withoutDirectives(value[name]));
  return result;
}

// --- lists ------------------------------------------------------------------------------------------------------

type List = readonly unknown[];

const mergeListField = (current: List, patch: List, field: PatchedField, isDeleteList: boolean): List =>
  field.strategy === 'merge' || isDeleteList ? mergeList(current, patch, field, isDeleteList) : patch;

function mergeList(original: List, patch: List, field: PatchedField, isDeleteList: boolean): List {
  if (original.length === 0 && patch.length === 0) return original;
  const kind = elementKind(original, patch);
  const { mergeKey } = field;
  if (kind !== 'map') {
    if (isDeleteList) return original.filter((item) => !patch.includes(item));
    const merged = [...new Set([...original, ...patch])];
    return inOrder(merged, patch, original, mergeKey, kind);
  }
  if (mergeKey === '') throw new PatchFormatError(`cannot merge lists without merge key for ${field.type.goKind}`);
  const { base, items } = applyListDirectives(original as readonly JsonMap[], patch as readonly JsonMap[], mergeKey);
  return inOrder(mergeItems(base, items, field), items, base, mergeKey, kind);
}

/** `merged` with the items of `order` in that order and the others where `serverOrder` has them. */
function inOrder(merged: List, order: List, serverOrder: List, mergeKey: string, kind: 'map' | 'scalar'): List {
  const { named, others } = partition(merged, order, mergeKey);
  return normalizeOrder({ patch: named, serverOnly: others, patchOrder: order, serverOrder, mergeKey, kind });
}

function applyListDirectives(original: readonly JsonMap[], patch: readonly JsonMap[], mergeKey: string) {
  let base = original;
  let replace = false;
  const items: JsonMap[] = [];
  for (const item of patch) {
    if (!Object.hasOwn(item, directive)) items.push(item);
    else if (item[directive] === 'delete') base = deleteByKey(base, item, mergeKey);
    else if (item[directive] === 'replace') replace = true;
    else if (item[directive] === 'merge') {
      throw new PatchFormatError('merging lists cannot yet be specified in the patch');
    } else {
      throw new PatchFormatError(`unknown patch type: ${goPrint(item[directive])} in map: ${goPrint(item)}`);
    }
  }
  return replace ? { base: items, items: [] } : { base, items };
}

function mergeItems(base: readonly JsonMap[], items: readonly JsonMap[], field: PatchedField): JsonMap[] {
  const merged = [...base];
  for (const item of items) {
    const index = findByKey(merged, field.mergeKey, keyOf(item, field.mergeKey));
    if (index < 0) merged.push(item);
    else merged[index] = mergeMap(merged[index]!, item, field.type);
  }
  return merged;
}

function keyOf(item: JsonMap, mergeKey: string): unknown {
  if (Object.hasOwn(item, mergeKey)) return item[mergeKey];
  throw new PatchFormatError(`map: ${goPrint(item)} does not contain declared merge key: ${mergeKey}`);
}

/**
 * Merges the lists that have a `$setElementOrder` beside them, into `result`. Returns the rest of the patch: neither
 * these lists nor their orders.
 */
function mergeOrderedLists(result: Record<string, unknown>, patch: JsonMap, type: PatchType): JsonMap {
  const orders = Object.keys(patch).filter((name) => name.startsWith(setElementOrder));
  if (orders.length === 0) return patch;
  const rest: Record<string, unknown> = { ...patch };
  for (const member of orders) {
    delete rest[member];
    const order = asList(patch[member]);
    const name = listNameOf(member, setElementOrder, 'invalid patch format of setElementOrder list');
    const current = Object.hasOwn(result, name) ? asList(result[name]) : undefined;
    const list = Object.hasOwn(rest, name) ? asList(rest[name]) : undefined;
    const field = lookupList(type, name);
    checkSetOrder(list ?? [], order, field.mergeKey);
    const merged = mergeUnordered(current, list, field);
    if (!merged) continue;
    const kind = elementKind(current ?? [], list ?? []);
    setOwn(result, name, inOrder(merged, order, current ?? [], field.mergeKey, kind));
    delete rest[name];
  }
  return rest;
}

function mergeUnordered(current: List | undefined, list: List | undefined, field: PatchedField): List | undefined {
  if (!list) return current;
  return current ? mergeListField(current, list, field, false) : (withoutDirectives(list) as List);
}

function asList(value: unknown): List {
  if (Array.isArray(value)) return value;
  const found = value === null ? '%!s(<nil>)' : isMap(value) ? 'map[string]interface {}' : typeof value;
  throw new PatchFormatError(`expected a []interface {}, but received a ${found}`);
}
