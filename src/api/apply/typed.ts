/** Operations on whole values that apply needs: checking, the set of fields, merging, removing. */
import { compareElements, fieldElement, type PathElement, printElement } from './path-element.ts';
import { listElement, TypedError } from './compare.ts';
import { type FieldSet, isMember, leaf, makeNode, withSelf } from './field-set.ts';
import { goPrint, goSyntax, goType, isEmptyMap, isMap, type JsonMap, own, setOwn } from '../patch/index.ts';
import type { ListType, MergeType, ScalarType } from './merge-type.ts';

/** The type of a field of a map-like value; undefined = not declared. */
export function fieldType(type: MergeType, name: string): MergeType | undefined {
  switch (type.kind) {
    case 'struct':
      return type.field(name);
    case 'map':
      return type.value;
    case 'any':
      return type;
    default:
      return undefined;
  }
}

const isMapType = (type: MergeType): boolean => type.kind === 'struct' || type.kind === 'map';

// --- validation -------------------------------------------------------------------------------------------------

/** Checks `value` against its type; messages as structured-merge-diff words them. Duplicate list items are refused. */
export function validate(type: MergeType, value: unknown): void {
  const problems = problemsOf(type, value, '');
  if (problems.length === 0) return;
  throw new TypedError(problems.length === 1 ? problems[0]! : `errors:\n${problems.map((p) => `  ${p}`).join('\n')}`);
}

const at = (path: string, message: string): string => (path ? `${path}: ${message}` : message);

function problemsOf(type: MergeType, value: unknown, path: string): string[] {
  if (value === null || value === undefined) return [];
  switch (type.kind) {
    case 'scalar':
      return scalarProblems(type, value, path);
    case 'list':
      return Array.isArray(value) ? listProblems(type, value, path) : [at(path, `expected list, got ${print(value)}`)];
    case 'any':
      return [];
    default:
      return isMap(value) ? mapProblems(type, value, path) : [at(path, `expected map, got ${print(value)}`)];
  }
}

function scalarProblems({ scalar }: ScalarType, value: unknown, path: string): string[] {
  switch (scalar) {
    case 'numeric':
      return typeof value === 'number' || typeof value === 'bigint'
        ? []
        : [at(path, `expected numeric (int or float), got ${goType(value)}`)];
    case 'string':
      return typeof value === 'string'
        ? []
        : [at(path, `expected string, got &value.valueUnstructured{Value:${goSyntax(value)}}`)];
    case 'boolean':
      return typeof value === 'boolean' ? [] : [at(path, `expected boolean, got ${print(value)}`)];
    case 'untyped':
      return typeof value !== 'object' ? [] : [at(path, `expected any scalar, got ${print(value)}`)];
  }
}

function listProblems(type: ListType, items: readonly unknown[], path: string): string[] {
  const problems: string[] = [];
  const seen = new Set<PathElement>();
  for (const [index, item] of items.entries()) {
    let element = `i:${index}`;
    if (type.relation !== 'atomic') {
      try {
        element = listElement(type, item);
      } catch (error) {
        if (!(error instanceof TypedError)) throw error;
        return [...problems, at(path, `element ${index}: ${error.message}`)];
      }
      if (seen.has(element)) problems.push(at(path, `duplicate entries for key ${printElement(element)}`));
      seen.add(element);
    }
    problems.push(...problemsOf(type.item, item, path + printElement(element)));
  }
  return problems;
}

function mapProblems(type: MergeType, map: JsonMap, path: string): string[] {
  const problems: string[] = [];
  for (const name of Object.keys(map)) {
    const field = fieldType(type, name);
    if (!field) return [...problems, at(`${path}.${name}`, 'field not declared in schema')];
    problems.push(...problemsOf(field, map[name], `${path}.${name}`));
  }
  return problems;
}

const print = (value: unknown): string => `&{${goPrint(value)}}`;

// --- set of fields ----------------------------------------------------------------------------------------------

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

// --- removing ---------------------------------------------------------------------------------------------------

/**
 * `value` without the given fields and items. Atomic values become undefined when something below them would have to
 * go; emptied containers stay, as upstream's.
 */
