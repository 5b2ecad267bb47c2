import { goJson } from '../patch/index.ts';

/**
 * One step of a field path as FieldsV1 spells it: `f:<name>`, `k:{"name":"a"}`, `v:"a"`, `i:0`, and `.` for the
 * container itself. Canonical elements are equal exactly when their strings are.
 */
export type PathElement = string;

const rankOf = (element: PathElement): number => (element === '.' ? 0 : 1 + 'fkvi'.indexOf(element[0]!));

export const fieldElement = (name: string): PathElement => `f:${name}`;

export const valueElement = (value: unknown): PathElement => `v:${goJson(value)}`;

/** `names` must be sorted; names without a value are left out. */
export function keyElement(names: readonly string[], values: readonly unknown[]): PathElement {
  let text = 'k:{';
  for (let i = 0; i < names.length; i++) {
    if (values[i] === undefined) continue;
    text += `${text.length > 3 ? ',' : ''}${goJson(names[i])}:${goJson(values[i])}`;
  }
  return `${text}}`;
}

/** Order of strings by code point, as Go's byte-wise order of UTF-8. */
export function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    const swapped = x >= 0xd800 && y >= 0xd800 && x < 0xe000 !== y < 0xe000;
    return x < y !== swapped ? -1 : 1;
  }
  return a.length - b.length;
}

const rankOfScalar = (value: unknown): number =>
  ['number', 'string', 'boolean', 'object'].indexOf(typeof value) + (value === null ? 1 : 0);

function compareScalars(a: unknown, b: unknown): number {
  const byType = rankOfScalar(a) - rankOfScalar(b);
  if (byType !== 0) return byType;
  if (typeof a === 'string') return compareText(a, b as string);
  if (typeof a === 'number' || typeof a === 'boolean') return Number(a) - Number(b);
  return compareText(JSON.stringify(a), JSON.stringify(b));
}

function compareKeys(a: PathElement, b: PathElement): number {
  const x = Object.entries(JSON.parse(a.slice(2)) as Record<string, unknown>);
  const y = Object.entries(JSON.parse(b.slice(2)) as Record<string, unknown>);
  const length = Math.min(x.length, y.length);
  for (let i = 0; i < length; i++) {
    const order = compareText(x[i]![0], y[i]![0]) || compareScalars(x[i]![1], y[i]![1]);
    if (order !== 0) return order;
  }
  return x.length - y.length;
}

/** Upstream's canonical order: fields, keys, values, indexes. */
export function compareElements(a: PathElement, b: PathElement): number {
  if (a === b) return 0;
  const byKind = rankOf(a) - rankOf(b);
  if (byKind !== 0) return byKind;
  switch (a[0]) {
    case 'f':
      return compareText(a, b);
    case 'k':
      return compareKeys(a, b);
    case 'v':
      return compareScalars(JSON.parse(a.slice(2)), JSON.parse(b.slice(2)));
    default:
      return Number(a.slice(2)) - Number(b.slice(2));
  }
}

/** The canonical spelling; undefined for kinds of elements that are not known. Throws on a malformed element. */
export function canonicalElement(text: string): PathElement | undefined {
  if (text.length < 2) throw new Error('key must be 2 characters long:');
  if (text[1] !== ':') throw new Error(`missing colon: ${text}`);
  const body = text.slice(2);
  switch (text[0]) {
    case 'f':
      return text;
    case 'v':
      return valueElement(JSON.parse(body));
    case 'k': {
      const fields = JSON.parse(body) as Record<string, unknown>;
      const names = Object.keys(fields).sort(compareText);
      return keyElement(
        names,
        names.map((name) => fields[name]),
      );
    }
    case 'i':
      if (!/^[+-]?\d+$/.test(body)) throw new Error(`strconv.Atoi: parsing ${JSON.stringify(body)}: invalid syntax`);
      return `i:${Number(body)}`;
    default:
      return undefined;
  }
}

const printScalar = (value: unknown): string => (typeof value === 'string' ? JSON.stringify(value) : String(value));

/** As error texts show it: `.name`, `[name="a",port=80]`, `[="a"]`, `[0]`. */
export function printElement(element: PathElement): string {
  const body = element.slice(2);
  switch (element[0]) {
    case 'f':
      return `.${body}`;
    case 'k': {
      const fields = Object.entries(JSON.parse(body) as Record<string, unknown>);
      return `[${fields.map(([name, value]) => `${name}=${printScalar(value)}`).join(',')}]`;
    }
    case 'v':
      return `[=${printScalar(JSON.parse(body))}]`;
    default:
      return `[${body}]`;
  }
}

export const printPath = (path: readonly PathElement[]): string => path.map(printElement).join('');
