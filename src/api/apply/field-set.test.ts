import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  difference,
  emptySet,
  equals,
  type FieldSet,
  forEachPath,
  has,
  intersection,
  isEmpty,
  leaves,
  parseFieldSet,
  pathSet,
  recursiveDifference,
  union,
} from './field-set.ts';
import { canonicalElement, compareElements, keyElement, printPath, valueElement } from './path-element.ts';

const element = fc.oneof(
  fc.constantFrom('a', 'b', 'c', 'é', '__proto__', '😀', 'ﬀ').map((name) => `f:${name}`),
  fc
    .tuple(fc.constantFrom('a', 'b<'), fc.constantFrom(1, 80, 443))
    .map((values) => keyElement(['name', 'port'], values)),
  fc.constantFrom('x', 'y', 10, 9, true).map(valueElement),
  fc.nat(20).map((index) => `i:${index}`),
);
const path = fc.array(element, { minLength: 1, maxLength: 4 });
const paths = fc.array(path, { maxLength: 12 });
const setOf = (list: readonly string[][]): FieldSet => list.reduce((set, p) => union(set, pathSet(p)), emptySet);
const set = paths.map(setOf);

const keysOf = (fields: FieldSet): Set<string> => {
  const keys = new Set<string>();
  forEachPath(fields, (p) => keys.add(JSON.stringify(p)));
  return keys;
};

const isCanonical = (fields: FieldSet): boolean =>
  JSON.stringify(parseFieldSet(JSON.parse(JSON.stringify(fields)))) === JSON.stringify(fields);

test('a set holds exactly the paths that went in', () => {
  fc.assert(
    fc.property(paths, (list) => {
      const fields = setOf(list);
      assert.deepEqual([...keysOf(fields)].sort(), [...new Set(list.map((p) => JSON.stringify(p)))].sort());
      assert.ok(list.every((p) => has(fields, p)));
    }),
  );
});

test('union, intersection and difference are those of the paths, and canonical', () => {
  fc.assert(
    fc.property(set, set, (a, b) => {
      const [x, y] = [keysOf(a), keysOf(b)];
      assert.deepEqual(keysOf(union(a, b)), new Set([...x, ...y]));
      assert.deepEqual(keysOf(intersection(a, b)), new Set([...x].filter((key) => y.has(key))));
      assert.deepEqual(keysOf(difference(a, b)), new Set([...x].filter((key) => !y.has(key))));
      for (const result of [union(a, b), intersection(a, b), difference(a, b), recursiveDifference(a, b)]) {
        assert.ok(isCanonical(result), JSON.stringify(result));
      }
      assert.ok(equals(union(difference(a, b), intersection(a, b)), a));
    }),
  );
});

test('a recursive difference takes away what is below, too', () => {
  fc.assert(
    fc.property(paths, paths, (a, b) => {
      const isBelow = (p: string[]): boolean => b.some((q) => q.every((step, i) => step === p[i]));
      const rest = a.filter((p) => !isBelow(p));
      assert.deepEqual(keysOf(recursiveDifference(setOf(a), setOf(b))), keysOf(setOf(rest)));
    }),
  );
});

test('leaves are the members without members below', () => {
  fc.assert(
    fc.property(set, (fields) => {
      const keys = [...keysOf(fields)];
      const inner = keys.filter((key) =>
        keys.some((other) => other !== key && other.startsWith(`${key.slice(0, -1)},`)),
      );
      assert.deepEqual(keysOf(leaves(fields)), new Set(keys.filter((key) => !inner.includes(key))));
    }),
  );
});

test('operations that change nothing give back the set itself', () => {
  fc.assert(
    fc.property(set, (fields) => {
      assert.equal(union(fields, intersection(fields, fields)), fields);
      assert.equal(difference(fields, { 'f:elsewhere': {} }), fields);
      assert.ok(isEmpty(difference(fields, fields)));
    }),
  );
});

test('the order of elements is total', () => {
  fc.assert(
    fc.property(element, element, element, (a, b, c) => {
      assert.equal(Math.sign(compareElements(a, b)), -Math.sign(compareElements(b, a)) || 0);
      if (compareElements(a, b) <= 0 && compareElements(b, c) <= 0) assert.ok(compareElements(a, c) <= 0);
      assert.equal(compareElements(a, b) === 0, a === b);
    }),
  );
});

test('names are ordered by code point, keys and values by value', () => {
  const sorted = [
    'f:a',
    'f:ﬀ',
    'f:😀',
    'k:{"port":80}',
    'k:{"port":443}',
    'v:9',
    'v:10',
    'v:"x"',
    'v:true',
    'i:9',
    'i:10',
  ];
  assert.deepEqual([...sorted].reverse().sort(compareElements), sorted);
});

test('foreign spellings become canonical; unknown elements are dropped', () => {
  assert.equal(canonicalElement('k:{"b": 1, "a": "<"}'), 'k:{"a":"\\u003c","b":1}');
  assert.deepEqual(parseFieldSet({ 'v:"b"': {}, 'x:?': {}, 'f:a': { '.': {} } }), { 'f:a': {}, 'v:"b"': {} });
  assert.throws(() => parseFieldSet({ f: {} }));
  assert.throws(() => parseFieldSet({ 'k:{': {} }));
});

test('paths are printed as upstream prints them', () => {
  const printed = printPath(['f:spec', 'f:ports', 'k:{"containerPort":80,"protocol":"TCP"}', 'v:"x"', 'i:3']);
  assert.equal(printed, '.spec.ports[containerPort=80,protocol="TCP"][="x"][3]');
});
