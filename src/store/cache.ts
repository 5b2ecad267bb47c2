import type { Schema } from '../schema/model.ts';
import { KindTable } from './kind-table.ts';
import type { Records } from './records.ts';
import type { Entry, Selection, StoredKind } from './types.ts';
import { undo, type WatchWindow } from './window.ts';

/** Every current object, by kind. It holds one hold on each current version. */
export class Cache {
  readonly #records: Records;
  readonly #tables: readonly KindTable[];
  #objects = 0;

  constructor(kinds: readonly StoredKind[], schema: Pick<Schema, 'message'>, records: Records) {
    kinds.forEach((kind, i) => {
      if (kind.id !== i) throw new Error(`${kind.path}: id ${kind.id} at position ${i}`);
    });
    this.#records = records;
    this.#tables = kinds.map((kind) => new KindTable(kind, schema));
  }

  get objects(): number {
    return this.#objects;
  }

  get(kind: StoredKind, namespace: string, name: string): Entry | undefined {
    return this.#table(kind).get(namespace, name);
  }

  /** Makes `entry` current and takes over a hold on it; the hold on the version returned passes to the caller. */
  put(entry: Entry): Entry | undefined {
    const previous = this.#table(entry.kind).put(entry, this.#records.bytes(entry));
    if (!previous) this.#objects++;
    return previous;
  }

  /** Removes an object; the hold on its last version passes to the caller. */
  delete(kind: StoredKind, namespace: string, name: string): Entry | undefined {
    const previous = this.#table(kind).delete(namespace, name);
    if (previous) this.#objects--;
    return previous;
  }

  select(kind: StoredKind, selection: Selection): Entry[] {
    return this.#table(kind).select(selection);
  }

  count(kind: StoredKind, selection: Selection): number {
    return this.#table(kind).count(selection);
  }

  /** The entries that matched when `revision` was the newest, from what the window remembers. */
  selectAt(kind: StoredKind, selection: Selection, window: WatchWindow, revision: number): Entry[] {
    const then = undo(window.since(revision).filter((event) => event.kind === kind));
    const unchanged = this.select(kind, selection).filter((entry) => !then.has(`${entry.namespace}/${entry.name}`));
    const table = this.#table(kind);
    const restored: Entry[] = [];
    for (const entry of then.values()) {
      if (entry && table.matches(entry, this.#records.bytes(entry), selection)) restored.push(entry);
    }
    return [...unchanged, ...restored].sort(byNamespaceAndName);
  }

  #table(kind: StoredKind): KindTable {
    const table = this.#tables[kind.id];
    if (!table) throw new Error(`${kind.path} is not a kind of this store`);
    return table;
  }
}

function byNamespaceAndName(a: Entry, b: Entry): number {
  if (a.namespace !== b.namespace) return a.namespace < b.namespace ? -1 : 1;
  return a.name < b.name ? -1 : Number(a.name > b.name);
}
