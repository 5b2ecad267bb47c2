/** A value with what an applier says about it. */
import { isEmptyMap, isMap, setOwn } from '../patch/index.ts';
import { listElement, TypedError } from './compare.ts';
import { fieldType, type ListType, type MergeType } from './merge-type.ts';
import { type PathElement, printElement } from './path-element.ts';

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
