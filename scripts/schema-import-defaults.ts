import type { Row } from './schema-import.ts';

/** Defaults by `package.Struct.field`, as JSON: those of `+default` markers. */
export function constantDefaults(
  structs: ReadonlyMap<string, readonly Row[]>,
  _rows: readonly Row[],
): Map<string, string> {
  const defaults = new Map<string, string>();
  for (const [name, rows] of structs) {
    for (const row of rows) {
      if (row['default'] && !row['default'].startsWith('ref('))
        defaults.set(`${name}.${row['jsonName']}`, asJson(row['default']));
    }
  }
  return defaults;
}

function asJson(text: string): string {
  return /^(".*"|true|false|-?\d+|\{.*\}|\[.*\])$/.test(text) ? text : JSON.stringify(text);
}
