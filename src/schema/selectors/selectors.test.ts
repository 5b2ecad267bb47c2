import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseFieldSelector } from './field-selector.ts';
import { parseLabelSelector } from './label-parser.ts';
import { formatLabelSelector, matchesLabels, requirementsOfLabels, requirementsOfSelector } from './label-selector.ts';

const matches = (selector: string, labels: Record<string, string>): boolean =>
  matchesLabels(parseLabelSelector(selector), labels);

describe('label selectors in query strings', () => {
  test('requirements are sorted by key, values are a sorted set', () => {
    assert.deepEqual(parseLabelSelector(' x in (b, a,b) ,!y , a!=c,z, g>5,h< 7,e==f,d= '), [
      { key: 'a', operator: 'NotIn', values: ['c'] },
      { key: 'd', operator: 'In', values: [''] },
      { key: 'e', operator: 'In', values: ['f'] },
      { key: 'g', operator: 'Gt', values: ['5'] },
      { key: 'h', operator: 'Lt', values: ['7'] },
      { key: 'x', operator: 'In', values: ['a', 'b'] },
      { key: 'y', operator: 'DoesNotExist', values: [] },
      { key: 'z', operator: 'Exists', values: [] },
    ]);
    assert.deepEqual(parseLabelSelector(''), []);
    assert.deepEqual(parseLabelSelector('in=notin'), [{ key: 'in', operator: 'In', values: ['notin'] }]);
    assert.deepEqual(parseLabelSelector('a in (,x,)')[0]!.values, ['', 'x']);
  });
  test('matching', () => {
    assert.ok(matches('a=b', { a: 'b' }));
    assert.ok(!matches('a=b', {}));
    assert.ok(matches('a!=b', {}));
    assert.ok(matches('a notin (b)', { a: 'c' }));
    assert.ok(matches('a,!b', { a: '' }));
    assert.ok(matches('a>5', { a: '6' }));
    assert.ok(!matches('a>5', { a: 'six' }));
    assert.ok(!matches('a<5', {}));
    assert.ok(!matches('toString', {}));
    assert.ok(matches('', { a: 'b' }));
  });
  for (const [selector, message] of [
    ['a in x', "unable to parse requirement: found 'x' expected: '('"],
    ['a=b,', "found '', expected: identifier after ','"],
    [',a', "found ',', expected: !, identifier, or 'end of string'"],
    ['a b', "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"],
    ['!a=b', "found '=', expected: ',' or 'end of string'"],
    [
      'a>x',
      "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be an integer",
    ],
  ] as const) {
    test(`${selector} is refused`, () => assert.throws(() => parseLabelSelector(selector), { message }));
  }
  test('keys and values are checked', () => {
    assert.throws(
      () => parseLabelSelector('a/b/c'),
      /^LabelSelectorError|unable to parse requirement: <nil>: Invalid value: "a\/b\/c": a valid label key must consist/,
    );
    assert.throws(
      () => parseLabelSelector('a=-b'),
      /unable to parse requirement: values\[0\]\[a\]: Invalid value: "-b": a valid label must be/,
    );
  });
});

describe('LabelSelector objects', () => {
  test('absent matches nothing, empty everything', () => {
    assert.equal(requirementsOfSelector(undefined), undefined);
    assert.equal(matchesLabels(undefined, {}), false);
    assert.equal(matchesLabels(requirementsOfSelector({}), { a: 'b' }), true);
  });
  test('labels and expressions must all hold', () => {
    const selector = { matchLabels: { a: 'b' }, matchExpressions: [{ key: 'c', operator: 'NotIn', values: ['d'] }] };
    const requirements = requirementsOfSelector(selector);
    assert.ok(matchesLabels(requirements, { a: 'b' }));
    assert.ok(!matchesLabels(requirements, { a: 'b', c: 'd' }));
    assert.throws(() => requirementsOfSelector({ matchExpressions: [{ key: 'c', operator: 'Gt', values: ['1'] }] }), {
      message: '"Gt" is not a valid label selector operator',
    });
    assert.throws(() => requirementsOfSelector({ matchExpressions: [{ key: 'c', operator: 'In' }] }), {
      message: "values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty",
    });
    assert.ok(matchesLabels(requirementsOfLabels({ a: 'b' }), { a: 'b', x: 'y' }));
  });
  test('printing', () => {
    const matchExpressions = [
      { key: 'b', operator: 'In', values: ['y', 'x'] },
      { key: 'a', operator: 'DoesNotExist' },
      { key: 'c', operator: 'Exists' },
    ];
    assert.equal(formatLabelSelector({ matchLabels: { d: 'e' }, matchExpressions }), '!a,b in (x,y),c,d=e');
    assert.equal(formatLabelSelector(undefined), '');
  });
});

describe('field selectors', () => {
  test('terms, operators and escapes', () => {
    assert.deepEqual(parseFieldSelector('spec.nodeName!=,metadata.name==a\\,b\\=c\\\\,status.phase=Running,'), [
      { field: 'metadata.name', operator: '=', value: 'a,b=c\\' },
      { field: 'spec.nodeName', operator: '!=', value: '' },
      { field: 'status.phase', operator: '=', value: 'Running' },
    ]);
  });
  for (const [selector, message] of [
    ['metadata.name', "invalid selector: 'metadata.name'; can't understand 'metadata.name'"],
    ['a=b=c', 'invalid field selector: unescaped character in value: 61'],
    ['a=b\\x', 'invalid field selector: invalid escape sequence: \\x'],
  ] as const) {
    test(`${selector} is refused`, () => assert.throws(() => parseFieldSelector(selector), { message }));
  }
});
