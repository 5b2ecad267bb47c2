import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { messageOf, packageOf } from './names.ts';
import { goTypeOf, schema } from './schema.ts';

const field = (message: string, name: string) => schema.message(message).byJson.get(name)!;

describe('field tables', () => {
  test('every message that a field names is there', () => {
    for (const name of schema.names()) {
      for (const { type, wire, json } of schema.message(name).fields) {
        for (let at = type; ; ) {
          if ('message' in at) assert.ok(schema.has(at.message), `${name}.${json}`);
          if (at.kind === 'list') at = at.item;
          else if (at.kind === 'map') at = at.value;
          else break;
        }
        assert.ok(
          wire.length > 0 || schema.message(name).isKind || name.startsWith('meta/v1.Table'),
          `${name}.${json}`,
        );
      }
    }
  });
  test('names and tags are unique within a message', () => {
    for (const name of schema.names()) {
      const { fields, byJson } = schema.message(name);
      assert.equal(byJson.size, fields.length, name);
      const paths = fields.filter(({ wire }) => wire.length > 0).map(({ wire }) => wire.join('.'));
      assert.equal(new Set(paths).size, paths.length, name);
    }
  });
  test('inlined structs are flat in JSON and nest on the wire, at any depth', () => {
    assert.deepEqual(field('core/v1.Volume', 'secret').wire, [2, 6]);
    assert.deepEqual(field('admissionregistration/v1.NamedRuleWithOperations', 'apiGroups').wire, [2, 2, 1]);
    assert.deepEqual(field('core/v1.Probe', 'exec').embedded, ['ProbeHandler']);
  });
  test('types are resolved across packages and typedefs', () => {
    assert.deepEqual(field('core/v1.Service', 'spec').type, { kind: 'message', message: 'core/v1.ServiceSpec' });
    assert.deepEqual(field('core/v1.ServiceSpec', 'type').type, { kind: 'string', goType: 'v1.ServiceType' });
    assert.deepEqual(field('core/v1.ServiceSpec', 'type').enum, [
      'ClusterIP',
      'NodePort',
      'LoadBalancer',
      'ExternalName',
    ]);
    assert.equal(goTypeOf(field('core/v1.ResourceRequirements', 'limits').type), 'v1.ResourceList');
    assert.equal(goTypeOf(field('core/v1.PodSpec', 'containers').type), '[]v1.Container');
    assert.deepEqual(field('authentication/v1.UserInfo', 'extra').type, {
      kind: 'map',
      value: { kind: 'list', item: { kind: 'string' }, wrapped: true, goType: 'v1.ExtraValue' },
    });
  });
  test('merge rules', () => {
    const ports = field('core/v1.Container', 'ports');
    assert.deepEqual(
      [ports.listType, ports.listMapKeys, ports.patchStrategy, ports.patchMergeKey],
      ['map', ['containerPort', 'protocol'], ['merge'], 'containerPort'],
    );
    assert.equal(field('core/v1.ServiceSpec', 'selector').atomic, true);
    assert.equal(field('core/v1.PersistentVolumeSpec', 'claimRef').atomic, false, 'its own marker, not the struct’s');
    assert.equal(field('core/v1.ObjectFieldSelector', 'fieldPath').required, true);
  });
  test('unknown messages are refused', () => {
    assert.throws(() => schema.message('core/v1.Nothing'), /no message core\/v1.Nothing/);
  });
});

test('messages of kinds', () => {
  assert.equal(packageOf('v1'), 'core/v1');
  assert.equal(messageOf({ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role' }), 'rbac/v1.Role');
  assert.equal(messageOf({ apiVersion: 'route.openshift.io/v1', kind: 'Route' }), 'openshift/route/v1.Route');
  assert.equal(messageOf({ apiVersion: 'apps/v1', kind: 'DeleteOptions' }), 'meta/v1.DeleteOptions');
  assert.equal(
    messageOf({ apiVersion: 'internal.apiserver.k8s.io/v1alpha1', kind: 'StorageVersion' }),
    'apiserverinternal/v1alpha1.StorageVersion',
  );
  assert.equal(messageOf({ apiVersion: 'example.com/v1', kind: 'Widget' }), undefined);
});
