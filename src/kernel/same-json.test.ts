import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sameJson } from './same-json.ts';

test('members are equal in any order, and absent is undefined', () => {
  assert.ok(sameJson({ a: 1, b: [{ c: null }] }, { b: [{ c: null }], a: 1, d: undefined }));
  assert.ok(!sameJson({ a: [1, 2] }, { a: [2, 1] }));
  assert.ok(!sameJson({ a: {} }, { a: [] }));
  assert.ok(!sameJson({ a: null }, {}));
});

test('members that every object inherits are members like others', () => {
  const own = JSON.parse('{"__proto__": {}}') as object;
  for (const odd of [{ toString: 'x' }, { constructor: 'x' }, own]) {
    assert.ok(!sameJson({}, odd));
    assert.ok(!sameJson(odd, {}));
  }
});
