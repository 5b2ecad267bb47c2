import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse } from 'yaml';
import { compareValues } from './compare.ts';
import { type FieldSet, parseFieldSet } from './field-set.ts';
import { mergeTypeOf } from './merge-type.ts';

const fixture = (name: string): string => readFileSync(new URL(`./fixtures/${name}`, import.meta.url), 'utf8').trim();

/** The fixtures are older than the marks that make these structs atomic. */
const isAtomicNow = (element: string): boolean => element === 'f:secretKeyRef' || element.startsWith('k:{"uid"');

const asOfNow = (set: FieldSet): FieldSet =>
  Object.fromEntries(
    Object.entries(set).map(([element, below]) => [element, isAtomicNow(element) ? {} : asOfNow(below)]),
  );

for (const [name, message] of [
  ['pod', 'core/v1.Pod'],
  ['node', 'core/v1.Node'],
  ['endpoints', 'core/v1.Endpoints'],
] as const) {
  test(`the fields of ${name}.yaml are upstream's, byte for byte`, () => {
    const object = parse(fixture(`${name}.yaml`)) as Record<string, unknown>;
    const { '.': _, ...fields } = compareValues(mergeTypeOf(message), undefined, object)!.changed!;
    const expected = JSON.parse(fixture(`${name}set.json`)) as FieldSet;
    assert.equal(JSON.stringify(fields), JSON.stringify(asOfNow(expected)));
  });

  test(`${name}set.json is read and written unchanged`, () => {
    const set: unknown = JSON.parse(fixture(`${name}set.json`));
    assert.equal(JSON.stringify(parseFieldSet(set)), JSON.stringify(set));
  });
}
