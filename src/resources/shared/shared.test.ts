import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { humanDuration } from './cells.ts';
import { semanticEqual } from './equal.ts';
import { canonicalIP, contains, parseNetwork, toNumber, toText, validIP } from './ip.ts';
import { matchesSelector, selectorText } from './labels.ts';
import { dnsLabel, dnsLabel1035, dnsSubdomain, portName, qualifiedName } from './names.ts';
import { addQuantities, compareQuantities, isQuantity, nanos, roundUpToMilli } from './quantity.ts';

test('ages are as short as kubectl prints them', () => {
  const cases: [seconds: number, text: string][] = [
    [0, '0s'],
    [5, '5s'],
    [119, '119s'],
    [120, '2m'],
    [190, '3m10s'],
    [599, '9m59s'],
    [600, '10m'],
    [3 * 3600 - 1, '179m'],
    [3 * 3600, '3h'],
    [3 * 3600 + 60, '3h1m'],
    [8 * 3600, '8h'],
    [48 * 3600, '2d'],
    [4 * 86_400 + 3 * 3600, '4d3h'],
    [8 * 86_400 + 3600, '8d'],
    [400 * 86_400, '400d'],
    [3 * 365 * 86_400, '3y'],
  ];
  for (const [seconds, text] of cases) assert.equal(humanDuration(seconds * 1000), text);
});

test('quantities compare by value', () => {
  const equal = [
    ['1', '1000m'],
    ['1Ki', '1024'],
    ['1e3', '1k'],
    ['0.5Gi', '512Mi'],
    ['-1', '-1000m'],
  ] as const;
  for (const [a, b] of equal) assert.equal(compareQuantities(a, b), 0, `${a} ${b}`);
  assert.ok(compareQuantities('1G', '1Gi') < 0);
  assert.equal(roundUpToMilli('0.1234567'), '124m');
  assert.equal(roundUpToMilli('1500m'), '1500m');
  for (const text of ['', 'a', '1 ', '1KiB', '1.5.1', '--1']) assert.equal(isQuantity(text), false, text);
});

test('the sum of two quantities is their sum', () => {
  const quantity = fc
    .tuple(fc.integer({ min: 0, max: 1_000_000 }), fc.constantFrom('', 'm', 'k', 'Mi', 'Gi'))
    .map(([value, suffix]) => `${value}${suffix}`);
  fc.assert(fc.property(quantity, quantity, (a, b) => nanos(addQuantities(a, b)) === nanos(a) + nanos(b)));
});

test('addresses survive the way to a number and back', () => {
  for (const text of ['10.43.0.1', '255.255.255.255', '::1', '2001:db8::ff00:42']) {
    assert.equal(toText(toNumber(text), text.includes(':') ? 'IPv6' : 'IPv4'), text);
  }
  assert.equal(canonicalIP('2001:0DB8:0:0::1'), '2001:db8::1');
  const network = parseNetwork('10.43.0.0/16');
  assert.ok(network && contains(network, '10.43.255.1') && !contains(network, '10.44.0.1'));
  assert.deepEqual(
    ['1.2.3', 'x', '1.2.3.256', ''].map((ip) => [...validIP(ip, ['ip'])].length > 0),
    [true, true, true, true],
  );
});

test('names follow their rules', () => {
  const good: [rule: (name: string) => readonly string[], names: string[]][] = [
    [dnsLabel, ['a', '9s', 'a-b']],
    [dnsLabel1035, ['a', 'a-9']],
    [dnsSubdomain, ['a.b', '1.2']],
    [qualifiedName, ['A', 'a.b/C_d', 'x/y']],
    [portName, ['http', 'a-1']],
  ];
  const bad: typeof good = [
    [dnsLabel, ['', 'A', '-a', 'a.b', 'a'.repeat(64)]],
    [dnsLabel1035, ['9s', 'a_']],
    [dnsSubdomain, ['a..b', 'A', `${'a'.repeat(254)}`]],
    [qualifiedName, ['', 'a b', '/a', 'A B/c', 'a/b/c']],
    [portName, ['1', 'UPPER', 'a--b', 'a'.repeat(16)]],
  ];
  for (const [rule, names] of good) for (const name of names) assert.deepEqual(rule(name), [], name);
  for (const [rule, names] of bad) for (const name of names) assert.notDeepEqual(rule(name), [], name);
});

test('selectors match what they say', () => {
  const selector = {
    matchLabels: { app: 'web' },
    matchExpressions: [
      { key: 'tier', operator: 'In', values: ['a', 'b'] },
      { key: 'old', operator: 'DoesNotExist' },
    ],
  };
  assert.ok(matchesSelector(selector, { app: 'web', tier: 'b' }));
  assert.ok(!matchesSelector(selector, { app: 'web', tier: 'c' }));
  assert.ok(!matchesSelector(selector, { app: 'web', tier: 'a', old: '' }));
  assert.equal(selectorText(selector), 'app=web,!old,tier in (a,b)');
});

test('an absent list or map equals an empty one, an empty struct does not', () => {
  assert.ok(semanticEqual({ a: [], labels: {} }, {}));
  assert.ok(semanticEqual({ a: null }, {}));
  assert.ok(!semanticEqual({ emptyDir: {} }, {}));
  assert.ok(!semanticEqual({ a: [1] }, { a: [2] }));
});
