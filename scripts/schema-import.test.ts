import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { constantDefaults } from './schema-import-defaults.ts';
import { TypeResolver } from './schema-import-types.ts';
import type { Row } from './schema-import.ts';

const field = (pkg: string, struct: string, jsonName: string, goType: string, more: Row = {}): Row => ({
  package: pkg,
  struct,
  jsonName,
  goType,
  pointer: goType.startsWith('*') ? 'ptr' : '',
  ...more,
});

function structsOf(fields: readonly Row[]): Map<string, Row[]> {
  return Map.groupBy(fields, (row) => `${row['package']}.${row['struct']}`);
}

const fields = [
  field('core/v1', 'Pod', 'spec', 'PodSpec'),
  field('core/v1', 'PodTemplate', 'spec', 'PodSpec'),
  field('core/v1', 'PodSpec', 'restartPolicy', 'RestartPolicy'),
  field('core/v1', 'PodSpec', 'grace', '*int64'),
  field('core/v1', 'PodSpec', 'links', '*bool'),
  field('core/v1', 'Service', 'spec', 'ServiceSpec'),
  field('core/v1', 'ServiceSpec', 'ports', '[]ServicePort'),
  field('core/v1', 'ServicePort', 'protocol', 'Protocol', { default: '"TCP"' }),
  field('core/v1', 'ServicePort', 'name', 'string', { default: '""' }),
  field('meta/v1', 'ObjectMeta', 'name', 'string'),
];
const typedefs: Row[] = [
  { package: 'core/v1', name: 'RestartPolicy', underlying: 'string', enum: 'enum' },
  { package: 'core/v1', name: 'Protocol', underlying: 'string', enum: '' },
  { package: 'core/v1', name: 'ResourceName', underlying: 'string', enum: '' },
  { package: 'core/v1', name: 'ResourceList', underlying: 'map[ResourceName]resource.Quantity', enum: '' },
  { package: 'authentication/v1', name: 'ExtraValue', underlying: '[]string', enum: '' },
];
const structs = structsOf(fields);
const types = new TypeResolver({ structs, typeRows: [], typedefs });

describe('types', () => {
  for (const [pkg, goType, text] of [
    ['core/v1', '*int32', 'int32'],
    ['core/v1', '[]byte', 'bytes'],
    ['core/v1', 'map[string][]byte', '{}bytes'],
    ['core/v1', 'Protocol', 'string:core/v1.Protocol'],
    ['apps/v1', 'v1.Protocol', 'string:core/v1.Protocol'],
    ['apps/v1', 'corev1.PodSpec', 'core/v1.PodSpec'],
    ['core/v1', '[]ServicePort', '[]ServicePort'],
    ['apps/v1', 'v1.ResourceList', '{=core/v1.ResourceList}quantity'],
    ['core/v1', 'map[ResourceName]string', '{core/v1.ResourceName}string'],
    ['certificates/v1', 'map[string]authenticationv1.ExtraValue', '{}[authentication/v1.ExtraValue]string'],
    ['core/v1', '*metav1.Time', 'time'],
    ['core/v1', 'metav1.ObjectMeta', 'meta/v1.ObjectMeta'],
  ] as const) {
    test(`${goType} in ${pkg}`, () => assert.equal(types.resolve(pkg, goType), text));
  }
  test('unknown names stop the import', () => {
    assert.throws(() => types.resolve('core/v1', 'Nothing'), /unknown type/);
  });
});

describe('defaults', () => {
  const row = (kind: string, fieldPath: string, value: string, condition: string): Row => ({
    kind,
    fieldPath,
    default: value,
    condition,
    source: 'defaults.go',
  });
  const defaultsOf = (...rows: Row[]): Record<string, string> =>
    Object.fromEntries(constantDefaults(structs, rows, types));
  const markers = { 'core/v1.ServicePort.protocol': '"TCP"' };

  test('markers count, zero for what is not a pointer does not', () => {
    assert.deepEqual(defaultsOf(), markers);
  });
  test('rows without conditions on other fields become JSON of the field’s type', () => {
    assert.deepEqual(
      defaultsOf(
        row('core/v1 PodSpec', 'restartPolicy', 'Always', 'empty'),
        row('core/v1 PodSpec', 'grace', '30', 'nil'),
      ),
      { ...markers, 'core/v1.PodSpec.restartPolicy': '"Always"', 'core/v1.PodSpec.grace': '30' },
    );
  });
  test('prose, conditions and copies are behaviour', () => {
    assert.deepEqual(
      defaultsOf(
        row('core/v1 PodSpec', 'grace', '= other', 'nil'),
        row('core/v1 PodSpec', 'grace', '30', 'LoadBalancer, nil'),
        row('core/v1 PodSpec', 'grace', '6 (9 when x)', 'nil'),
      ),
      markers,
    );
  });
  test('a path into a struct that other kinds share is not a default of the struct', () => {
    assert.deepEqual(defaultsOf(row('core/v1 Pod', 'spec.links', 'true', 'nil')), markers);
    assert.deepEqual(defaultsOf(row('core/v1 Pod / PodTemplate', 'spec.links', 'true', 'nil')), {
      ...markers,
      'core/v1.PodSpec.links': 'true',
    });
  });
});
