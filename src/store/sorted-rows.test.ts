import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Row, SortedRows } from './sorted-rows.ts';
import { podKind } from './testing.ts';

const row = (namespace: string, name: string): Row => ({
  entry: { kind: podKind, namespace, name, revision: 1, handle: 1 },
  terms: [],
});

const keysOf = (rows: SortedRows): string[] =>
  rows.chunks.flat().map(({ entry }) => `${entry.namespace}/${entry.name}`);

test('rows stay in order of namespace and name, whatever comes and goes', () => {
  const key = fc.tuple(fc.constantFrom('a', 'b'), fc.nat(3000).map(String));
  fc.assert(
    fc.property(fc.uniqueArray(key, { selector: String, minLength: 1000, maxLength: 2000 }), fc.nat(), (keys, keep) => {
      const rows = new SortedRows();
      for (const [namespace, name] of keys) rows.insert(row(namespace, name));
      const sorted = (left: typeof keys) =>
        [...left].sort(([a, b], [c, d]) => (a === c ? (b < d ? -1 : 1) : a < c ? -1 : 1)).map((each) => each.join('/'));
      assert.deepEqual(keysOf(rows), sorted(keys));
      const left = keys.filter((_, i) => i % 7 === keep % 7);
      for (const [namespace, name] of keys) {
        const found = rows.get(namespace, name)!;
        assert.equal(found.entry.name, name);
        if (!left.some((each) => each[0] === namespace && each[1] === name)) rows.remove(found);
      }
      assert.deepEqual(keysOf(rows), sorted(left));
      assert.equal(rows.length, left.length);
      assert.ok(rows.chunks.every((chunk) => chunk.length > 0));
    }),
    { numRuns: 10 },
  );
});

test('what is not there is not found, and cannot be removed', () => {
  const rows = new SortedRows();
  assert.equal(rows.get('a', 'b'), undefined);
  rows.insert(row('a', 'b'));
  assert.equal(rows.get('a', 'a'), undefined);
  assert.equal(rows.get('a', 'c'), undefined);
  assert.throws(() => rows.remove(row('a', 'b')), /not where it should be/);
});
