import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bytesOfText, textOfBytes } from './raw-text.ts';

test('text is text', () => {
  for (const text of ['', 'plain', 'äöü 世界 😀']) assert.equal(textOfBytes(Buffer.from(text)), text);
});

test('what is text among other bytes can be read', () => {
  const bytes = Buffer.concat([Buffer.from('ä='), Buffer.from([0xff, 0xc3]), Buffer.from('$(A)😀')]);
  assert.match(textOfBytes(bytes), /^ä=..\$\(A\)😀$/u);
});

test('any bytes come back as they were', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      assert.deepEqual(bytesOfText(textOfBytes(Buffer.from(bytes))), Buffer.from(bytes));
    }),
    { numRuns: 2_000 },
  );
});
