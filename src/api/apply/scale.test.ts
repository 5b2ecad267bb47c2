import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ManagedFieldsEntry } from '../../schema/index.ts';
import { mergeTypeOf } from './merge-type.ts';
import { reconcile } from './reconcile.ts';
import { fromScaleEntries, toScaleEntries } from './scale.ts';

const entry = (manager: string, operation: 'Apply' | 'Update', fieldsV1: object, more = {}): ManagedFieldsEntry => ({
  manager,
  operation,
  apiVersion: 'apps/v1',
  time: '2026-01-01T00:00:00Z',
  fieldsType: 'FieldsV1',
  fieldsV1,
  ...more,
});
const replicas = { 'f:spec': { 'f:replicas': {} } };
const other = { 'f:spec': { 'f:paused': {} } };
const both = { 'f:spec': { 'f:paused': {}, 'f:replicas': {} } };
const names = (entries: ManagedFieldsEntry[] | undefined): unknown[] =>
  (entries ?? []).map(({ manager, apiVersion, fieldsV1 }) => [manager, apiVersion, fieldsV1]);

test('on the Scale, owners of the replicas own spec.replicas', () => {
  const parent = [entry('a', 'Apply', both), entry('b', 'Update', other)];
  assert.deepEqual(names(toScaleEntries(parent, 'apps/v1')), [['a', 'autoscaling/v1', replicas]]);
});

test('who loses the replicas on the Scale loses them on the parent, and who sets them there gets them', () => {
  const parent = [entry('a', 'Apply', both), entry('b', 'Update', other)];
  const scale = [entry('hpa', 'Update', replicas, { apiVersion: 'autoscaling/v1', subresource: 'scale' })];
  const result = fromScaleEntries(parent, 'apps/v1', scale);
  assert.deepEqual(names(result), [
    ['a', 'apps/v1', other],
    ['hpa', 'apps/v1', replicas],
    ['b', 'apps/v1', other],
  ]);
  assert.equal(result?.[1]?.time, undefined);
});

test('an untouched Scale leaves the parent as it is', () => {
  const parent = [entry('a', 'Apply', both), entry('b', 'Update', replicas)];
  assert.deepEqual(fromScaleEntries(parent, 'apps/v1', toScaleEntries(parent, 'apps/v1')), parent);
});

test('fields below what is atomic now become ownership of the whole', () => {
  const set = {
    'f:spec': { 'f:selector': { '.': {}, 'f:matchLabels': { 'f:a': {} } }, 'f:replicas': {}, 'f:gone': { 'f:x': {} } },
  };
  assert.deepEqual(reconcile(mergeTypeOf('apps/v1.Deployment'), set), {
    'f:spec': { 'f:selector': {}, 'f:replicas': {}, 'f:gone': { 'f:x': {} } },
  });
});
