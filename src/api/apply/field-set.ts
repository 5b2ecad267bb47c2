import { canonicalElement, compareElements, type PathElement } from './path-element.ts';

/**
 * A set of fields, in exactly the shape of FieldsV1, so that neither reading nor writing an entry costs a conversion.
 * Keys are path elements. Below the root, a node without keys is a member; a node with keys is a member only if it has
 * `.`. Sets are immutable and share structure; keys stand in canonical order.
 */
export interface FieldSet {
  readonly [element: PathElement]: FieldSet;
}

export const emptySet: FieldSet = Object.freeze({});

/** A member without children. */
export const leaf: FieldSet = emptySet;

export function isEmpty(set: FieldSet): boolean {
  for (const _ in set) return false;
  return true;
}

/** True when the field at this node (not only something below it) is in the set. */
export const isMember = (node: FieldSet): boolean => '.' in node || isEmpty(node);

/** Node with these children, `.` first when it is a member itself. Children must be in canonical order. */
export function makeNode(member: boolean, children: readonly (readonly [PathElement, FieldSet])[]): FieldSet {
  const node: Record<PathElement, FieldSet> = {};
  if (member && children.length > 0) node['.'] = leaf;
  for (const [element, child] of children) node[element] = child;
  return node;
}

/** The set of one path. */
export function pathSet(path: readonly PathElement[]): FieldSet {
  return path.reduceRight<FieldSet>((below, element) => ({ [element]: below }), leaf);
}

/** Reads FieldsV1 of any origin: elements are made canonical and sorted, unknown ones dropped. Throws when malformed. */
export function parseFieldSet(fields: unknown): FieldSet {
  const node = canonicalNode(fields);
  if ('.' in node) {
    const { '.': _, ...children } = node;
    return children;
  }
  return node;
}

function canonicalNode(fields: unknown): FieldSet {
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) {
    throw new Error('fields must be an object');
  }
  let member = false;
  const children = new Map<PathElement, FieldSet>();
  for (const [text, below] of Object.entries(fields)) {
    if (text === '.') {
      member = true;
      continue;
    }
    const element = canonicalElement(text);
    if (element !== undefined) children.set(element, canonicalNode(below));
  }
  return makeNode(
    member,
    [...children].sort((a, b) => compareElements(a[0], b[0])),
  );
}

/** Whether the field at `path` is in the set. */
export function has(set: FieldSet, path: readonly PathElement[]): boolean {
  let node: FieldSet | undefined = set;
  for (const element of path) {
    node = node[element];
    if (!node) return false;
  }
  return path.length > 0 && isMember(node);
}

export function equals(a: FieldSet, b: FieldSet): boolean {
  if (a === b) return true;
  let count = 0;
  for (const element in a) {
    const other = b[element];
    if (!other || !equals(a[element]!, other)) return false;
    count++;
  }
  for (const _ in b) count--;
  return count === 0;
}

/** Fields in either set. Returns `a` itself when `b` adds nothing. */
export function union(a: FieldSet, b: FieldSet): FieldSet {
  if (a === b || isEmpty(b)) return a;
  return isEmpty(a) ? b : joinChildren(a, b);
}

const joinNodes = (a: FieldSet, b: FieldSet): FieldSet => {
  if (a === b) return a;
  if (isEmpty(a)) return isEmpty(b) ? a : withSelf(b);
  return isEmpty(b) ? withSelf(a) : joinChildren(a, b);
};

/** The node as a member. */
export const withSelf = (node: FieldSet): FieldSet => (isMember(node) ? node : { '.': leaf, ...node });

