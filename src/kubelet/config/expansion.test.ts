import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { expand, type Lookup } from './expansion.ts';

const variables: Readonly<Record<string, string>> = {
  A: 'a',
  B: 'bee',
  EMPTY: '',
  'odd name': 'odd',
  $: 'dollar',
  '$(A': 'strange',
  '': 'nameless',
};
const lookup: Lookup = (name) => (Object.hasOwn(variables, name) ? variables[name] : undefined);

for (const [text, expected] of [
  ['', ''],
  ['plain', 'plain'],
  ['$(A)', 'a'],
  ['x-$(A)-y', 'x-a-y'],
  ['$(A)$(B)', 'abee'],
  ['$(EMPTY)x', 'x'],
  ['$(NONE)', '$(NONE)'],
  ['$$(A)', '$(A)'],
  ['$$$(A)', '$a'],
  ['$$$$(A)', '$$(A)'],
  ['$$', '$'],
  ['$', '$'],
  ['a$', 'a$'],
  ['$A', '$A'],
  ['$(A', '$(A'],
  ['$(A$(B)', '$(A$(B)'],
  ['$($(A)', 'strange'],
  ['$(odd name)', 'odd'],
  ['$()', 'nameless'],
  ['$(A))', 'a)'],
  ['(A)', '(A)'],
  ['$ (A)', '$ (A)'],
  ['$\n(A)', '$\n(A)'],
  ['$(a\nb)', '$(a\nb)'],
  ['$é$(A)', '$éa'],
  ['$(A$$', '$(A$'],
] as const) {
  test(`${JSON.stringify(text)} becomes ${JSON.stringify(expected)}`, () =>
    assert.equal(expand(text, lookup), expected));
}

/** The syntax read one character at a time. */
function oracle(text: string): string {
  let out = '';
  for (let at = 0; at < text.length; at++) {
    const [here, next] = [text[at], text[at + 1]];
    const close = text.indexOf(')', at);
    if (here !== '$' || next === undefined) out += here;
    else if (next === '$') {
      out += '$';
      at++;
    } else if (next !== '(') out += here;
    else if (close < 0) {
      out += '$(';
      at++;
    } else {
      const name = text.slice(at + 2, close);
      out += lookup(name) ?? `$(${name})`;
      at = close;
    }
  }
  return out;
}

test('any text becomes what a reader of the syntax makes of it', () => {
  const piece = fc.constantFrom('$', '(', ')', 'A', 'B', 'NONE', ' ', 'é', '$(A)', '$$');
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
      const text = pieces.join('');
      assert.equal(expand(text, lookup), oracle(text));
    }),
    { numRuns: 5_000 },
  );
});
