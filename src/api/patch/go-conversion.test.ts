import assert from 'node:assert/strict';
import { test } from 'node:test';
import { conversionText, leftOfPatch } from './go-conversion.ts';

test('merging consumes lists that come with their order, and directives', () => {
  const patch = {
    spec: {
      replicas: 'two',
      $retainKeys: ['a'],
      $setElementOrder_: 1,
      '$setElementOrder/l': [{ name: 'a' }],
      l: [1],
      m: [2],
    },
  };
  assert.deepEqual(leftOfPatch(patch), { spec: { replicas: 'two', $setElementOrder_: 1, m: [2] } });
});

test('mismatches are told in the words of the converter', () => {
  const field = (found: string, type: string): string =>
    conversionText(`json: cannot unmarshal ${found} into Go struct field S.spec.f of type ${type}`);
  const cases = [
    ['string', 'int32', 'unrecognized type: int32'],
    ['string', 'bool', 'unrecognized type: bool'],
    ['number', 'string', 'cannot convert int64 to string'],
    ['number 1.5', 'int32', 'cannot convert float64 to int32'],
    ['object', 'string', 'unrecognized type: string'],
    ['string', '[]v1.Container', 'cannot restore slice from string'],
    ['string', 'map[string]string', 'cannot restore map from string'],
    ['array', 'v1.PodSpec', 'cannot restore struct from: slice'],
  ] as const;
  for (const [found, type, expected] of cases) assert.equal(field(found, type), expected);
  assert.equal(conversionText('something else'), 'something else');
});
