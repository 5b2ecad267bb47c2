import assert from 'node:assert/strict';
import { test } from 'node:test';
import { schema } from '../schema/index.ts';
import { compilePath, ownerUidPath, readPath } from './protobuf-path.ts';
import { encodeSample } from './testing.ts';

test('paths compile to the tags of the field tables', () => {
  assert.deepEqual(compilePath(schema, 'core/v1.Pod', 'metadata.ownerReferences.uid'), ownerUidPath);
  assert.deepEqual(compilePath(schema, 'core/v1.Pod', 'spec.nodeName'), { tags: [2, 10], type: 'string' });
  assert.deepEqual(compilePath(schema, 'core/v1.Node', 'spec.unschedulable').type, 'bool');
  assert.throws(() => compilePath(schema, 'core/v1.Pod', 'spec.nothing'), /has no field spec.nothing/);
  assert.throws(() => compilePath(schema, 'core/v1.Pod', 'spec'), /only strings, bools and whole numbers/);
});

test('fields are read from the bytes, every one that a list leads to', () => {
  const bytes = encodeSample({ name: 'a', owners: ['u1', 'ü2'], nodeName: 'n', payload: 'x'.repeat(300) });
  assert.deepEqual(readPath(bytes, ownerUidPath), ['u1', 'ü2']);
  assert.deepEqual(readPath(bytes, { tags: [2, 10], type: 'string' }), ['n']);
  assert.deepEqual(readPath(bytes, { tags: [2, 11], type: 'string' }), []);
});

test('numbers and bools read as text', () => {
  const bytes = Uint8Array.of(0x08, 0x96, 0x01, 0x10, 0x01, 0x18, ...Array<number>(9).fill(0xff), 0x01);
  assert.deepEqual(readPath(bytes, { tags: [1], type: 'int' }), ['150']);
  assert.deepEqual(readPath(bytes, { tags: [2], type: 'bool' }), ['true']);
  assert.deepEqual(readPath(bytes, { tags: [3], type: 'int' }), ['-1']);
});

test('truncated bytes are refused', () => {
  const bytes = encodeSample({ name: 'a' });
  assert.throws(() => readPath(bytes.subarray(0, 1), ownerUidPath), /truncated/);
});
