import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compose, difference, emptyRuleset, type Fragment, isEmpty, type Ruleset, setNames } from './ruleset.ts';
import { commands, deletions } from './script.ts';
import { skeleton } from './skeleton.ts';
import { finished, SimulatedKernel } from './testing.ts';

const made = skeleton({
  ...{ podNetwork: '10.42.0.0/24', clusterNetwork: '10.42.0.0/16', serviceNetwork: '10.43.0.0/16' },
  ...{ dnsIP: '10.43.0.10', bridge: 'br0', bridgeFilter: true },
});

const mapNames = setNames.filter((name) => name !== 'cluster-ips' && name !== 'hairpin-connections');

/** Few names, so that rulesets have much in common. */
const letter = fc.constantFrom('a', 'b', 'c', 'd');

/** A fragment with an affinity set, a chain that uses it, and elements; some lead to the chain. */
const fragment: fc.Arbitrary<Fragment> = fc
  .record({
    owner: letter,
    rules: fc.array(letter, { maxLength: 3 }),
    affinity: fc.boolean(),
    plain: fc.array(letter, { maxLength: 3 }),
    mapped: fc.array(
      fc.record({ set: fc.constantFrom(...mapNames), key: letter, toChain: fc.boolean(), value: letter }),
      {
        maxLength: 6,
      },
    ),
  })
  .map(({ owner, rules, affinity, plain, mapped }) => ({
    chains: new Map([[`service-${owner}`, [...rules, ...(affinity ? [`ip saddr @affinity-${owner} accept`] : [])]]]),
    affinitySets: new Map(affinity ? [[`affinity-${owner}`, 60]] : []),
    elements: [
      ...plain.map((key) => ({ set: 'cluster-ips' as const, key, value: '' })),
      ...mapped.map(({ set, key, toChain, value }) => ({ set, key, value: toChain ? `goto service-${owner}` : value })),
    ],
  }));

/** Owners have chains of their own, as they have in earnest. */
const ruleset: fc.Arbitrary<Ruleset> = fc
  .uniqueArray(fragment, { maxLength: 4, selector: ({ chains }) => [...chains.keys()][0] })
  .map((fragments) => finished(compose(fragments)));

function assertHolds(kernel: SimulatedKernel, wanted: Ruleset): void {
  for (const name of setNames) assert.deepEqual(kernel.elements(name), wanted.elements[name]);
  for (const [name, rules] of wanted.chains) assert.deepEqual(kernel.chains.get(name), rules);
  const affinity = [...kernel.sets.keys()].filter((name) => name.startsWith('affinity-'));
  assert.deepEqual(new Set(affinity), new Set(wanted.affinitySets.keys()));
}

test('the difference of two rulesets leads from the one to the other', () =>
  fc.assert(
    fc.asyncProperty(fc.array(ruleset, { minLength: 1, maxLength: 5 }), async (steps) => {
      const kernel = new SimulatedKernel();
      await kernel.apply(made);
      let before = emptyRuleset;
      for (const after of steps) {
        const change = finished(difference(before, after));
        if (!isEmpty(change)) await kernel.apply(commands(change));
        assertHolds(kernel, after);
        await kernel.apply(deletions(change.oldChains));
        assert.deepEqual(
          new Set([...kernel.chains.keys()].filter((name) => name.startsWith('service-'))),
          new Set(after.chains.keys()),
        );
        before = after;
      }
    }),
  ));

test('a ruleset differs from itself by nothing', () =>
  fc.assert(
    fc.property(ruleset, (same) => isEmpty(finished(difference(same, finished(compose([fragmentOf(same)])))))),
  ));

test('the difference says nothing of what stays', () =>
  fc.assert(
    fc.property(ruleset, ruleset, (before, after) => {
      const { added, rules } = finished(difference(before, after));
      for (const { set, key, value } of added) assert.notEqual(before.elements[set].get(key), value);
      for (const [name, next] of rules) assert.notDeepEqual(before.chains.get(name), next);
    }),
  ));

test('of two owners that claim an element the first has it', () => {
  const claim = (value: string): Fragment => ({
    elements: [{ set: 'service-ips', key: 'x', value }],
    chains: new Map(),
    affinitySets: new Map(),
  });
  assert.equal(finished(compose([claim('first'), claim('second')])).elements['service-ips'].get('x'), 'first');
});

const fragmentOf = ({ elements, chains, affinitySets }: Ruleset): Fragment => ({
  elements: setNames.flatMap((set) => [...elements[set]].map(([key, value]) => ({ set, key, value }))),
  chains,
  affinitySets,
});
