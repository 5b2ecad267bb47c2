import type { Entry } from './types.ts';

/** A place of the cache: one object, whichever version is current. */
export interface Row {
  entry: Entry;
  /** Index terms of the current version: `<index>=<value>`. */
  terms: readonly string[];
}

/** A chunk is split in two when it has more rows than this. */
const chunkRows = 512;

/** Rows in order of namespace, then name. Held in chunks, so that a change of one among many moves few. */
export class SortedRows {
  readonly #chunks: Row[][] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** The rows in order, in non-empty runs. */
  get chunks(): readonly (readonly Row[])[] {
    return this.#chunks;
  }

  get(namespace: string, name: string): Row | undefined {
    const chunk = this.#chunks[this.#chunkFor(namespace, name)];
    const row = chunk?.[position(chunk, namespace, name)];
    return row && row.entry.name === name && row.entry.namespace === namespace ? row : undefined;
  }

  insert(row: Row): void {
    const { namespace, name } = row.entry;
    const at = this.#chunkFor(namespace, name);
    const chunk = this.#chunks[at];
    this.#length++;
    if (!chunk) {
      this.#chunks.push([row]);
      return;
    }
    chunk.splice(position(chunk, namespace, name), 0, row);
    if (chunk.length > chunkRows) this.#split(at, chunk);
  }

  remove(row: Row): void {
    const { namespace, name } = row.entry;
    const at = this.#chunkFor(namespace, name);
    const chunk = this.#chunks[at] ?? [];
    const index = position(chunk, namespace, name);
    if (chunk[index] !== row) throw new Error(`cache: ${namespace}/${name} is not where it should be`);
    chunk.splice(index, 1);
    if (chunk.length === 0) this.#chunks.splice(at, 1);
    this.#length--;
  }

  /** Names that come in order fill chunks to the brim; others leave room for what comes between. */
  #split(at: number, chunk: Row[]): void {
    const isAppended = at === this.#chunks.length - 1;
    this.#chunks.splice(at + 1, 0, chunk.splice(isAppended ? chunkRows : chunkRows >>> 1));
  }

  /** Index of the last chunk that begins at or before (namespace, name); the first one when none does. */
  #chunkFor(namespace: string, name: string): number {
    let low = 0;
    let high = this.#chunks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const first = this.#chunks[middle]![0]!.entry;
      if (isBefore(first, namespace, name) || (first.name === name && first.namespace === namespace)) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }
}

/** Index of the first row that is not before (namespace, name). */
function position(rows: readonly Row[], namespace: string, name: string): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isBefore(rows[middle]!.entry, namespace, name)) low = middle + 1;
    else high = middle;
  }
  return low;
}

const isBefore = (entry: Entry, namespace: string, name: string): boolean =>
  entry.namespace === namespace ? entry.name < name : entry.namespace < namespace;
