/** The part of the ruleset that changes with the cluster, as data; and what leads from one state of it to another. */

/** Sets and maps of the table, by the names that they have in the kernel. Types: skeleton.ts. */
export const setNames = [
  'cluster-ips',
  'service-ips',
  'service-nodeports',
  'no-endpoint-services',
  'no-endpoint-nodeports',
  'firewall-ips',
  'hairpin-connections',
  'host-ports',
  'host-port-ips',
] as const;

export type SetName = (typeof setNames)[number];

/** An element of a set; of a map when it has a value. */
export interface SetElement {
  readonly set: SetName;
  readonly key: string;
  /** '' in a set. */
  readonly value: string;
}

/** What one owner (a Service, a pod) adds to the ruleset. */
export interface Fragment {
  readonly elements: readonly SetElement[];
  /** Rules by chain. */
  readonly chains: ReadonlyMap<string, readonly string[]>;
  /** Seconds for which a client is remembered, by name of the set. */
  readonly affinitySets: ReadonlyMap<string, number>;
}

/** Fragments put together. */
export interface Ruleset {
  /** Values by key. */
  readonly elements: Readonly<Record<SetName, ReadonlyMap<string, string>>>;
  readonly chains: ReadonlyMap<string, readonly string[]>;
  readonly affinitySets: ReadonlyMap<string, number>;
}

/** Of two owners that claim the same element, the first has it. In small steps. */
export function* compose(fragments: Iterable<Fragment>): Generator<void, Ruleset> {
  const elements = mapOfSets(() => new Map<string, string>());
  const chains = new Map<string, readonly string[]>();
  const affinitySets = new Map<string, number>();
  for (const fragment of fragments) {
    for (const { set, key, value } of fragment.elements) {
      if (!elements[set].has(key)) elements[set].set(key, value);
    }
    for (const [name, rules] of fragment.chains) chains.set(name, rules);
    for (const [name, seconds] of fragment.affinitySets) affinitySets.set(name, seconds);
    yield;
  }
  return { elements, chains, affinitySets };
}

const mapOfSets = <T>(make: () => T): Record<SetName, T> =>
  Object.fromEntries(setNames.map((name) => [name, make()])) as Record<SetName, T>;

export const emptyRuleset: Ruleset = {
  elements: mapOfSets(() => new Map<string, string>()),
  chains: new Map(),
  affinitySets: new Map(),
};

/** Everything that one transaction does. In the order of its fields it never refers to what is not there. */
export interface Change {
  /** Created before anything refers to them. */
  newChains: readonly string[];
  newAffinitySets: readonly (readonly [name: string, seconds: number])[];
  /** Their rules, of new ones too, replace those that they had. */
  rules: readonly (readonly [chain: string, rules: readonly string[]])[];
  removed: readonly SetElement[];
  added: readonly SetElement[];
  oldChains: readonly string[];
  oldAffinitySets: readonly string[];
}

/** The least that leads from `before` to `after`. In small steps. */
export function* difference(before: Ruleset, after: Ruleset): Generator<void, Change> {
  const removed: SetElement[] = [];
  const added: SetElement[] = [];
  for (const set of setNames) {
    const [old, next] = [before.elements[set], after.elements[set]];
    for (const [key, value] of old) {
      if (next.get(key) !== value) removed.push({ set, key, value });
      yield;
    }
    for (const [key, value] of next) {
      if (old.get(key) !== value) added.push({ set, key, value });
      yield;
    }
  }
  const rules: Change['rules'][number][] = [];
  for (const chain of after.chains) {
    if (!sameRules(before.chains.get(chain[0]), chain[1])) rules.push(chain);
    yield;
  }
  return {
    newChains: rules.map(([name]) => name).filter((name) => !before.chains.has(name)),
    newAffinitySets: [...after.affinitySets].filter(([name]) => !before.affinitySets.has(name)),
    rules,
    removed,
    added,
    oldChains: [...before.chains.keys()].filter((name) => !after.chains.has(name)),
    oldAffinitySets: [...before.affinitySets.keys()].filter((name) => !after.affinitySets.has(name)),
  };
}

const sameRules = (a: readonly string[] | undefined, b: readonly string[]): boolean =>
  a === b || (a?.length === b.length && a.every((rule, index) => rule === b[index]));

export const isEmpty = (change: Change): boolean => Object.values(change).every((part) => part.length === 0);
