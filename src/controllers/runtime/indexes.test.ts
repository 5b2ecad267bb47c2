import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { matchesLabels, requirementsOfSelector } from '../../schema/index.ts';
import { claim } from './claims.ts';
import { LastSeen } from './last-seen.ts';
import { SelectorIndex } from './selector-index.ts';

const key = fc.constantFrom('app', 'tier', 'zone');
const value = fc.constantFrom('a', 'b', 'c');
const labels = fc.dictionary(key, value);
const selector = fc.record({
  matchLabels: fc.dictionary(key, value),
  matchExpressions: fc.array(
    fc.oneof(
      fc.record({ key, operator: fc.constantFrom('In', 'NotIn'), values: fc.array(value, { minLength: 1 }) }),
      fc.record({ key, operator: fc.constantFrom('Exists', 'DoesNotExist') }),
    ),
    { maxLength: 2 },
  ),
});

test('the index finds whom a search through all would find', () =>
  fc.assert(
    fc.property(fc.array(selector, { maxLength: 20 }), fc.nat(19), labels, (selectors, dropped, wanted) => {
      const index = new SelectorIndex();
      const requirements = selectors.map((each) => requirementsOfSelector(each));
      for (const [at, each] of requirements.entries()) index.set(String(at), 'shop', each);
      index.delete(String(dropped));
      const expected = [...requirements.keys()]
        .filter((at) => at !== dropped && requirements[at]?.length && matchesLabels(requirements[at], wanted))
        .map(String);
      assert.deepEqual(index.selecting('shop', wanted).sort(), expected.sort());
      assert.deepEqual(index.selecting('other', wanted), []);
    }),
  ));

test('a selector that is set again is found by its new form only', () => {
  const index = new SelectorIndex();
  index.set('web', 'shop', requirementsOfSelector({ matchLabels: { app: 'a' } }));
  index.set('web', 'shop', requirementsOfSelector({ matchLabels: { app: 'b' } }));
  assert.deepEqual(index.selecting('shop', { app: 'a' }), []);
  assert.deepEqual(index.selecting('shop', { app: 'b' }), ['web']);
});

test('what was not told of when all was told of again is forgotten', () => {
  const seen = new LastSeen<string>();
  seen.listing();
  seen.swap('gone', 'x');
  seen.swap('stays', 'y');
  seen.listing();
  assert.equal(seen.swap('stays', 'y'), 'y');
  assert.deepEqual(seen.relisted(), ['gone']);
  assert.equal(seen.swap('gone', 'x'), undefined);
  assert.equal(seen.swap('stays', undefined), 'y');
});

test('selectors that are not set when all are set again are deleted', () => {
  const index = new SelectorIndex();
  const web = requirementsOfSelector({ matchLabels: { app: 'web' } });
  index.listing();
  for (const each of ['gone', 'stays']) index.set(each, 'shop', web);
  index.set('selects nothing', 'shop', undefined);
  index.listing();
  index.set('stays', 'shop', web);
  assert.deepEqual(index.relisted(), ['gone', 'selects nothing']);
  assert.deepEqual(index.selecting('shop', { app: 'web' }), ['stays']);
});

const owner = { name: 'web', namespace: 'shop', uid: 'me' };
const object = (name: string, owned: 'me' | 'other' | undefined, app: string, more: object = {}) => ({
  metadata: {
    name,
    labels: { app },
    ...(owned && { ownerReferences: [{ apiVersion: 'v1', kind: 'X', name: 'x', uid: owned, controller: true }] }),
    ...more,
  },
});

test('owners claim what they select and nobody else controls', () => {
  const all = [
    object('mine', 'me', 'web'),
    object('left', 'me', 'else'),
    object('orphan', undefined, 'web'),
    object('going', undefined, 'web', { deletionTimestamp: 'now' }),
    object('theirs', 'other', 'web'),
    object('stranger', undefined, 'else'),
  ];
  const names = (objects: readonly { metadata: { name?: string } }[]) => objects.map(({ metadata }) => metadata.name);
  const selects = (each: (typeof all)[number]): boolean => each.metadata.labels.app === 'web';
  const { owned, adopt, release } = claim(owner, all, selects);
  assert.deepEqual([names(owned), names(adopt), names(release)], [['mine'], ['orphan'], ['left']]);
  const dying = claim({ ...owner, deletionTimestamp: 'now' }, all, selects);
  assert.deepEqual([names(dying.owned), dying.adopt, dying.release], [['mine'], [], []]);
});
