/** YAML as Go's sigs.k8s.io/yaml reads and writes it. The library is loaded when the first client needs it. */
import type { ToStringOptions } from 'yaml';

export interface ParsedYaml {
  value: unknown;
  /** Duplicate keys, in the words of the Go parser. The last value has won. */
  duplicates: string[];
}

/** Several complaints as the Go parser reports them together. */
export const yamlErrors = (texts: readonly string[]): string =>
  `yaml: unmarshal errors:\n${texts.map((text) => `  ${text}`).join('\n')}`;

type Tag = { tag?: string; format?: string } | string;

/** YAML 1.1 without times: Go keeps what looks like a time as text. */
const isGoTag = (tag: Tag): boolean =>
  typeof tag === 'string' || (tag.tag !== 'tag:yaml.org,2002:timestamp' && tag.format !== 'TIME');

const aliasLimit = 100;

/** Parses one document. Throws Error: `yaml: line 1: …`. */
export async function parseYaml(text: string): Promise<ParsedYaml> {
  const { parseDocument } = await import('./yaml-library.ts');
  const document = parseDocument(text, {
    version: '1.1',
    schema: 'yaml-1.1',
    customTags: (tags) => tags.filter(isGoTag),
    stringKeys: false,
  });
  const fatal = document.errors.find((error) => error.code !== 'DUPLICATE_KEY');
  if (fatal) throw new Error(`yaml: line ${fatal.linePos?.[0].line ?? 1}: ${fatal.message.split(' at line ', 1)[0]}`);
  const duplicates = document.errors.map((error) => {
    const line = error.linePos?.[0].line ?? 0;
    const key = /^\s*["']?([^"':\s]+)/.exec(text.slice(error.pos[0]))?.[1] ?? '';
    return `line ${line}: key ${JSON.stringify(key)} already set in map`;
  });
  const value: unknown = document.toJS({ maxAliasCount: aliasLimit });
  const cyclic = text.includes('*') ? findCycle(value, []) : false;
  if (cyclic) throw new Error('yaml: anchor value contains itself');
  return { value, duplicates };
}

/** True when an alias stands within its own anchor's value. The number of aliases is bounded, and so this walk. */
function findCycle(value: unknown, above: readonly unknown[]): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (above.includes(value)) return true;
  const path = [...above, value];
  return Object.values(value).some((member) => findCycle(member, path));
}

const style: ToStringOptions = { indentSeq: false, lineWidth: 0 };

/** JSON text as YAML, keys sorted. */
export async function yamlText(json: string): Promise<string> {
  const { Document } = await import('./yaml-library.ts');
  const document = new Document(JSON.parse(json), {
    version: '1.1',
    schema: 'yaml-1.1',
    sortMapEntries: true,
    aliasDuplicateObjects: false,
  });
  return document.toString(style);
}
