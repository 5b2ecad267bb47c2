/** Random JSON text of a message: mostly well-formed, in all the spellings that Go's decoder knows. */
import { type FieldModel, type MessageName, schema, type TypeModel } from '../../schema/index.ts';
import type { Random } from './random.ts';

/** How much may still be written: falls with every value, so that recursive messages end. */
interface Budget {
  values: number;
}

/** JSON text of a `message`. About one in eight has a flaw: an unknown or repeated field, or a value of a wrong type. */
export function randomObject(random: Random, message: MessageName): string {
  return objectText(random, message, { values: 40 + random.below(160) }, random.once(8) ? 40 : 0, 0);
}

const spaces = ['', '', '', '', ' ', '\n  ', '\t', ' \r\n'];
const space = (random: Random): string => random.of(spaces);

/** `flaws`: one value in so many is wrong; 0 = none. */
function objectText(random: Random, message: MessageName, budget: Budget, flaws: number, depth: number): string {
  const { fields } = schema.message(message);
  const density = random.of([1, 2, 3, 6]);
  const members: string[] = [];
  for (const field of fields) {
    if (budget.values <= 0 || !(random.once(density) || (field.required && !random.once(4)))) continue;
    members.push(member(random, field.json, fieldText(random, field, budget, flaws, depth)));
    if (flaws && random.once(flaws))
      members.push(member(random, field.json, fieldText(random, field, budget, 0, depth)));
  }
  if (flaws && random.once(flaws)) members.push(member(random, random.of(unknownNames), rawText(random, 2)));
  if (random.once(3)) shuffle(random, members);
  return `{${space(random)}${members.join(`${space(random)},${space(random)}`)}${space(random)}}`;
}

const unknownNames = ['unknown', 'x', '', 'metadatas', 'Name', 'naïve', 'a"b', 'spec.replicas'];

const member = (random: Random, name: string, value: string): string =>
  `${random.once(40) ? escaped(random, name) : JSON.stringify(name)}${space(random)}:${space(random)}${value}`;

function shuffle(random: Random, items: string[]): void {
  for (let i = items.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    const moved = items[i]!;
    items[i] = items[j]!;
    items[j] = moved;
  }
}

function fieldText(random: Random, field: FieldModel, budget: Budget, flaws: number, depth: number): string {
  if (field.type.kind === 'duration' && !field.pointer) return durationText(random);
  return random.once(12) ? 'null' : valueText(random, field.type, budget, flaws, depth + 1);
}

function valueText(random: Random, type: TypeModel, budget: Budget, flaws: number, depth: number): string {
  budget.values--;
  if (flaws && random.once(flaws * 2)) return rawText(random, 1);
  switch (type.kind) {
    case 'message':
      return budget.values > 0 && depth < 60 ? objectText(random, type.message, budget, flaws, depth) : '{}';
    case 'list':
      return listText(random, type.item, budget, flaws, depth);
    case 'map':
      return mapText(random, type.value, budget, flaws, depth);
    case 'string':
      return stringText(random);
    case 'bool':
      return random.of(['true', 'false']);
    case 'int32':
    case 'uint32':
      return random.of([
        '0',
        '1',
        '7',
        '2147483647',
        '128',
        '300',
        String(random.below(100_000)),
        ...signed(type.kind),
      ]);
    case 'int64':
    case 'uint64':
      return random.of([
        '0',
        '1',
        '9223372036854775807',
        '4294967296',
        String(random.below(1e9)),
        ...signed(type.kind),
      ]);
    case 'double':
      return random.of([
        '0',
        '1',
        '-1.5',
        '1e21',
        '1E-7',
        '0.1',
        '123456789.125',
        '-0',
        String(random.below(1e9) / 1024),
      ]);
    case 'bytes':
      return bytesText(random);
    default:
      return namedText(random, type, budget, flaws, depth);
  }
}

const signed = (kind: string): string[] =>
  kind === 'int32' ? ['-1', '-2147483648', '-0'] : kind === 'int64' ? ['-1', '-9223372036854775808', '-0'] : ['5'];

function listText(random: Random, item: TypeModel, budget: Budget, flaws: number, depth: number): string {
  const count = budget.values > 0 && depth < 60 ? random.of([0, 1, 1, 2, 3]) : 0;
  const items = Array.from({ length: count }, () =>
    random.once(20) ? 'null' : valueText(random, item, budget, flaws, depth + 1),
  );
  return `[${space(random)}${items.join(`${space(random)},${space(random)}`)}${space(random)}]`;
}

function mapText(random: Random, value: TypeModel, budget: Budget, flaws: number, depth: number): string {
  const count = budget.values > 0 && depth < 60 ? random.of([0, 1, 2, 3, 8]) : 0;
  const members = Array.from({ length: count }, (_, i) => {
    const key = random.once(4) ? stringText(random) : `"k${flaws ? random.below(10) : (i * 7) % 10}"`;
    return `${key}:${random.once(20) ? 'null' : valueText(random, value, budget, flaws, depth + 1)}`;
  });
  return `{${members.join(`${space(random)},${space(random)}`)}}`;
}

