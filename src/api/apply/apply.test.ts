import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StatusError } from '../../kernel/index.ts';
import type { KubeObject } from '../../schema/index.ts';
import { type ApplyRequest, applyPatch } from './apply.ts';
import { mergeTypeOf } from './merge-type.ts';
import { excludeFields } from './reset-fields.ts';
import { updateManagedFields } from './update.ts';

const timeMs = Date.UTC(2026, 0, 1);
const gvk = { apiVersion: 'apps/v1', kind: 'Deployment' };

const deployment = (spec: object, metadata: object = {}): KubeObject =>
  ({ ...gvk, metadata: { name: 'web', namespace: 'default', ...metadata }, spec }) as never;

const apply = (live: KubeObject | undefined, spec: object, more: Partial<ApplyRequest> = {}): KubeObject => {
  const { object, managedFields } = applyPatch({
    ...gvk,
    message: 'apps/v1.Deployment',
    live,
    applied: deployment(spec),
    manager: 'one',
    force: false,
    timeMs,
    filter: excludeFields([['status']]),
    ...more,
  });
  if (managedFields) object.metadata = { ...object.metadata, managedFields };
  return { ...object, metadata: { ...object.metadata, uid: 'u' } };
};

const refusal = (work: () => unknown): StatusError => {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof StatusError, String(error));
    return error;
  }
  assert.fail('not refused');
};

const specOf = (object: KubeObject): Record<string, unknown> => (object as never as { spec: never }).spec;
const ownersOf = (object: KubeObject): unknown[] =>
  (object.metadata.managedFields ?? []).map(({ manager, operation, fieldsV1 }) => [manager, operation, fieldsV1]);

const container = (name: string, image: string): object => ({ name, image });
const podSpec = (...containers: object[]): object => ({ template: { spec: { containers } } });

test('an apply creates what is not there and owns what it says', () => {
  const made = apply(undefined, { replicas: 2 });
  assert.equal(specOf(made)['replicas'], 2);
  assert.deepEqual(ownersOf(made), [['one', 'Apply', { 'f:spec': { 'f:replicas': {} } }]]);
  assert.equal(made.metadata.managedFields![0]!.time, '2026-01-01T00:00:00Z');
});

test('a second applier gets a conflict with the fields and their owners, and takes them by force', () => {
  const live = apply(undefined, { replicas: 2, paused: true });
  const { status } = refusal(() => apply(live, { replicas: 3, paused: false }, { manager: 'two' }));
  assert.equal(status.code, 409);
  assert.equal(
    status.message,
    'Apply failed with 2 conflicts: conflicts with "one":\n- .spec.paused\n- .spec.replicas',
  );
  assert.deepEqual(status.details?.causes, [
    { reason: 'FieldManagerConflict', message: 'conflict with "one"', field: '.spec.paused' },
    { reason: 'FieldManagerConflict', message: 'conflict with "one"', field: '.spec.replicas' },
  ]);
  const taken = apply(live, { replicas: 3 }, { manager: 'two', force: true });
  assert.deepEqual(ownersOf(taken), [
    ['one', 'Apply', { 'f:spec': { 'f:paused': {} } }],
    ['two', 'Apply', { 'f:spec': { 'f:replicas': {} } }],
  ]);
});

test('one conflict names an updater with its version and subresource', () => {
  const live = apply(undefined, { replicas: 2 });
  const scaled = deployment({ replicas: 5 }, { uid: 'u' });
  const update = { apiVersion: 'apps/v1', message: 'apps/v1.Deployment', live, next: scaled, timeMs };
  scaled.metadata.managedFields = updateManagedFields({ ...update, manager: 'hpa', subresource: 'scale' })!;
  assert.equal(
    refusal(() => apply(scaled, { replicas: 2 })).message,
    'Apply failed with 1 conflict: conflict with "hpa" with subresource "scale" using apps/v1: .spec.replicas',
  );
});

test('equal values are shared by their appliers', () => {
  const live = apply(apply(undefined, { replicas: 2 }), { replicas: 2 }, { manager: 'two' });
  assert.equal(ownersOf(live).length, 2);
  const released = apply(live, {}, { manager: 'one' });
  assert.equal(specOf(released)['replicas'], 2);
  assert.equal('replicas' in specOf(apply(released, {}, { manager: 'two' })), false);
});

test('what an applier drops goes, unless someone else owns it; defaults in its items go with them', () => {
  const live = apply(undefined, { replicas: 2, ...podSpec(container('a', '1'), container('b', '1')) });
  const dropped = apply(live, podSpec(container('b', '2')));
  assert.equal('replicas' in specOf(dropped), false);
  assert.deepEqual(specOf(dropped)['template'], { metadata: {}, spec: { containers: [{ name: 'b', image: '2' }] } });
});

