import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { assetPath } from '../kernel/index.ts';
import { schema } from '../schema/index.ts';
import { perfectHash } from './perfect-hash.ts';
import { servedMessages, writeServedTable } from './served-table.ts';
import { closure, readDirectory, tableRoomBytes, writeTable } from './table.ts';

test('build/schema.bin is what the field tables say now', () => {
  assert.ok(readFileSync(assetPath('build/schema.bin')).equals(writeServedTable()), 'run npm run build:asm');
});

test('every message of the API but Tables can be written', () => {
  const names = schema.names().filter((name) => !name.startsWith('meta/v1.Table'));
  const table = writeTable(schema, names);
  assert.ok(table.length < tableRoomBytes);
  const directory = readDirectory(table);
  for (const name of names) assert.ok(directory.has(name), name);
});

test('a table holds what its messages need, and nothing else', () => {
  const needed = closure(schema, ['core/v1.ConfigMap']);
  assert.deepEqual(needed, [
    'core/v1.ConfigMap',
    'meta/v1.ManagedFieldsEntry',
    'meta/v1.ObjectMeta',
    'meta/v1.OwnerReference',
  ]);
  assert.deepEqual([...readDirectory(writeTable(schema, ['core/v1.ConfigMap'])).keys()], needed);
});

test('the served table has the messages of stable versions', () => {
  const names = new Set(servedMessages());
  for (const name of ['core/v1.Pod', 'apps/v1.Deployment', 'openshift/route/v1.Route'])
    assert.ok(names.has(name), name);
  assert.ok(!names.has('apps/v1beta1.Deployment'));
});

test('what is no table is refused', () => {
  assert.throws(() => readDirectory(new Uint8Array(64)), /not a schema table/);
  assert.throws(() => readDirectory(writeServedTable().subarray(0, 1000)), /not a schema table/);
});

test('a perfect hash tells its names apart', () => {
  const names = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 30 }), { maxLength: 60 });
  fc.assert(
    fc.property(names, (given) => {
      const { slots } = perfectHash(given);
      assert.deepEqual(
        slots.filter((slot) => slot !== 0).sort((a, b) => a - b),
        given.map((_, i) => i + 1),
      );
    }),
  );
});
