import assert from 'node:assert/strict';
import { test } from 'node:test';
import { secret } from './secret.ts';

test('a registry configuration must be JSON; what is wrong is told in the words of Go', () => {
  const cases = [
    ['{}', []],
    ['zz', ["invalid character 'z' looking for beginning of value"]],
    ['{', ['unexpected end of JSON input']],
  ] as const;
  for (const [text, expected] of cases) {
    const data = { '.dockerconfigjson': Buffer.from(text).toString('base64') };
    const object = { metadata: { name: 's' }, type: 'kubernetes.io/dockerconfigjson', data };
    const errors = [...(secret.validate?.(object as never) ?? [])];
    assert.deepEqual(
      errors.map((error) => error.message),
      expected.map((detail) => `Invalid value: "<secret contents redacted>": ${detail}`),
    );
  }
});
