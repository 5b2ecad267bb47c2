// hardware-profiles/schema.json tells editors and people what the parser of profiles accepts: neither may drift.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { assetPath } from '../kernel/index.ts';
import { parseProfile } from './profile.ts';

interface ObjectSchema {
  required?: string[];
  properties: Record<string, ObjectSchema & { type: string; minimum: number; maximum: number }>;
}

interface TextSchema {
  pattern?: string;
  minLength?: number;
}

const schema = JSON.parse(readFileSync(assetPath('hardware-profiles/schema.json'), 'utf8')) as ObjectSchema;
const limits = schema.properties['budget']!.properties;
const least = Object.fromEntries(Object.entries(limits).map(([key, { minimum }]) => [key, minimum]));
const document = { board: 'a', description: 'A', recognise: {}, budget: least };
const dmi = { vendor: ['v'], product: ['p'] };
const deviceTree = { compatible: ['c'] };

const parse = (value: object) => parseProfile(JSON.stringify(value), 'x.yaml');
const withBudget = (key: string, amount: unknown): object => ({ ...document, budget: { ...least, [key]: amount } });
const without = (object: object, key: string): object =>
  Object.fromEntries(Object.entries(object).filter(([name]) => name !== key));

for (const [key, { type, minimum, maximum }] of Object.entries(limits)) {
  test(`budget.${key} is a whole number from ${minimum} to ${maximum}`, () => {
    assert.equal(type, 'integer');
    parse(withBudget(key, minimum));
    parse(withBudget(key, maximum));
    const refused = {
      message: `invalid configuration: x.yaml: budget.${key}: must be a whole number from ${minimum} to ${maximum}`,
    };
    for (const amount of [minimum - 1, maximum + 1, minimum + 0.5, String(minimum), undefined]) {
      assert.throws(() => parse(withBudget(key, amount)), refused);
    }
  });
}

test('every key of the budget is required, and there are no others', () => {
  assert.deepEqual(schema.properties['budget']!.required?.toSorted(), Object.keys(limits).sort());
  assert.throws(() => parse(withBudget('other', 1)), { message: /budget\.other: is not a known key/ });
});

test('names and descriptions are what the schema says', () => {
  const { board, description } = schema.properties as unknown as Record<string, TextSchema>;
  assert.equal(board?.pattern, '^[a-z0-9-]+$');
  assert.equal(description?.minLength, 1);
  for (const bad of ['', 'Board', 'a b', 7]) {
    assert.throws(() => parse({ ...document, board: bad }), /x\.yaml: board: must/);
  }
  assert.throws(() => parse({ ...document, description: '' }), /x\.yaml: description: must/);
});

test('what the schema requires elsewhere is required, and nothing else', () => {
  assert.deepEqual(schema.required?.toSorted(), Object.keys(document).sort());
  for (const key of Object.keys(document))
    assert.throws(() => parse(without(document, key)), new RegExp(`x.yaml: ${key}`));
  assert.throws(() => parse({ ...document, other: 1 }), /other: is not a known key/);
  const recognise = schema.properties['recognise']!;
  assert.equal(recognise.required, undefined);
  const complete = { dmi, deviceTree };
  assert.deepEqual(Object.keys(recognise.properties), Object.keys(complete));
  for (const [name, member] of Object.entries(complete)) {
    assert.deepEqual(recognise.properties[name]!.required, Object.keys(member));
    parse({ ...document, recognise: { [name]: member } });
    for (const key of Object.keys(member)) {
      assert.throws(
        () => parse({ ...document, recognise: { [name]: without(member, key) } }),
        new RegExp(`${name}.${key}`),
      );
    }
    assert.throws(() => parse({ ...document, recognise: { [name]: { ...member, other: 1 } } }), /is not a known key/);
  }
});
