/**
 * What of an object was of interest when it was last seen. A watch tells what an object is, not what it was; those whom
 * it concerned before have to be told too.
 */
export class LastSeen<T> {
  readonly #entries = new Map<string, { value: T; round: number }>();
  #round = 0;

  /** Remembers `value` and returns the one before; undefined forgets. */
  swap(key: string, value: T | undefined): T | undefined {
    const before = this.#entries.get(key)?.value;
    if (value === undefined) this.#entries.delete(key);
    else this.#entries.set(key, { value, round: this.#round });
    return before;
  }

  /** Everything that is there has been told of once more: forgets what was not. */
  relisted(): void {
    for (const [key, { round }] of this.#entries) if (round < this.#round) this.#entries.delete(key);
    this.#round++;
  }
}
