import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { catalog } from '../../resources/catalog.ts';
import type { ResourceDefinition } from '../../resources/define.ts';
import { v2Document } from './documents.ts';

/** Without descriptions and enumerations (upstream's file has neither), members sorted. */
function normalForm(value: unknown, isProperties = false): unknown {
  if (Array.isArray(value)) return value.map((item) => normalForm(item));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => isProperties || (name !== 'description' && name !== 'enum'))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, member]) => [name, normalForm(member, name === 'properties' && !isProperties)]),
  );
}

const digest = (definition: object): string =>
  createHash('sha256')
    .update(JSON.stringify(normalForm(definition)))
    .digest('hex')
    .slice(0, 8);

const upstream = new Map(
  readFileSync(new URL('./fixtures/definitions.txt', import.meta.url), 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split(' ') as [string, string]),
);

/** The field tables cannot tell these marks. */
const known = new Set([
  'io.k8s.api.core.v1.PersistentVolumeClaimStatus', // a granular mark on a map, which is granular anyway
  'io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.APIServiceSpec', // a list mark on bytes
  'io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions', // names the group versions that are served
]);

test('definitions are upstream’s, property by property', () => {
  const served = catalog as unknown as ResourceDefinition[];
  const { definitions } = JSON.parse([...v2Document(served)].join('')) as { definitions: Record<string, object> };
  const differing = Object.entries(definitions)
    .filter(([name, definition]) => !known.has(name) && upstream.get(name) !== digest(definition))
    .map(([name]) => name);
  assert.deepEqual(differing, []);
  assert.ok(Object.keys(definitions).length > 550);
});
