import type { KubeObject } from '../../schema/object.ts';
import { labelKeyProblems } from '../../schema/index.ts';

/**
 * A field of an object's metadata as text, for downward API volumes and environment variables. Throws with upstream's
 * text (pkg/fieldpath) when there is no such field.
 */
export function metadataField({ metadata }: KubeObject, fieldPath: string): string {
  const subscripted = splitSubscript(fieldPath);
  if (subscripted) return subscriptedField(metadata, fieldPath, subscripted);
  switch (fieldPath) {
    case 'metadata.annotations':
      return formatMap(metadata.annotations);
    case 'metadata.labels':
      return formatMap(metadata.labels);
    case 'metadata.name':
      return metadata.name ?? '';
    case 'metadata.namespace':
      return metadata.namespace ?? '';
    case 'metadata.uid':
      return metadata.uid ?? '';
    default:
      throw new Error(`unsupported fieldPath: ${fieldPath}`);
  }
}

function subscriptedField(metadata: KubeObject['metadata'], fieldPath: string, { path, key }: Subscripted): string {
  if (path !== 'metadata.annotations' && path !== 'metadata.labels') {
    throw new Error(`fieldPath ${goQuote(fieldPath)} does not support subscript`);
  }
  const isAnnotation = path === 'metadata.annotations';
  const problems = labelKeyProblems(isAnnotation ? key.toLowerCase() : key);
  if (problems.length > 0) throw new Error(`invalid key subscript in ${fieldPath}: ${problems.join(';')}`);
  return (isAnnotation ? metadata.annotations : metadata.labels)?.[key] ?? '';
}

export interface Subscripted {
  path: string;
  key: string;
}

/** `metadata.labels['a']` is path `metadata.labels`, key `a`. Undefined without a subscript. */
export function splitSubscript(fieldPath: string): Subscripted | undefined {
  const open = fieldPath.indexOf("['");
  if (open <= 0 || !fieldPath.endsWith("']") || open + 2 > fieldPath.length - 2) return undefined;
  return { path: fieldPath.slice(0, open), key: fieldPath.slice(open + 2, -2) };
}

/** `key="value"` lines, sorted by key. */
export function formatMap(map: Record<string, string> = {}): string {
  return Object.keys(map)
    .sort()
    .map((key) => `${key}=${goQuote(map[key]!)}`)
    .join('\n');
}

const escapes: Readonly<Record<string, string>> = {
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
  '"': '\\"',
};

/** As Go's strconv.Quote: printable characters as they are, everything else escaped. */
export function goQuote(text: string): string {
  let quoted = '"';
  for (const character of text) quoted += escapes[character] ?? printable(character);
  return `${quoted}"`;
}

function printable(character: string): string {
  if (/^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u.test(character)) return character;
  const code = character.codePointAt(0)!;
  if (code < 0x80) return `\\x${code.toString(16).padStart(2, '0')}`;
  if (code >= 0xd800 && code < 0xe000) return '\\ufffd';
  return code < 0x10000 ? `\\u${code.toString(16).padStart(4, '0')}` : `\\U${code.toString(16).padStart(8, '0')}`;
}
