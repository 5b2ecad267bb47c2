/** One value for all that are equal: pods of one template say the same. At most `limit`; then it begins anew. */
export class Interned<T> {
  readonly #limit: number;
  readonly #values = new Map<string, T>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The value that `key` stands for. */
  get(key: string, make: () => T): T {
    const found = this.#values.get(key);
    if (found !== undefined) return found;
    const value = make();
    if (this.#values.size >= this.#limit) this.#values.clear();
    this.#values.set(key, value);
    return value;
  }
}
