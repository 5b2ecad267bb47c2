import type { Schema } from '../schema/model.ts';
import { compilePath, ownerUidPath, type ProtobufPath, readPath } from './protobuf-path.ts';
import { type Row, SortedRows } from './sorted-rows.ts';
import type { Entry, Selection, StoredKind } from './types.ts';

const ownerUidField = 'metadata.ownerReferences.uid';
const noTerms: readonly string[] = [];
const noRows = new SortedRows();

/** The current objects of one kind, with its indexes. */
export class KindTable {
  readonly #kind: StoredKind;
  readonly #paths: readonly ProtobufPath[];
  readonly #fields: readonly string[];
  readonly #namespaces = new Map<string, SortedRows>();
  readonly #terms = new Map<string, SortedRows>();
  #sortedNamespaces: string[] | undefined;
  #count = 0;

  constructor(kind: StoredKind, schema: Pick<Schema, 'message'>) {
    this.#kind = kind;
    this.#fields = [ownerUidField, ...kind.indexes];
    this.#paths = [ownerUidPath, ...kind.indexes.map((field) => compilePath(schema, kind.message, field))];
  }

  get(namespace: string, name: string): Entry | undefined {
    return this.#namespaces.get(namespace)?.get(namespace, name)?.entry;
  }

  /** Makes `entry` the current version. Returns the one before. */
  put(entry: Entry, bytes: Uint8Array): Entry | undefined {
    const terms = this.#termsOf(bytes);
    const row = this.#namespaces.get(entry.namespace)?.get(entry.namespace, entry.name);
    if (!row) {
      this.#insert({ entry, terms });
      return undefined;
    }
    const previous = row.entry;
    row.entry = entry;
    if (!sameTerms(row.terms, terms)) {
      this.#unindex(row);
      row.terms = terms;
      this.#index(row);
    }
    return previous;
  }

  /** Removes the object. Returns its last version. */
  delete(namespace: string, name: string): Entry | undefined {
    const rows = this.#namespaces.get(namespace);
    const row = rows?.get(namespace, name);
    if (!rows || !row) return undefined;
    rows.remove(row);
    if (rows.length === 0) {
      this.#namespaces.delete(namespace);
      this.#sortedNamespaces = undefined;
    }
    this.#unindex(row);
    this.#count--;
    return row.entry;
  }

  /** The matching entries, sorted by namespace, then name. */
  select(selection: Selection): Entry[] {
    const entries: Entry[] = [];
    for (const rows of this.#candidates(selection)) {
      for (const chunk of rows.chunks) {
        for (const { entry } of chunk) if (this.#isInNamespace(entry, selection)) entries.push(entry);
      }
    }
    return entries;
  }

  count(selection: Selection): number {
    if (!selection.index && selection.namespace === undefined) return this.#count;
    if (selection.index && selection.namespace !== undefined) return this.select(selection).length;
    return this.#candidates(selection).reduce((sum, rows) => sum + rows.length, 0);
  }

  /** Whether a version that may not be current matches. */
  matches(entry: Entry, bytes: Uint8Array, selection: Selection): boolean {
    if (!this.#isInNamespace(entry, selection)) return false;
    if (!selection.index) return true;
    const path = this.#paths[this.#indexOf(selection.index.field)]!;
    return readPath(bytes, path).includes(selection.index.value);
  }

  #isInNamespace(entry: Entry, { namespace }: Selection): boolean {
    return namespace === undefined || entry.namespace === namespace;
  }

  #candidates({ namespace, index }: Selection): SortedRows[] {
    if (index) return [this.#terms.get(`${this.#indexOf(index.field)}=${index.value}`) ?? noRows];
    if (namespace !== undefined) return [this.#namespaces.get(namespace) ?? noRows];
    this.#sortedNamespaces ??= [...this.#namespaces.keys()].sort();
    return this.#sortedNamespaces.map((each) => this.#namespaces.get(each)!);
  }

  #indexOf(field: string): number {
    const index = this.#fields.indexOf(field);
    if (index < 0) throw new Error(`${this.#kind.path} has no index on ${field}`);
    return index;
  }

  #termsOf(bytes: Uint8Array): readonly string[] {
    const terms = this.#paths.flatMap((path, i) => readPath(bytes, path).map((value) => `${i}=${value}`));
    if (terms.length === 0) return noTerms;
    return terms.length === 1 ? terms : [...new Set(terms)];
  }

  #insert(row: Row): void {
    const { namespace } = row.entry;
    let rows = this.#namespaces.get(namespace);
    if (!rows) {
      rows = new SortedRows();
      this.#namespaces.set(namespace, rows);
      this.#sortedNamespaces = undefined;
    }
    rows.insert(row);
    this.#index(row);
    this.#count++;
  }

  #index(row: Row): void {
    for (const term of row.terms) {
      let rows = this.#terms.get(term);
      if (!rows) {
        rows = new SortedRows();
        this.#terms.set(term, rows);
      }
      rows.insert(row);
    }
  }

  #unindex(row: Row): void {
    for (const term of row.terms) {
      const rows = this.#terms.get(term)!;
      rows.remove(row);
      if (rows.length === 0) this.#terms.delete(term);
    }
  }
}

const sameTerms = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((term, i) => term === b[i]);
