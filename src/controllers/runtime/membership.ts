const nobody: readonly string[] = [];

/**
 * Whom an object concerned when it was last seen: when its labels or owners change, those must look again that it
 * concerns no longer. Holds keys only.
 */
export class Membership {
  readonly #concerned = new Map<string, { keys: readonly string[]; round: number }>();
  #round = 0;

  /** Returns whom the change concerns: those before and those now. */
  move(member: string, keys: readonly string[]): readonly string[] {
    const before = this.#concerned.get(member)?.keys ?? nobody;
    if (keys.length) this.#concerned.set(member, { keys, round: this.#round });
    else this.#concerned.delete(member);
    return before === nobody ? keys : [...new Set([...before, ...keys])];
  }

  /** Everything that is there has been told of once more: forgets what was not. */
  relisted(): void {
    for (const [member, { round }] of this.#concerned) if (round < this.#round) this.#concerned.delete(member);
    this.#round++;
  }
}