function joinChildren(a: FieldSet, b: FieldSet): FieldSet {
  const changed = new Map<PathElement, FieldSet>();
  const added: PathElement[] = [];
  for (const element in b) {
    const mine = a[element];
    if (!mine) added.push(element);
    else {
      const joined = joinNodes(mine, b[element]!);
      if (joined !== mine) changed.set(element, joined);
    }
  }
  if (changed.size === 0 && added.length === 0) return a;
  const result: Record<PathElement, FieldSet> = {};
  let next = 0;
  for (const element in a) {
    while (next < added.length && compareElements(added[next]!, element) < 0) {
      result[added[next]!] = b[added[next]!]!;
      next++;
    }
    result[element] = changed.get(element) ?? a[element]!;
  }
  for (; next < added.length; next++) result[added[next]!] = b[added[next]!]!;
  return result;
}

/** Fields in both sets. */
export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  if (a === b) return a;
  const result: Record<PathElement, FieldSet> = {};
  for (const element in a) {
    const mine = a[element]!;
    const other = b[element];
    if (!other || element === '.') continue;
    if (isMember(mine) && isMember(other)) {
      const below = intersection(mine, other);
      result[element] = isEmpty(below) ? leaf : withSelf(below);
    } else {
      const below = intersection(mine, other);
      if (!isEmpty(below)) result[element] = below;
    }
  }
  return result;
}

/**
 * Fields of `a` that are not in `b`: a parent does not take its children with it. Returns `a` itself when nothing goes.
 */
export const difference = (a: FieldSet, b: FieldSet): FieldSet => without(a, b, subtractNode);

/** Fields of `a` that are neither in `b` nor below a field of `b`. Returns `a` itself when nothing goes. */
export const recursiveDifference = (a: FieldSet, b: FieldSet): FieldSet => without(a, b, subtractTree);

type Subtract = (a: FieldSet, b: FieldSet) => FieldSet | undefined;

function without(a: FieldSet, b: FieldSet, subtract: Subtract): FieldSet {
  let changed: Map<PathElement, FieldSet | undefined> | undefined;
  for (const element in b) {
    const mine = a[element];
    if (!mine || element === '.') continue;
    const rest = subtract(mine, b[element]!);
    if (rest === mine) continue;
    changed ??= new Map();
    changed.set(element, rest);
  }
  if (!changed) return a;
  const result: Record<PathElement, FieldSet> = {};
  for (const element in a) {
    const node = changed.has(element) ? changed.get(element) : a[element];
    if (node) result[element] = node;
  }
  return result;
}

const subtractNode: Subtract = (a, b) => {
  if (isEmpty(a)) return isMember(b) ? undefined : a;
  const below = without(a, b, subtractNode);
  if (!('.' in below) || !isMember(b)) return tidy(below);
  const { '.': _, ...children } = below;
  return isEmpty(children) ? undefined : children;
};

const subtractTree: Subtract = (a, b) => {
  if (isMember(b)) return undefined;
  return isEmpty(a) ? a : tidy(without(a, b, subtractTree));
};

/** What is left of a node that had keys: nothing, or a leaf when only its own membership is left. */
function tidy(node: FieldSet): FieldSet | undefined {
  let keys = 0;
  for (const _ in node) if (++keys > 1) return node;
  if (keys === 0) return undefined;
  return '.' in node ? leaf : node;
}

/** Members that have no members below them. */
export function leaves(set: FieldSet): FieldSet {
  const result: Record<PathElement, FieldSet> = {};
  for (const element in set) {
    if (element !== '.') result[element] = leaves(set[element]!);
  }
  return result;
}

/** Calls `visit` for each member: all members of a node before what is below them. The path is reused. */
export function forEachPath(
  set: FieldSet,
  visit: (path: readonly PathElement[]) => void,
  path: PathElement[] = [],
): void {
  for (const element in set) {
    if (element === '.' || !isMember(set[element]!)) continue;
    path.push(element);
    visit(path);
    path.pop();
  }
  for (const element in set) {
    if (element === '.' || isEmpty(set[element]!)) continue;
    path.push(element);
    forEachPath(set[element]!, visit, path);
    path.pop();
  }
}