export function removeItems(type: MergeType, value: unknown, fields: FieldSet): unknown {
  if (Array.isArray(value)) return type.kind === 'list' ? removeFromList(type, value, fields) : undefined;
  if (isMap(value)) return isMapType(type) || type.kind === 'any' ? removeFromMap(type, value, fields) : undefined;
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

// --- merging ----------------------------------------------------------------------------------------------------

/** `left` with what `right` says; nothing is removed. undefined = absent. */
export function mergeValues(type: MergeType, left: unknown, right: unknown): unknown {
  if (right === undefined) return left;
  switch (type.kind) {
    case 'scalar':
      return right;
    case 'list':
      return mergeLists(type, left, right);
    case 'any':
      if (type.atomic || Array.isArray(right) || (right !== null && !isMap(right))) return right;
      return mergeMaps(type, left, right);
    default:
      return mergeMaps(type, left, right);
  }
}

function mergeMaps(type: MergeType, left: unknown, right: unknown): unknown {
  const a = isMap(left) ? left : {};
  const b = isMap(right) ? right : {};
  if (('atomic' in type && type.atomic) || (isEmptyMap(a) && isEmptyMap(b))) return right;
  const result: Record<string, unknown> = {};
  for (const name of Object.keys(a)) {
    setOwn(result, name, Object.hasOwn(b, name) ? mergeField(type, name, a[name], b[name]) : a[name]);
  }
  for (const name of Object.keys(b)) {
    if (!Object.hasOwn(a, name)) setOwn(result, name, mergeField(type, name, undefined, b[name]));
  }
  return result;
}

const mergeField = (type: MergeType, name: string, a: unknown, b: unknown): unknown => {
  const field = fieldType(type, name);
  return field ? mergeValues(field, a, b) : b;
};

function mergeLists(type: ListType, left: unknown, right: unknown): unknown {
  const a: readonly unknown[] = Array.isArray(left) ? left : [];
  const b: readonly unknown[] = Array.isArray(right) ? right : [];
  if (type.relation === 'atomic' || (a.length === 0 && b.length === 0)) return right;
  return new ListMerge(type, a, b).run();
}

/**
 * Merges two associative lists. Items that both have stand in the right list's order; the others keep their places
 * between them. Items that the left list has twice are replaced, not merged.
 */
class ListMerge {
  readonly #type: ListType;
  readonly #left: readonly unknown[];
  readonly #leftElements: PathElement[];
  readonly #rightElements: PathElement[];
  readonly #leftItems = new Map<PathElement, unknown>();
  readonly #rightItems = new Map<PathElement, unknown>();
  readonly #shared: readonly PathElement[];
  #sharedTaken = 0;
  readonly #merged = new Set<PathElement>();
  readonly #out: unknown[] = [];

  constructor(type: ListType, left: readonly unknown[], right: readonly unknown[]) {
    this.#type = type;
    this.#left = left;
    this.#rightElements = right.map((item) => this.#index(this.#rightItems, item, false));
    this.#leftElements = left.map((item) => this.#index(this.#leftItems, item, true));
    this.#shared = this.#rightElements.filter((element) => this.#leftItems.has(element));
  }

  #index(items: Map<PathElement, unknown>, item: unknown, allowDuplicates: boolean): PathElement {
    const element = listElement(this.#type, item);
    if (items.has(element) && !allowDuplicates) {
      throw new TypedError(`duplicate entries for key ${printElement(element)}`);
    }
    items.set(element, items.has(element) ? undefined : item);
    return element;
  }

  run(): unknown[] {
    const lefts = this.#leftElements;
    const rights = this.#rightElements;
    let l = 0;
    let r = 0;
    while (l < lefts.length || r < rights.length) {
      const element = lefts[l];
      if (element !== undefined && r < rights.length) {
        if (element === rights[r]) {
          this.#takeRight(element);
          l++;
          r++;
          continue;
        }
        const nextShared = this.#shared[this.#sharedTaken];
        if (this.#rightItems.has(element) && nextShared !== undefined && nextShared !== element) {
          l++;
          continue;
        }
      }
      if (element !== undefined) {
        if (!this.#rightItems.has(element)) {
          this.#out.push(this.#left[l++]);
          continue;
        }
        if (this.#merged.has(element)) l++;
      }
      const next = rights[r];
      if (next !== undefined) {
        this.#takeRight(next);
        r++;
      }
    }
    return this.#out;
  }

  #takeRight(element: PathElement): void {
    this.#merged.add(element);
    if (this.#shared[this.#sharedTaken] === element) this.#sharedTaken++;
    const item = mergeValues(this.#type.item, this.#leftItems.get(element), this.#rightItems.get(element));
    this.#out.push(item);
  }
}

/** The value at a named field path; undefined when absent. */
export function valueAt(object: JsonMap, path: readonly string[]): unknown {
  let value: unknown = object;
  for (const name of path) value = isMap(value) ? own(value, name) : undefined;
  return value;
}
