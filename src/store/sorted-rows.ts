import type { Entry } from './types.ts';

/** A place of the cache: one object, whichever version is current. */
export interface Row {
  entry: Entry;
  /** Index terms of the current version: `<index>=<value>`. */
  terms: readonly string[];
}

/** Rows in order of namespace, then name. */
export class SortedRows {
  readonly rows: Row[] = [];

  get(namespace: string, name: string): Row | undefined {
    const row = this.rows[this.#position(namespace, name)];
    return row && row.entry.name === name && row.entry.namespace === namespace ? row : undefined;
  }

  insert(row: Row): void {
    const { namespace, name } = row.entry;
    const last = this.rows.at(-1);
    if (!last || isBefore(last.entry, namespace, name)) this.rows.push(row);
    else this.rows.splice(this.#position(namespace, name), 0, row);
  }

  remove(row: Row): void {
    const at = this.#position(row.entry.namespace, row.entry.name);
    if (this.rows[at] !== row)
      throw new Error(`cache: ${row.entry.namespace}/${row.entry.name} is not where it should be`);
    this.rows.splice(at, 1);
  }

  /** Index of the first row that is not before (namespace, name). */
  #position(namespace: string, name: string): number {
    let low = 0;
    let high = this.rows.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (isBefore(this.rows[middle]!.entry, namespace, name)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

const isBefore = (entry: Entry, namespace: string, name: string): boolean =>
  entry.namespace === namespace ? entry.name < name : entry.namespace < namespace;
