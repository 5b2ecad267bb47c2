/** Which fields a value mentions. */
import { isEmptyMap, isMap, type JsonMap } from '../patch/index.ts';
import { listElement, TypedError } from './compare.ts';
import { type FieldSet, leaf, makeNode, withSelf } from './field-set.ts';
import { fieldType, type ListType, type MergeType } from './merge-type.ts';
import { compareElements, fieldElement, type PathElement } from './path-element.ts';

/** Every field and item that `object` mentions: what an applier owns by applying it. */
export function toFieldSet(type: MergeType, object: JsonMap): FieldSet {
  return makeNode(false, fieldsOf(type, object));
}

type Children = [PathElement, FieldSet][];

/** Node of a value: undefined when nothing of it counts. */
function nodeOf(type: MergeType, value: unknown): FieldSet | undefined {
  switch (type.kind) {
    case 'scalar':
      return leaf;
    case 'list':
      return type.relation === 'atomic' ? leaf : below(Array.isArray(value) ? itemsOf(type, value) : []);
    case 'any':
      return type.atomic || !isMap(value) ? leaf : below(fieldsOf(type, value));
    default:
      return type.atomic ? leaf : below(isMap(value) ? fieldsOf(type, value) : []);
  }
}

const below = (children: Children): FieldSet | undefined =>
  children.length > 0 ? makeNode(false, children) : undefined;

function fieldsOf(type: MergeType, map: JsonMap): Children {
  const children: Children = [];
  for (const name of Object.keys(map)) {
    const value = map[name];
    const field = fieldType(type, name);
    if (!field) throw new TypedError(`.${name}: field not declared in schema`);
    const node = nodeOf(field, value);
    const isOwned = type.kind !== 'struct' || value === null || (isMap(value) && isEmptyMap(value));
    if (isOwned) children.push([fieldElement(name), node ? withSelf(node) : leaf]);
    else if (node) children.push([fieldElement(name), node]);
  }
  return sorted(children);
}

function itemsOf(type: ListType, items: readonly unknown[]): Children {
  const elements = items.map((item) => listElement(type, item));
  const counts = new Map<PathElement, number>();
  for (const element of elements) counts.set(element, (counts.get(element) ?? 0) + 1);
  const nodes = new Map<PathElement, FieldSet>();
  items.forEach((item, i) => {
    const element = elements[i]!;
    const node = counts.get(element) === 1 ? nodeOf(type.item, item) : undefined;
    nodes.set(element, node ? withSelf(node) : leaf);
  });
  return sorted([...nodes]);
}

const sorted = (children: Children): Children => children.sort((a, b) => compareElements(a[0], b[0]));

/** Adds the named fields above each member: an owner of `a.b.c` then owns the struct field `a` too, but no map entry. */
export function withNamedFields(type: MergeType | undefined, set: FieldSet): FieldSet {
  const result: Record<PathElement, FieldSet> = {};
  for (const element in set) {
    const node = set[element]!;
    if (isLeafOrSelf(element, node)) {
      result[element] = node;
      continue;
    }
    const name = element[0] === 'f' ? element.slice(2) : undefined;
    const child = withNamedFields(childType(type, element, name), node);
    const isNamed = name !== undefined && type?.kind === 'struct' && type.field(name) !== undefined;
    result[element] = isNamed ? withSelf(child) : child;
  }
  return result;
}

const isLeafOrSelf = (element: PathElement, node: FieldSet): boolean => element === '.' || isEmptyMap(node);

function childType(type: MergeType | undefined, element: PathElement, name: string | undefined): MergeType | undefined {
  if (!type) return undefined;
  if (name !== undefined) return fieldType(type, name);
  return element[0] === 'k' && type.kind === 'list' ? type.item : undefined;
}
