import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explainHistory, type Operation, type Value } from './linearizability.ts';

const never = Number.POSITIVE_INFINITY;
const read = (begin: number, end: number, value: Value): Operation => ({ type: 'read', begin, end, value });
const swap = (begin: number, end: number, expected: Value, value: Value): Operation => ({
  ...{ type: 'swap', begin, end, expected, value },
});

const isFine = (...history: Operation[]): boolean => explainHistory(history, null) === undefined;

test('operations one after another must each see what came before', () => {
  assert.ok(isFine(swap(1, 2, null, 'a'), read(3, 4, 'a'), swap(5, 6, 'a', null), read(7, 8, null)));
  assert.ok(!isFine(swap(1, 2, null, 'a'), read(3, 4, null)));
  assert.ok(!isFine(swap(1, 2, null, 'a'), swap(3, 4, 'a', 'b'), read(5, 6, 'a')));
});

test('operations side by side may come in either order', () => {
  assert.ok(isFine(swap(1, 10, null, 'a'), read(2, 3, null), read(4, 5, 'a')));
  assert.ok(!isFine(swap(1, 10, null, 'a'), read(2, 3, 'a'), read(4, 5, null)));
  assert.ok(isFine(swap(1, 10, 'a', 'b'), swap(2, 9, null, 'a'), read(11, 12, 'b')));
});

test('of two swaps of the same value only one can have happened', () => {
  assert.ok(!isFine(swap(1, 10, null, 'a'), swap(2, 9, null, 'b')));
});

test('an operation without an answer may have happened late, or never', () => {
  assert.ok(isFine(swap(1, never, null, 'a'), read(2, 3, null), read(4, 5, 'a')));
  assert.ok(isFine(swap(1, never, null, 'a'), read(2, 3, null), read(4, 5, null)));
  assert.ok(!isFine(swap(1, never, null, 'a'), read(2, 3, 'a'), read(4, 5, null)));
});

test('a lost write is named', () => {
  const history = [swap(1, 2, null, 'a'), swap(3, 4, 'a', 'b'), read(5, 6, 'a')];
  assert.deepEqual(explainHistory(history, null), history);
});
