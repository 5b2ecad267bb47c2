/**
 * What Go says about a strategic merge patch that cannot be applied: it merges in place, so the patch that it prints is
 * what merging has left of it, and it converts maps to objects by reflection, with texts other than encoding/json's.
 */
import { isMap } from './json.ts';

const orderPrefix = '$setElementOrder/';
const retainKeys = '$retainKeys';

/** The patch without what merging takes out: lists that come with their order, and directives. */
export function leftOfPatch(patch: unknown): unknown {
  if (!isMap(patch)) return patch;
  const ordered = Object.keys(patch).filter((name) => name.startsWith(orderPrefix));
  const gone = new Set([retainKeys, ...ordered, ...ordered.map((name) => name.slice(orderPrefix.length))]);
  const left = Object.entries(patch).filter(([name]) => !gone.has(name));
  return Object.fromEntries(left.map(([name, value]) => [name, leftOfPatch(value)]));
}

const kinds: Readonly<Record<string, string>> = {
  string: 'string',
  number: 'int64',
  bool: 'bool',
  object: 'map',
  array: 'slice',
};

/** A mismatch that encoding/json would report, in the words of the converter. Other texts stay as they are. */
export function conversionText(text: string): string {
  const parts = /^json: cannot unmarshal (\w+)(?: (\S+))? into Go .* of type (\S+)$/.exec(text);
  if (!parts) return text;
  const [, found = '', literal = '', type = ''] = parts;
  const kind = found === 'number' && /[.eE]/.test(literal) ? 'float64' : (kinds[found] ?? found);
  if (type.startsWith('[]')) return `cannot restore slice from ${kind}`;
  if (type.startsWith('map[') || type === 'v1.ResourceList') return `cannot restore map from ${kind}`;
  if (type.includes('.')) return `cannot restore struct from: ${kind}`;
  return found === 'number' && type !== 'bool' ? `cannot convert ${kind} to ${type}` : `unrecognized type: ${type}`;
}
