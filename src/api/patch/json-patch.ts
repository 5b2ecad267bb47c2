/** RFC 6902 as upstream applies it: `replace` adds absent members, `-1` counts from the end, `test` of an absent member against null holds. */
import { apiError } from '../../kernel/index.ts';
import { parseJsonObject, stringifyObject } from '../../schema/index.ts';
import { cannotApply } from './errors.ts';
import { jsonKind } from './go-values.ts';
import { deepEqual, isMap, own, setOwn } from './json.ts';

const maxOperations = 10_000;
/** Bytes that all `copy` operations of one patch may add. */
const copyLimitBytes = 3 << 20;

type Container = Record<string, unknown> | unknown[];

/** The patch does not fit the document. The client gets `cannotApply`. */
class Unapplicable extends Error {}

/**
 * Applies `operations` (the parsed body) to `document`, which is not changed; what the patch does not touch is shared.
 * Throws StatusError: 400 malformed, 413 more than 10,000 operations, 422 cannot be applied.
 */
export function jsonPatch<T>(document: T, operations: unknown): T {
  const list = checkOperations(operations);
  const patched = new PatchedDocument(document);
  try {
    for (const operation of list) patched.apply(operation);
  } catch (error) {
    if (error instanceof Unapplicable) throw cannotApply();
    throw error;
  }
  return patched.document as T;
}

type Operation = Readonly<Record<string, unknown>>;

const operationType = 'handlers.jsonPatchOp';

function checkOperations(operations: unknown): readonly Operation[] {
  if (operations === null) return [];
  if (!Array.isArray(operations)) throw malformed(operations, `[]${operationType}`);
  for (const operation of operations as unknown[]) {
    if (operation === null) continue;
    if (!isMap(operation)) throw malformed(operation, operationType);
    for (const name of ['op', 'path', 'from']) {
      const value = operation[name] ?? '';
      if (typeof value !== 'string') throw malformed(value, 'string', `jsonPatchOp.${name}`);
    }
  }
  if (operations.length > maxOperations) {
    throw apiError.requestEntityTooLarge(
      `The allowed maximum operations in a JSON patch is ${maxOperations}, got ${operations.length}`,
    );
  }
  return operations.map((operation: Operation | null) => operation ?? {});
}

function malformed(value: unknown, type: string, field?: string): Error {
  const what = field ? `Go struct field ${field} of type` : 'Go value of type';
  return apiError.badRequest(`error decoding patch: json: cannot unmarshal ${jsonKind(value)} into ${what} ${type}`);
}

/** Unknown members of operations, as strict decoding reports them. */
export function jsonPatchProblems(operations: unknown): string[] {
  if (!Array.isArray(operations)) return [];
  return operations.flatMap((operation: unknown, index) =>
    isMap(operation)
      ? Object.keys(operation)
          .filter((name) => !['op', 'path', 'from', 'value'].includes(name))
          .map((name) => `unknown field "[${index}].${name}"`)
      : [],
  );
}

/** Copies each container when it is first written to, and only then. */
class PatchedDocument {
  document: unknown;
  readonly #owned = new Set<unknown>();
  #copiedBytes = 0;

  constructor(document: unknown) {
    this.document = document;
  }

  apply(operation: Operation): void {
    const { op, path, from, value = null } = operation;
    if (op === 'add') this.#add(path, value);
    else if (op === 'remove') this.#remove(path);
    else if (op === 'replace') this.#replace(path, value);
    else if (op === 'test') this.#test(path, value);
    else if (op === 'copy') this.#add(path, this.#copy(this.#get(from)));
    else if (op === 'move') this.#move(from, path);
    else throw new Unapplicable('Unexpected kind');
  }

  #move(from: unknown, path: unknown): void {
    const value = this.#get(from);
    this.#remove(from);
    this.#add(path, value ?? null);
  }

  #copy(value: unknown): unknown {
    const text = stringifyObject(value ?? null);
    this.#copiedBytes += Buffer.byteLength(text);
    if (this.#copiedBytes > copyLimitBytes) throw new Unapplicable('copy limit');
    return parseJsonObject<unknown>(text);
  }

  #get(pointer: unknown): unknown {
    const { steps, key } = parse(pointer);
    let container: unknown = this.document;
    for (const step of steps) container = read(asContainer(container), step);
    return read(asContainer(container), key);
  }

  #test(pointer: unknown, expected: unknown): void {
    const actual = pointer === '' ? this.document : this.#get(pointer);
    if (!deepEqual(actual ?? null, expected)) throw new Unapplicable('test failed');
  }

  #add(pointer: unknown, value: unknown): void {
    const { container, key } = this.#target(pointer);
    if (!Array.isArray(container)) setOwn(container, key, value);
    else if (key === '-') container.push(value);
    else container.splice(indexOf(key, container.length + 1), 0, value);
  }

  #remove(pointer: unknown): void {
    const { container, key } = this.#target(pointer);
    if (Array.isArray(container)) container.splice(indexOf(key, container.length), 1);
    else if (Object.hasOwn(container, key)) delete container[key];
    else throw new Unapplicable('nothing to remove');
  }

  #replace(pointer: unknown, value: unknown): void {
    if (pointer === '') {
      if (typeof value !== 'object' || value === null) throw new Unapplicable('not a document');
      this.document = value;
      return;
    }
    const { container, key } = this.#target(pointer);
    if (Array.isArray(container)) container[indexOf(key, container.length)] = value;
    else setOwn(container, key, value);
  }

  /** The container that holds the last step, with every container on the way made our own. */
  #target(pointer: unknown): { container: Container; key: string } {
    const { steps, key } = parse(pointer);
    this.document = this.#own(asContainer(this.document));
    let container = this.document as Container;
    for (const step of steps) {
      const child = this.#own(asContainer(read(container, step)));
      if (Array.isArray(container)) container[indexOf(step, container.length)] = child;
      else setOwn(container, step, child);
      container = child;
    }
    return { container, key };
  }

  #own(container: Container): Container {
    if (this.#owned.has(container)) return container;
    const copy = Array.isArray(container) ? [...container] : { ...container };
    this.#owned.add(copy);
    return copy;
  }
}

function parse(pointer: unknown): { steps: string[]; key: string } {
  const steps = typeof pointer === 'string' ? pointer.split('/').slice(1).map(unescapeStep) : [];
  const key = steps.pop();
  if (key === undefined) throw new Unapplicable('missing path');
  return { steps, key };
}

const unescapeStep = (step: string): string =>
  step.includes('~') ? step.replace(/~[01]/g, (mark) => (mark === '~1' ? '/' : '~')) : step;

function asContainer(value: unknown): Container {
  if (Array.isArray(value) || isMap(value)) return value as Container;
  throw new Unapplicable('missing path');
}

const read = (container: Container, key: string): unknown =>
  Array.isArray(container) ? container[indexOf(key, container.length)] : own(container, key);

/** Position below `size`; negative ones count from the end. */
function indexOf(key: string, size: number): number {
  if (!/^[+-]?\d+$/.test(key)) throw new Unapplicable('not an index');
  const index = Number(key);
  if (index >= size || index < -size) throw new Unapplicable('index out of range');
  return index < 0 ? index + size : index;
}
