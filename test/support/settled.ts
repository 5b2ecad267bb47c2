const quietTurns = 200;
const mostTurns = 100_000;

/**
 * Lets everything run that waits for nothing but its turn: until nothing has been written for many rounds of the event
 * loop. How many rounds work takes depends on the machine, since a round gives it an amount of time.
 */
export async function settled(store: { readonly revision: number }): Promise<void> {
  let { revision } = store;
  for (let turn = 0, quiet = 0; quiet < quietTurns; turn++, quiet++) {
    if (turn > mostTurns) throw new Error('writes never end');
    await new Promise((resolve) => setImmediate(resolve));
    if (store.revision !== revision) quiet = 0;
    revision = store.revision;
  }
}
