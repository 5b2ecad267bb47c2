/** Which fields differ between two objects, as structured-merge-diff tells it. */
import { type FieldSet, leaf, makeNode, withSelf } from './field-set.ts';
import { deepEqual, isEmptyMap, isMap, type JsonMap, own } from '../patch/index.ts';
import { type AnyType, fieldType, type ListType, type MergeType } from './merge-type.ts';
import { compareElements, fieldElement, keyElement, type PathElement, valueElement } from './path-element.ts';

/** A value that does not fit its type, or a list item without its keys. The object's fields cannot be tracked. */
export class TypedError extends Error {
  override readonly name = 'TypedError';
}

/** `changed`: added or modified. Node form: a leaf means that the field itself is concerned. */
export interface Delta {
  changed: FieldSet | undefined;
  removed: FieldSet | undefined;
}

const added: Delta = { changed: leaf, removed: undefined };
const gone: Delta = { changed: undefined, removed: leaf };

/**
 * Compares two values of one type. undefined = absent (not both), null = an explicit null. Shared structure is skipped,
 * so an update that keeps `spec` by reference pays nothing for it.
 */
export function compareValues(type: MergeType, left: unknown, right: unknown): Delta | undefined {
  if (left === right) return undefined;
  switch (type.kind) {
    case 'scalar':
      return compareLeaf(left, right);
    case 'struct':
      return compareMaps((name) => type.field(name), type.atomic, left, right);
    case 'map':
      return compareMaps(() => type.value, type.atomic, left, right);
    case 'list':
      return compareLists(type, left, right);
    case 'any':
      return compareAny(type, left, right);
  }
}

function compareLeaf(left: unknown, right: unknown): Delta | undefined {
  if (left === undefined) return added;
  if (right === undefined) return gone;
  return deepEqual(left, right) ? undefined : added;
}

class DeltaBuilder {
  #changed: [PathElement, FieldSet][] = [];
  #removed: [PathElement, FieldSet][] = [];

  add(element: PathElement, delta: Delta): void {
    if (delta.changed) this.#changed.push([element, delta.changed]);
    if (delta.removed) this.#removed.push([element, delta.removed]);
  }

