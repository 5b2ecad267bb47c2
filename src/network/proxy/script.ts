/** A change as commands of nft. */
import { type Change, type SetElement, type SetName, setNames } from './ruleset.ts';
import { table } from './skeleton.ts';

/** Elements that one command names: of a thousand, nft takes long to find the duplicate. */
const elementsACommand = 200;

/** Old chains are emptied here and deleted later (`deletions`). */
export function commands(change: Change): string[] {
  return [
    ...change.newAffinitySets.map(
      ([name, seconds]) =>
        `add set ${table} ${name} { type ipv4_addr ; flags dynamic, timeout ; timeout ${seconds}s ; }`,
    ),
    ...change.newChains.map((name) => `add chain ${table} ${name}`),
    ...change.rules.flatMap(([chain, rules]) => [
      `flush chain ${table} ${chain}`,
      ...rules.map((rule) => `add rule ${table} ${chain} ${rule}`),
    ]),
    ...elementCommands('delete', change.removed),
    ...elementCommands('add', change.added),
    ...change.oldChains.map((name) => `flush chain ${table} ${name}`),
    ...change.oldAffinitySets.map((name) => `delete set ${table} ${name}`),
  ];
}

/**
 * Before Linux 6.2 a chain counts as referred to for a moment after the element that led to it has been deleted, so
 * chains go in a transaction of their own, later.
 */
export const deletions = (chains: Iterable<string>): string[] =>
  [...chains].map((name) => `delete chain ${table} ${name}`);

function elementCommands(verb: 'add' | 'delete', elements: readonly SetElement[]): string[] {
  const bySet = Map.groupBy(elements, ({ set }) => set);
  const command = (set: SetName, batch: readonly SetElement[]): string =>
    `${verb} element ${table} ${set} { ${batch.map(({ key, value }) => elementText(verb, key, value)).join(', ')} }`;
  return setNames.flatMap((set) =>
    inBatches(bySet.get(set) ?? [], elementsACommand).map((batch) => command(set, batch)),
  );
}

const elementText = (verb: 'add' | 'delete', key: string, value: string): string =>
  verb === 'add' && value ? `${key} : ${value}` : key;

const inBatches = <T>(items: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, index) => items.slice(index * size, (index + 1) * size));
