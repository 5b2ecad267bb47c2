import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { formatDuration, parseDuration } from './duration.ts';
import { parseIntOrString, scaledIntOrPercent } from './int-or-string.ts';
import { parseJsonObject, stringifyObject } from './json-object.ts';
import {
  addQuantity,
  canonicalQuantity,
  compareQuantity,
  formatQuantity,
  parseQuantity,
  quantityFromInteger,
  quantityFromMilli,
  quantityMilliValue,
  quantityValue,
} from './quantity.ts';
import { formatInstant, formatMicroInstant, parseMicroTime, parseTime, timeToMs } from './time.ts';

describe('quantity', () => {
  for (const [text, canonical] of [
    ['0', '0'],
    ['0.0', '0'],
    ['00.5', '500m'],
    ['100m', '100m'],
    ['1000m', '1'],
    ['1500m', '1500m'],
    ['1.5', '1500m'],
    ['1.500', '1.500'],
    ['+5', '+5'],
    ['1Gi', '1Gi'],
    ['1024Mi', '1Gi'],
    ['1.5Gi', '1536Mi'],
    ['0.5Mi', '512Ki'],
    ['0.5Ki', '512'],
    ['0.001Ki', '1024m'],
    ['1000', '1k'],
    ['123456789', '123456789'],
    ['1e3', '1e3'],
    ['1E3', '1E3'],
    ['12e6', '12e6'],
    ['120e5', '12e6'],
    ['1E', '1E'],
    ['0.0000000001', '1n'],
    ['-0.0000000001', '-1n'],
    ['10000000000000000000Ki', '9223372036854775807'],
    ['-1.5Gi', '-1536Mi'],
    ['.5', '500m'],
    ['5.', '5.'],
  ] as const) {
    test(`${text} is ${canonical}`, () => assert.equal(canonicalQuantity(text), canonical));
  }
  test('what is no quantity is refused with upstream text', () => {
    const format = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
    assert.throws(() => parseQuantity(''), { message: format });
    assert.throws(() => parseQuantity('1 Gi'), { message: format });
    assert.throws(() => parseQuantity('1.2.3'), { message: format });
    assert.throws(() => parseQuantity('1Kx'), { message: format });
    assert.throws(() => parseQuantity('1K'), { message: "unable to parse quantity's suffix" });
    assert.throws(() => parseQuantity(`1e${'9'.repeat(9)}`), { message: "unable to parse quantity's suffix" });
  });
  test('values round up, away from zero', () => {
    assert.equal(quantityValue(parseQuantity('1500m')), 2n);
    assert.equal(quantityValue(parseQuantity('-1500m')), -2n);
    assert.equal(quantityMilliValue(parseQuantity('1.0001')), 1001n);
    assert.equal(quantityValue(parseQuantity('1Gi')), 1073741824n);
  });
  test('arithmetic is exact and keeps the format of the first that is not zero', () => {
    const sum = (a: string, b: string): string => formatQuantity(addQuantity(parseQuantity(a), parseQuantity(b)));
    assert.equal(sum('100m', '0.9'), '1');
    assert.equal(sum('1Gi', '1G'), '2073741824');
    assert.equal(sum('1Gi', '1Gi'), '2Gi');
    assert.equal(sum('0', '1Ki'), '1Ki');
    assert.equal(formatQuantity(quantityFromMilli(1500)), '1500m');
    assert.equal(formatQuantity(quantityFromInteger(2 ** 31, 'BinarySI')), '2Gi');
    assert.equal(compareQuantity(parseQuantity('1Ki'), parseQuantity('1024')), 0);
    assert.equal(compareQuantity(parseQuantity('1k'), parseQuantity('1Ki')), -1);
  });
  test('canonical text is canonical, and means the same', () => {
    const suffix = fc.constantFrom('', 'n', 'u', 'm', 'k', 'M', 'G', 'Ki', 'Mi', 'Gi', 'e3', 'e-3');
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 11n), max: 10n ** 11n }), suffix, (number, unit) => {
        const text = `${number}${unit}`;
        const canonical = canonicalQuantity(text);
        assert.equal(canonicalQuantity(canonical), canonical);
        assert.equal(compareQuantity(parseQuantity(canonical), parseQuantity(text)), 0);
      }),
    );
  });
});

