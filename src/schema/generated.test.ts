import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { generate, generatedFolder } from '../../scripts/schema-generate.ts';

test('generated typings are what the tables make of them', () => {
  const expected = generate();
  assert.deepEqual(readdirSync(generatedFolder).sort(), [...expected.keys()].sort());
  for (const [file, text] of expected) {
    assert.equal(readFileSync(join(generatedFolder, file), 'utf8'), text, `${file}: run npm run generate`);
  }
});
