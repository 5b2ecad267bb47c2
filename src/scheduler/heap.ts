/** A binary heap whose entries can be taken out by identity. */
export class Heap<T extends object> {
  readonly #entries: T[] = [];
  readonly #places = new Map<T, number>();
  readonly #isBefore: (a: T, b: T) => boolean;

  constructor(isBefore: (a: T, b: T) => boolean) {
    this.#isBefore = isBefore;
  }

  get size(): number {
    return this.#entries.length;
  }

  peek(): T | undefined {
    return this.#entries[0];
  }

  has(entry: T): boolean {
    return this.#places.has(entry);
  }

  push(entry: T): void {
    this.#put(entry, this.#entries.length);
    this.#rise(this.#entries.length - 1);
  }

  pop(): T | undefined {
    const first = this.#entries[0];
    if (first) this.delete(first);
    return first;
  }

  delete(entry: T): boolean {
    const place = this.#places.get(entry);
    if (place === undefined) return false;
    this.#places.delete(entry);
    const last = this.#entries.pop()!;
    if (last === entry) return true;
    this.#put(last, place);
    this.#sink(this.#rise(place));
    return true;
  }

  #put(entry: T, place: number): void {
    this.#entries[place] = entry;
    this.#places.set(entry, place);
  }

  #rise(from: number): number {
    const entry = this.#entries[from]!;
    let place = from;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!this.#isBefore(entry, this.#entries[parent]!)) break;
      this.#put(this.#entries[parent]!, place);
      place = parent;
    }
    this.#put(entry, place);
    return place;
  }

  #sink(from: number): void {
    const entry = this.#entries[from]!;
    let place = from;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= this.#entries.length) break;
      const other = child + 1;
      if (other < this.#entries.length && this.#isBefore(this.#entries[other]!, this.#entries[child]!)) child = other;
      if (!this.#isBefore(this.#entries[child]!, entry)) break;
      this.#put(this.#entries[child]!, place);
      place = child;
    }
    this.#put(entry, place);
  }
}