test('items of others keep their places between the applied ones', () => {
  const names = (object: KubeObject): string[] => {
    const { spec } = specOf(object)['template'] as { spec: { containers: { name: string }[] } };
    return spec.containers.map(({ name }) => name);
  };
  const live = apply(undefined, podSpec(container('a', '1'), container('b', '1'), container('c', '1')));
  const merged = apply(live, podSpec(container('c', '1'), container('new', '1'), container('a', '1')), {
    manager: 'two',
  });
  assert.deepEqual(names(merged), ['b', 'c', 'new', 'a']);
});

test('the fields of an object that nobody tracked belong to before-first-apply', () => {
  const live = deployment({ replicas: 1, paused: true }, { uid: 'u' });
  const { message } = refusal(() => apply(live, { replicas: 2 }));
  assert.match(message, /conflict with "before-first-apply" using apps\/v1: \.spec\.replicas$/);
  assert.deepEqual(ownersOf(apply(live, { replicas: 2 }, { force: true })), [
    ['one', 'Apply', { 'f:spec': { 'f:replicas': {} } }],
    ['before-first-apply', 'Update', { 'f:spec': { 'f:paused': {} } }],
  ]);
});

test('an apply that changes nothing gives back the live object and keeps the time', () => {
  const live = apply(undefined, { replicas: 2 });
  const again = apply(live, { replicas: 2 }, { timeMs: timeMs + 60_000 });
  assert.deepEqual(again, live);
});

test('bodies that cannot be applied are refused in upstream’s words', () => {
  const answer = (applied: unknown): [number, string] => {
    const { code, message } = refusal(() => apply(undefined, {}, { applied }));
    return [code, message];
  };
  assert.deepEqual(answer({ kind: 'Pod', apiVersion: 'v1' }), [400, 'invalid object type: /v1, Kind=Pod']);
  assert.deepEqual(answer({ ...gvk, metadata: { managedFields: [] } }), [400, 'metadata.managedFields must be nil']);
  assert.deepEqual(answer(deployment({ bogus: 1 })), [
    500,
    'failed to create typed patch object (default/web; apps/v1, Kind=Deployment): .spec.bogus: field not declared in schema',
  ]);
  assert.deepEqual(answer(deployment(podSpec(container('a', '1'), container('a', '2')))), [
    500,
    'failed to create typed patch object (default/web; apps/v1, Kind=Deployment): .spec.template.spec.containers: duplicate entries for key [name="a"]',
  ]);
  assert.equal(answer('text')[0], 400);
});

test('kubectl takes over what its client-side apply set, and keeps the annotation in step', () => {
  const annotation = 'kubectl.kubernetes.io/last-applied-configuration';
  const before = deployment({ replicas: 2 });
  const annotations = { [annotation]: JSON.stringify(before) };
  const live = deployment({ replicas: 2 }, { uid: 'u', annotations });
  const update = { apiVersion: 'apps/v1', message: 'apps/v1.Deployment', live: undefined, next: live, timeMs };
  live.metadata.managedFields = updateManagedFields({ ...update, manager: 'kubectl-client-side-apply' })!;
  assert.equal(refusal(() => apply(live, { replicas: 3 })).code, 409);
  const taken = apply(live, { replicas: 3 }, { manager: 'kubectl' });
  assert.equal(specOf(taken)['replicas'], 3);
  assert.equal(
    taken.metadata.annotations![annotation],
    '{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"default"},"spec":{"replicas":3}}\n',
  );
});

test('managers of other versions are asked in theirs; those of unknown versions go', () => {
  const entry = (manager: string, apiVersion: string): object => ({
    manager,
    operation: 'Update',
    apiVersion,
    fieldsType: 'FieldsV1',
    fieldsV1: { 'f:spec': { 'f:minReplicas': {}, 'f:targetCPUUtilizationPercentage': {} } },
  });
  const hpa = (minReplicas: number): KubeObject =>
    ({ metadata: { name: 'h', uid: 'u' }, spec: { minReplicas, maxReplicas: 5 } }) as never;
  const live = hpa(1);
  live.metadata.managedFields = [entry('old', 'autoscaling/v1'), entry('gone', 'autoscaling/v2beta1')] as never;
  const entries = updateManagedFields({
    apiVersion: 'autoscaling/v2',
    message: 'autoscaling/v2.HorizontalPodAutoscaler',
    live,
    next: hpa(2),
    manager: 'new',
    timeMs,
    inVersion: (object, apiVersion) =>
      apiVersion === 'autoscaling/v1'
        ? { object, type: mergeTypeOf('autoscaling/v1.HorizontalPodAutoscaler') }
        : undefined,
  });
  assert.deepEqual(
    entries!.map(({ manager, apiVersion, fieldsV1 }) => [manager, apiVersion, fieldsV1]),
    [
      ['old', 'autoscaling/v1', { 'f:spec': { 'f:targetCPUUtilizationPercentage': {} } }],
      ['new', 'autoscaling/v2', { 'f:spec': { 'f:minReplicas': {} } }],
    ],
  );
});
