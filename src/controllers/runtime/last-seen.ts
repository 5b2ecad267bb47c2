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

  /** Everything that is there is about to be told of. */
  listing(): void {
    this.#round++;
  }

  /** It has been: forgets what was not told of, and returns the keys of that. */
  relisted(): string[] {
    const gone = [...this.#entries].filter(([, { round }]) => round < this.#round).map(([key]) => key);
    for (const key of gone) this.#entries.delete(key);
    return gone;
  }
}