function namedText(random: Random, type: TypeModel, budget: Budget, flaws: number, depth: number): string {
  switch (type.kind) {
    case 'quantity':
      return quantityText(random);
    case 'time':
      return `"${random.of(times)}"`;
    case 'microTime':
      return `"${random.of(microTimes)}"`;
    case 'duration':
      return durationText(random);
    case 'intOrString':
      return random.of(['0', '80', '-1', '2147483647', '"50%"', '"http"', '""', '"\\u0041<"']);
    case 'schemaOrBool':
      return random.once(2) ? random.of(['true', 'false']) : schemaText(random, type.message, budget, flaws, depth);
    case 'schemaOrArray':
      return random.once(2)
        ? listText(random, { kind: 'message', message: type.message }, budget, flaws, depth)
        : schemaText(random, type.message, budget, flaws, depth);
    case 'schemaOrStringArray':
      return random.once(2)
        ? listText(random, { kind: 'string' }, budget, flaws, depth)
        : schemaText(random, type.message, budget, flaws, depth);
    default:
      return rawText(random, 3);
  }
}

function schemaText(random: Random, message: MessageName, budget: Budget, flaws: number, depth: number): string {
  return budget.values > 0 && depth < 60 ? objectText(random, message, budget, flaws, depth) : '{}';
}

const durationText = (random: Random): string =>
  random.of(['"0s"', '"1h15m30.5s"', '"-3ms"', '"1.5us"', '"10m0s"', '"2562047h47m16.854775807s"', '"0"']);

const times = [
  '0001-01-01T00:00:00Z',
  '2024-02-29T23:59:59Z',
  '1970-01-01T00:00:00Z',
  '0001-01-01T00:00:01Z',
  '0001-01-01T00:00:01.5Z',
  '9999-12-31T23:59:59Z',
  '0000-01-01T00:00:00Z',
  '2006-01-02T15:04:05.999999999+07:00',
  '2006-01-02T5:04:05-07:30',
  '1969-12-31T23:59:59Z',
  '2100-03-01T00:00:00,25Z',
];
const microTimes = [
  '0001-01-01T00:00:00.000000Z',
  '2024-02-29T23:59:59.123456Z',
  '1970-01-01T00:00:00.000000Z',
  '0001-01-01T00:00:00.000001Z',
  '1969-12-31T23:59:59.999999Z',
  '2006-01-02T15:04:05.000001+07:00',
];

const suffixes = [
  '',
  'm',
  'k',
  'M',
  'G',
  'T',
  'P',
  'E',
  'Ki',
  'Mi',
  'Gi',
  'Ti',
  'Pi',
  'Ei',
  'n',
  'u',
  'e3',
  'E-2',
  'e0',
];

function quantityText(random: Random): string {
  const number = random.of([
    '0',
    '1',
    '10',
    '100',
    '1000',
    '1024',
    '1.5',
    '.5',
    '-3',
    '+7',
    '00',
    '0.001',
    '12345678901234567890',
    String(random.below(1e6)),
    String(random.below(4096)),
  ]);
  const suffix = random.of(suffixes);
  if (suffix === '' && /^[0-9]/.test(number) && number !== '00' && random.once(2)) return number;
  return `"${random.once(20) ? ' ' : ''}${number}${suffix}"`;
}

const pieces = [
  'a',
  'abc',
  'nginx:1.27',
  'é',
  '中文字',
  '😀',
  '<',
  '>',
  '&',
  '\u2028',
  '\u2029',
  '\u007f',
  ' ',
  "'",
  '/',
  'kube-system',
  'a-rather-long-name-of-more-than-sixteen-bytes',
];
const escapes = [
  '\\n',
  '\\t',
  '\\"',
  '\\\\',
  '\\/',
  '\\b',
  '\\f',
  '\\r',
  '\\u0000',
  '\\u001f',
  '\\u00e9',
  '\\u2028',
  '\\ud83d\\ude00',
  '\\ud83d',
  '\\udc00x',
  '\\u003c',
];

/** A quoted string in one of its spellings. */
function stringText(random: Random): string {
  const count = random.of([0, 1, 1, 1, 2, 5]);
  let text = '';
  for (let i = 0; i < count; i++) text += random.once(10) ? random.of(escapes) : random.of(pieces);
  return `"${text}"`;
}

/** `name` with some characters as escapes. */
const escaped = (random: Random, name: string): string =>
  `"${[...name].map((char) => (random.once(3) ? `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}` : JSON.stringify(char).slice(1, -1))).join('')}"`;

function bytesText(random: Random): string {
  if (random.once(10)) return random.of(['[]', '[1,2,255]', '[0]', '[ 7 , 8 ]']);
  const bytes = Buffer.from(Array.from({ length: random.below(12) }, () => random.below(256)));
  const text = bytes.toString('base64');
  return `"${random.once(10) ? `${text.slice(0, 3)}\\n${text.slice(3)}` : text}"`;
}

/** Any JSON value. */
function rawText(random: Random, depth: number): string {
  const what = random.below(depth > 0 ? 8 : 6);
  if (what === 6)
    return `[${space(random)}${rawText(random, depth - 1)}${space(random)},${rawText(random, depth - 1)}]`;
  if (what === 7) return `{${space(random)}${stringText(random)}:${space(random)}${rawText(random, depth - 1)}}`;
  return random.of(['null', 'true', 'false', '0', '-1.50e+3', '{}', '[]', stringText(random)]);
}
