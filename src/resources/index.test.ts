import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { Subresource } from './define.ts';
import { definition, definitions } from './index.ts';

const fixtures = new URL('../../test/fixtures/resources/', import.meta.url);

function rows(file: string): Record<string, string>[] {
  const [head = '', ...lines] = readFileSync(new URL(file, fixtures), 'utf8').trimEnd().split('\n');
  const names = head.split('\t');
  return lines.map((line) => {
    const cells = line.split('\t');
    return Object.fromEntries(names.map((name, i) => [name, cells[i] ?? '']));
  });
}

const groupOf = (row: Record<string, string>): string => (row['group'] === 'core' ? '' : (row['group'] ?? ''));
const list = (text: string | undefined): string[] => (text ? text.split(',') : []);
const catalogRows = rows('resources.tsv');

test('every resource that is on by default is defined as the discovery documents say', () => {
  for (const row of catalogRows.filter((one) => !one['subresource'])) {
    const name = `${groupOf(row)}/${row['version']}/${row['resource']}`;
    const one = definition(groupOf(row), row['version'] ?? '', row['resource'] ?? '');
    assert.ok(one, name);
    assert.equal(one.kind, row['kind'], name);
    assert.equal(one.singular ?? one.kind.toLowerCase(), row['singular'], name);
    assert.equal(one.scope === 'Namespaced', row['namespaced'] === 'true', name);
    assert.deepEqual([...one.verbs], list(row['verbs']), name);
    assert.deepEqual([...(one.shortNames ?? [])], list(row['shortNames']), name);
    assert.deepEqual([...(one.categories ?? [])], list(row['categories']), name);
    assert.equal(one.storageVersionHash ?? '', row['storageVersionHash'], name);
  }
});

test('every subresource that is on by default is there with its verbs and kind', () => {
  for (const row of catalogRows.filter((one) => one['subresource'])) {
    const name = `${row['resource']}/${row['subresource']}`;
    const one = definition(groupOf(row), row['version'] ?? '', row['resource'] ?? '');
    const subresource = one?.subresources?.[row['subresource'] ?? ''];
    assert.ok(subresource, name);
    assert.deepEqual([...subresource.verbs], list(row['verbs']), name);
    assert.equal(kindOf(one?.kind ?? '', subresource), row['kind'], name);
  }
});

function kindOf(parent: string, subresource: Subresource): string {
  if (subresource.type === 'scale') return 'Scale';
  if (subresource.type === 'action') return subresource.gvk.kind;
  return subresource.type === 'connect' ? subresource.kind : parent;
}

test('nothing is defined that the discovery documents do not name', () => {
  const known = new Set(
    catalogRows.map((row) => `${groupOf(row)}/${row['version']}/${row['resource']}/${row['subresource']}`),
  );
  for (const one of definitions) {
    const key = `${one.group}/${one.version}/${one.resource}/`;
    assert.ok(known.has(key), key);
    for (const name of Object.keys(one.subresources ?? {})) assert.ok(known.has(key + name), key + name);
  }
});

/** Group of a printer's internal kind. */
const groups: Readonly<Record<string, string>> = {
  api: '',
  apps: 'apps',
  batch: 'batch',
  autoscaling: 'autoscaling',
  policy: 'policy',
  networking: 'networking.k8s.io',
  rbac: 'rbac.authorization.k8s.io',
  certificates: 'certificates.k8s.io',
  coordination: 'coordination.k8s.io',
  storage: 'storage.k8s.io',
  scheduling: 'scheduling.k8s.io',
  nodeapi: 'node.k8s.io',
  discovery: 'discovery.k8s.io',
  admissionregistration: 'admissionregistration.k8s.io',
  flowcontrol: 'flowcontrol.apiserver.k8s.io',
  resource: 'resource.k8s.io',
  apiextensions: 'apiextensions.k8s.io',
  apiregistration: 'apiregistration.k8s.io',
};

test('every printed kind has the columns of its printer', () => {
  const printers = new Map<string, Record<string, string>[]>();
  for (const row of rows('printers.tsv')) {
    const kind = (row['kind'] ?? '').replace('(served)', '');
    if ((row['kind'] ?? '').includes('(served)') && row['index'] === '0') printers.delete(kind);
    printers.set(kind, [...(printers.get(kind) ?? []), row]);
  }
  let compared = 0;
  for (const [name, columns] of printers) {
    const [group = '', kind] = name.split('.');
    const served = definitions.filter((one) => one.kind === kind && one.group === groups[group]);
    for (const one of served) {
      assert.deepEqual(
        one.columns.map((column) => [column.name, column.type, column.format ?? '', String(column.priority ?? 0)]),
        columns.map((row) => [row['column'], row['type'], row['format'], row['priority'] || '0']),
        name,
      );
      compared++;
    }
  }
  assert.ok(compared > 55, `compared ${compared}`);
});

test('a cell never throws on an object that has only a name', () => {
  for (const one of definitions) {
    const object = { metadata: { name: 'x', creationTimestamp: '2026-01-01T00:00:00Z' } };
    for (const column of one.columns) assert.doesNotThrow(() => column.value(object, Date.UTC(2026, 0, 2)), one.kind);
  }
});

test('defaulting and validation take an object that has only a name, and defaulting is idempotent', () => {
  for (const one of definitions) {
    const object = { metadata: { name: 'x', namespace: 'y', uid: 'u' } };
    one.default?.(object);
    const once = structuredClone(object);
    one.default?.(object);
    assert.deepEqual(object, once, one.kind);
    assert.doesNotThrow(() => [...(one.validate?.(object) ?? [])], one.kind);
    assert.doesNotThrow(() => [...(one.warnings?.(object, undefined) ?? [])], one.kind);
    assert.deepEqual([...(one.validateUpdate?.(object, structuredClone(object)) ?? [])], [], one.kind);
  }
});
