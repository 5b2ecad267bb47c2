import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasEnvelope, unwrapEnvelope, wrapEnvelope } from './envelope.ts';

const gvk = { apiVersion: 'v1', kind: 'ConfigMap' };

test('an envelope is read back', () => {
  const wrapped = wrapEnvelope(gvk, Uint8Array.of(1, 2, 3));
  assert.ok(hasEnvelope(wrapped));
  const { message, ...rest } = unwrapEnvelope(wrapped);
  assert.deepEqual([...message], [1, 2, 3]);
  assert.deepEqual(rest, { ...gvk, contentEncoding: '', contentType: '' });
});

test('what is none is refused, at every cut', () => {
  const wrapped = wrapEnvelope(gvk, Uint8Array.of(1, 2, 3));
  assert.throws(() => unwrapEnvelope(Uint8Array.of(0x7b)), /does not appear to be a protobuf message/);
  const whole = new Set([4, 4 + 17, 4 + 17 + 5, 4 + 17 + 5 + 2, wrapped.length]);
  for (let end = 5; end < wrapped.length; end++) {
    if (!whole.has(end))
      assert.throws(() => unwrapEnvelope(wrapped.subarray(0, end)), { name: 'CodecError' }, `${end}`);
  }
});