  build(isNew: boolean, isGone: boolean): Delta | undefined {
    const changed = nodeOf(isNew, this.#changed);
    const removed = nodeOf(isGone, this.#removed);
    return changed || removed ? { changed, removed } : undefined;
  }
}

function nodeOf(member: boolean, children: [PathElement, FieldSet][]): FieldSet | undefined {
  if (children.length === 0) return member ? leaf : undefined;
  if (children.length > 1) children.sort((a, b) => compareElements(a[0], b[0]));
  return makeNode(member, children);
}

type FieldLookup = (name: string) => MergeType | undefined;

function compareMaps(typeOf: FieldLookup, atomic: boolean, left: unknown, right: unknown): Delta | undefined {
  const a = isMap(left) ? left : undefined;
  const b = isMap(right) ? right : undefined;
  if (atomic || ((!a || isEmptyMap(a)) && (!b || isEmptyMap(b)))) return compareLeaf(left, right);
  const builder = new DeltaBuilder();
  compareFields(typeOf, a ?? {}, b ?? {}, builder);
  return builder.build(left === undefined, right === undefined);
}

function compareFields(typeOf: FieldLookup, a: JsonMap, b: JsonMap, builder: DeltaBuilder): void {
  for (const name in a) compareField(typeOf, name, a[name], own(b, name), builder);
  for (const name in b) {
    if (!Object.hasOwn(a, name)) compareField(typeOf, name, undefined, b[name], builder);
  }
}

function compareField(typeOf: FieldLookup, name: string, a: unknown, b: unknown, builder: DeltaBuilder): void {
  if (a === b) return;
  const type = typeOf(name);
  if (!type) throw new TypedError(`.${name}: field not declared in schema`);
  const delta = compareValues(type, a, b);
  if (delta) builder.add(fieldElement(name), delta);
}

/**
 * Compares whole objects. kind, apiVersion and metadata.managedFields are not looked at: nobody owns them.
 */
export function compareObjects(type: MergeType, left: JsonMap, right: JsonMap): Delta {
  const typeOf = lookup(type);
  const builder = new DeltaBuilder();
  for (const name of namesOf(left, right)) {
    if (name === 'kind' || name === 'apiVersion') continue;
    if (name === 'metadata') compareMetadata(typeOf(name) ?? type, left[name], right[name], builder);
    else compareField(typeOf, name, own(left, name), own(right, name), builder);
  }
  return builder.build(false, false) ?? { changed: undefined, removed: undefined };
}

function compareMetadata(type: MergeType, left: unknown, right: unknown, builder: DeltaBuilder): void {
  if (left === right) return;
  const typeOf = lookup(type);
  const a = isMap(left) ? left : {};
  const b = isMap(right) ? right : {};
  const inner = new DeltaBuilder();
  for (const name of namesOf(a, b)) {
    if (name !== 'managedFields') compareField(typeOf, name, own(a, name), own(b, name), inner);
  }
  const delta = inner.build(left === undefined, right === undefined);
  if (delta) builder.add('f:metadata', delta);
}

function* namesOf(a: JsonMap, b: JsonMap): Generator<string> {
  for (const name in a) yield name;
  for (const name in b) if (!Object.hasOwn(a, name)) yield name;
}

const lookup =
  (type: MergeType): FieldLookup =>
  (name) =>
    fieldType(type, name);

// --- lists ------------------------------------------------------------------------------------------------------

/** The element that names `item` in an associative list. */
export function listElement(type: ListType, item: unknown): PathElement {
  if (type.relation === 'set') {
    if (isMap(item)) throw new TypedError("associative list without keys has an element that's a map type");
    if (Array.isArray(item)) throw new TypedError('not supported: associative list with lists as elements');
    if (item === null) throw new TypedError("associative list without keys has an element that's an explicit null");
    return valueElement(item);
  }
  if (item === null) throw new TypedError('associative list with keys may not have a null element');
  if (!isMap(item)) throw new TypedError('associative list with keys may not have non-map elements');
  const values = type.keys.map((key, i) => own(item, key) ?? type.keyDefaults[i]);
  if (values.every((value) => value === undefined)) {
    const names = `[${type.keys.map((key) => JSON.stringify(key)).join(' ')}]`;
    throw new TypedError(
      `associative list with keys has an element that omits all key fields ${names} (and doesn't have default values for any key fields)`,
    );
  }
  return keyElement(type.keys, values);
}

function compareLists(type: ListType, left: unknown, right: unknown): Delta | undefined {
  const a: readonly unknown[] = Array.isArray(left) ? left : [];
  const b: readonly unknown[] = Array.isArray(right) ? right : [];
  if (type.relation === 'atomic' || (a.length === 0 && b.length === 0)) return compareLeaf(left, right);
  if (a.length === b.length && a.every((item, i) => deepEqual(item, b[i]))) return undefined;
  const builder = new DeltaBuilder();
  const groups = groupItems(type, a, b);
  for (const [element, group] of groups) {
    for (const delta of compareGroup(type, group)) builder.add(element, delta);
  }
  return builder.build(left === undefined, right === undefined);
}

interface Group {
  left: unknown[];
  right: unknown[];
}

function groupItems(type: ListType, a: readonly unknown[], b: readonly unknown[]): Map<PathElement, Group> {
  const groups = new Map<PathElement, Group>();
  const collect = (items: readonly unknown[], side: 'left' | 'right'): void => {
    items.forEach((item) => {
      const element = listElement(type, item);
      const group = groups.get(element);
      if (group) group[side].push(item);
      else groups.set(element, { left: [], right: [], [side]: [item] });
    });
  };
  collect(a, 'left');
  collect(b, 'right');
  return groups;
}

/** Items with one key. Duplicates are looked at as a whole: the item itself is modified, added or removed. */
function compareGroup(type: ListType, { left, right }: Group): Delta[] {
  if (left.length <= 1 && right.length <= 1) return present(compareValues(type.item, left[0], right[0]));
  if (left.length >= 2 && right.length >= 2) return deepEqual(left, right) ? [] : [added];
  if (left.length >= 2) {
    const now = right.length > 0 ? present(compareValues(type.item, undefined, right[0])) : [];
    return [...now, gone];
  }
  const before = left.length > 0 ? present(compareValues(type.item, left[0], undefined)) : [];
  return [...before, added];
}

const present = (delta: Delta | undefined): Delta[] => (delta ? [delta] : []);

// --- without a schema -------------------------------------------------------------------------------------------

const shapeOf = (value: unknown): 'absent' | 'null' | 'map' | 'list' | 'scalar' => {
  if (value === undefined) return 'absent';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'list';
  return typeof value === 'object' ? 'map' : 'scalar';
};

/** Deduced types: maps are granular, the rest is a leaf; a map that replaces something else is added field by field. */
function compareAny(type: AnyType, left: unknown, right: unknown): Delta | undefined {
  if (type.atomic) return compareLeaf(left, right);
  const before = shapeOf(left);
  const after = shapeOf(right);
  if (before !== 'map' && after !== 'map') return compareLeaf(left, right);
  const children = compareMaps(() => type, false, left, right);
  const isSwap = (shape: string): boolean => shape === 'list' || shape === 'scalar';
  if (!isSwap(before) && !isSwap(after)) return children;
  return { changed: withSelf(children?.changed ?? leaf), removed: children?.removed };
}
