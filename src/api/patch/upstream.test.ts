import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { jsonPatch } from './json-patch.ts';
import { mergePatch } from './merge-patch.ts';
import { strategicMergePatch } from './strategic.ts';

interface Case {
  op: 'smp' | 'jsonpatch' | 'mergepatch';
  message: string;
  object: object;
  patch: unknown;
  expect: { object?: object; error?: string };
}

const cases = readFileSync(new URL('./fixtures/upstream.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Case);

const apply = ({ op, message, object, patch }: Case): object => {
  if (op === 'smp') return strategicMergePatch(message, object, patch);
  return op === 'jsonpatch' ? jsonPatch(object, patch) : mergePatch(object, patch);
};

for (const [index, patchCase] of cases.entries()) {
  test(`upstream case ${index}: ${patchCase.op}`, () => {
    const before = JSON.stringify(patchCase.object);
    if (patchCase.expect.error === undefined) assert.deepEqual(apply(patchCase), patchCase.expect.object);
    else assert.throws(() => apply(patchCase));
    assert.equal(JSON.stringify(patchCase.object), before, 'the input was changed');
  });
}
