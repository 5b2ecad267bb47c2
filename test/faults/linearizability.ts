/**
 * Is there an order of a register's operations, within the times at which they ran, that explains every answer?
 * Wing and Gong's search with Lowe's memory of visited configurations.
 */

/** A value of the register; null when the object does not exist. */
export type Value = string | null;

export interface Operation {
  begin: number;
  /** Infinity when the answer was never seen: it may have happened at any later time, or not at all. */
  end: number;
  /** A read of `value`, or a swap to `value` of a register that was at `expected`. */
  type: 'read' | 'swap';
  expected?: Value;
  value: Value;
}

/** Undefined when the history is linearizable; else the operations up to the first answer that nothing explains. */
export function explainHistory(history: readonly Operation[], initial: Value): readonly Operation[] | undefined {
  const operations = [...history].sort((a, b) => a.begin - b.begin);
  const search = new Search(operations, initial);
  return search.run() ? undefined : operations.slice(0, search.deepest + 1);
}

interface Choice {
  operation: number;
  state: Value;
}

class Search {
  /** How many operations could be explained at most. */
  deepest = 0;
  readonly #operations: readonly Operation[];
  readonly #isDone: Uint8Array;
  readonly #visited = new Set<string>();
  #state: Value;
  /** Operations before this one are all done. */
  #first = 0;

  constructor(operations: readonly Operation[], initial: Value) {
    this.#operations = operations;
    this.#isDone = new Uint8Array(operations.length);
    this.#state = initial;
  }

  run(): boolean {
    const path: Choice[] = [];
    let from = 0;
    for (;;) {
      if (this.#isExplained()) return true;
      const next = this.#nextChoice(from);
      if (next === undefined) {
        const undone = path.pop();
        if (!undone) return false;
        this.#undo(undone);
        from = undone.operation + 1;
        continue;
      }
      path.push({ operation: next, state: this.#state });
      this.#do(next);
      this.deepest = Math.max(this.deepest, this.#first);
      from = this.#first;
    }
  }

  /** Everything whose answer was seen is in order. */
  #isExplained(): boolean {
    for (let i = this.#first; i < this.#operations.length; i++) {
      if (!this.#isDone[i] && this.#operations[i]!.end !== Number.POSITIVE_INFINITY) return false;
    }
    return true;
  }

  /** The next operation from `from` on that may come now, and leads to a configuration not seen before. */
  #nextChoice(from: number): number | undefined {
    const latestBegin = this.#earliestEnd();
    for (let i = Math.max(from, this.#first); i < this.#operations.length; i++) {
      const operation = this.#operations[i]!;
      if (operation.begin > latestBegin) return undefined;
      if (this.#isDone[i] || !this.#fits(operation)) continue;
      if (this.#isNew(i)) return i;
    }
    return undefined;
  }

  /** An operation that began after another had ended cannot come before it. */
  #earliestEnd(): number {
    let earliest = Number.POSITIVE_INFINITY;
    for (let i = this.#first; i < this.#operations.length; i++) {
      const { begin, end } = this.#operations[i]!;
      if (begin > earliest) break;
      if (!this.#isDone[i]) earliest = Math.min(earliest, end);
    }
    return earliest;
  }

  #fits({ type, expected, value }: Operation): boolean {
    return this.#state === (type === 'read' ? value : expected);
  }

  #isNew(next: number): boolean {
    this.#isDone[next] = 1;
    let first = this.#first;
    while (this.#isDone[first]) first++;
    let last = this.#operations.length;
    while (last > first && !this.#isDone[last - 1]) last--;
    const key = `${first}:${this.#isDone.subarray(first, last).join('')}:${this.#operations[next]!.value}`;
    this.#isDone[next] = 0;
    if (this.#visited.has(key)) return false;
    this.#visited.add(key);
    return true;
  }

  #do(next: number): void {
    this.#isDone[next] = 1;
    this.#state = this.#operations[next]!.value;
    while (this.#isDone[this.#first]) this.#first++;
  }

  #undo({ operation, state }: Choice): void {
    this.#isDone[operation] = 0;
    this.#state = state;
    this.#first = Math.min(this.#first, operation);
  }
}