describe('time', () => {
  const canonical = (text: string): string | undefined => {
    const instant = parseTime(text);
    return instant && formatInstant(instant);
  };
  test('is normalised to whole seconds of UTC', () => {
    assert.equal(canonical('2024-02-29T23:59:59Z'), '2024-02-29T23:59:59Z');
    assert.equal(canonical('2024-03-01T01:30:00+02:00'), '2024-02-29T23:30:00Z');
    assert.equal(canonical('2024-01-01T00:00:00.999999999Z'), '2024-01-01T00:00:00Z');
    assert.equal(canonical('1900-01-01T00:00:00Z'), '1900-01-01T00:00:00Z');
    assert.equal(canonical('0001-01-01T00:00:00Z'), undefined);
  });
  test('errors are those of Go', () => {
    const layout = '2006-01-02T15:04:05Z07:00';
    assert.throws(() => parseTime('2024-1-01T00:00:00Z'), {
      message: `parsing time "2024-1-01T00:00:00Z" as "${layout}": cannot parse "1-01T00:00:00Z" as "01"`,
    });
    assert.throws(() => parseTime('2023-02-29T00:00:00Z'), {
      message: 'parsing time "2023-02-29T00:00:00Z": day out of range',
    });
    assert.throws(() => parseTime('2023-02-28T24:00:00Z'), {
      message: 'parsing time "2023-02-28T24:00:00Z": hour out of range',
    });
    assert.throws(() => parseTime('0000-01-01T00:00:00+01:00'), {
      message: 'parsing time "0000-01-01T00:00:00+01:00": year out of range',
    });
    assert.throws(() => parseTime('2023-02-28T00:00:00Zx'), {
      message: 'parsing time "2023-02-28T00:00:00Zx": extra text: "x"',
    });
  });
  test('MicroTime needs and keeps six digits', () => {
    assert.equal(formatMicroInstant(parseMicroTime('2024-01-01T00:00:00.000001Z')!), '2024-01-01T00:00:00.000001Z');
    assert.throws(() => parseMicroTime('2024-01-01T00:00:00Z'), /cannot parse "Z" as ".000000"/);
  });
  test('agrees with Date', () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date('0002-01-01'), max: new Date('9999-12-31'), noInvalidDate: true }),
        (date) => {
          const text = date.toISOString();
          assert.equal(timeToMs(text), date.getTime());
          assert.equal(formatInstant(parseTime(text)!), `${text.slice(0, 19)}Z`);
        },
      ),
    );
  });
});

describe('duration', () => {
  for (const [text, canonical] of [
    ['0', '0s'],
    ['1.5h', '1h30m0s'],
    ['-1m', '-1m0s'],
    ['1500ms', '1.5s'],
    ['1.5us', '1.5µs'],
    ['3ns', '3ns'],
    ['1h1ms', '1h0m0.001s'],
  ] as const) {
    test(`${text} is ${canonical}`, () => assert.equal(formatDuration(parseDuration(text)), canonical));
  }
  test('errors are those of Go', () => {
    assert.throws(() => parseDuration(''), { message: 'time: invalid duration ""' });
    assert.throws(() => parseDuration('1'), { message: 'time: missing unit in duration "1"' });
    assert.throws(() => parseDuration('1d'), { message: 'time: unknown unit "d" in duration "1d"' });
  });
});

describe('int or string', () => {
  test('percentages are shares of a total', () => {
    assert.equal(scaledIntOrPercent('25%', 10, 'up'), 3);
    assert.equal(scaledIntOrPercent('25%', 10, 'down'), 2);
    assert.equal(scaledIntOrPercent(7, 10, 'up'), 7);
    assert.throws(() => scaledIntOrPercent('7', 10, 'up'), {
      message: 'invalid value for IntOrString: invalid type: string is not a percentage',
    });
    assert.throws(() => scaledIntOrPercent('x%', 10, 'up'), /invalid value "x%"/);
  });
  test('text that spells a number', () => {
    assert.equal(parseIntOrString('80'), 80);
    assert.equal(parseIntOrString('99999999999'), '99999999999');
  });
});

describe('JSON objects', () => {
  test('integers beyond 2^53 survive both ways', () => {
    const text =
      '{"a":9223372036854775807,"b":[1,-9223372036854775808],"c":1.5,"d":"1234567890123456789","e":9007199254740991}';
    const object = parseJsonObject<Record<string, unknown>>(text);
    assert.equal(object['a'], 9223372036854775807n);
    assert.equal(object['e'], 9007199254740991);
    assert.equal(stringifyObject(object), text);
  });
  test('bytes are read as UTF-8, also from the middle of a buffer', () => {
    const bytes = Buffer.from('xx{"ä":"ü"}');
    assert.deepEqual(parseJsonObject(bytes.subarray(2)), { ä: 'ü' });
  });
  test('errors other than a bigint are not hidden', () => {
    const loop: Record<string, unknown> = {};
    loop['self'] = loop;
    assert.throws(() => stringifyObject(loop), TypeError);
    assert.throws(() => parseJsonObject('{'), SyntaxError);
  });
});
