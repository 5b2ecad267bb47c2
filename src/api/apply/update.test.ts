import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject, ManagedFieldsEntry } from '../../schema/index.ts';
import { excludeFields } from './reset-fields.ts';
import { type ManagedUpdate, updateManagedFields } from './update.ts';

type AnyObject = KubeObject & Record<string, unknown>;

const timeMs = Date.UTC(2026, 0, 1);
const later = timeMs + 60_000;

const deployment = (
  change: { replicas?: number; image?: string; labels?: Record<string, string> } = {},
): AnyObject => ({
  kind: 'Deployment',
  apiVersion: 'apps/v1',
  metadata: { name: 'web', namespace: 'default', uid: 'u', ...(change.labels && { labels: change.labels }) },
  spec: {
    replicas: change.replicas ?? 1,
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: {
        containers: [
          {
            name: 'web',
            image: change.image ?? 'web:1',
            ports: [{ containerPort: 80, protocol: 'TCP' }],
            resources: {},
          },
        ],
      },
    },
    strategy: {},
  },
  status: {},
});

const write = (
  request: Partial<ManagedUpdate> & Pick<ManagedUpdate, 'live' | 'next'>,
): ManagedFieldsEntry[] | undefined =>
  updateManagedFields({ message: 'apps/v1.Deployment', apiVersion: 'apps/v1', manager: 'kubectl', timeMs, ...request });

const created = (manager = 'kubectl'): AnyObject => {
  const object = deployment();
  object.metadata.managedFields = write({
    live: undefined,
    next: object,
    manager,
    filter: excludeFields([['status']]),
  })!;
  return object;
};

const next = (live: AnyObject, change: Parameters<typeof deployment>[0]): AnyObject => {
  const object = deployment(change);
  object.metadata.managedFields = live.metadata.managedFields!;
  return object;
};

test('a creation owns what differs from an empty object', () => {
  assert.deepEqual(created().metadata.managedFields, [
    {
      manager: 'kubectl',
      operation: 'Update',
      apiVersion: 'apps/v1',
      time: '2026-01-01T00:00:00Z',
      fieldsType: 'FieldsV1',
      fieldsV1: {
        'f:spec': {
          'f:replicas': {},
          'f:selector': {},
          'f:template': {
            'f:metadata': { 'f:labels': { '.': {}, 'f:app': {} } },
            'f:spec': {
              'f:containers': {
                'k:{"name":"web"}': {
                  '.': {},
                  'f:image': {},
                  'f:name': {},
                  'f:ports': {
                    '.': {},
                    'k:{"containerPort":80,"protocol":"TCP"}': { '.': {}, 'f:containerPort': {}, 'f:protocol': {} },
                  },
                  'f:resources': {},
                },
              },
            },
          },
        },
      },
    },
  ]);
});

test('an update moves changed fields to its manager and leaves the time of others alone', () => {
  const live = created();
  const entries = write({ live, next: next(live, { replicas: 3 }), manager: 'hpa', timeMs: later })!;
  assert.deepEqual(
    entries.map(({ manager, time }) => [manager, time]),
    [
      ['kubectl', '2026-01-01T00:00:00Z'],
      ['hpa', '2026-01-01T00:01:00Z'],
    ],
  );
  assert.deepEqual(entries[1]!.fieldsV1, { 'f:spec': { 'f:replicas': {} } });
  assert.equal('f:replicas' in (entries[0]!.fieldsV1 as Record<string, object>)['f:spec']!, false);
});

test('without a change the list is the stored one, the same object', () => {
  const live = created();
  assert.equal(write({ live, next: next(live, {}), manager: 'other', timeMs: later }), live.metadata.managedFields);
});

test('a removed field leaves its owner; nobody gets a new time', () => {
  const live = deployment({ labels: { a: '1', b: '2' } });
  live.metadata.managedFields = write({ live: undefined, next: live })!;
  const entries = write({ live, next: next(live, { labels: { a: '1' } }), manager: 'other', timeMs: later })!;
  assert.equal(entries.length, 1);
  assert.equal(entries[0]!.time, '2026-01-01T00:00:00Z');
  assert.deepEqual((entries[0]!.fieldsV1 as Record<string, object>)['f:metadata'], {
    'f:labels': { '.': {}, 'f:a': {} },
  });
});

test('the main resource does not own status, /status does not own spec', () => {
  const live = created();
  const status = {
    ...next(live, { replicas: 5 }),
    status: { replicas: 1, conditions: [{ type: 'Available', status: 'True' }] },
  };
  const filter = excludeFields([['spec']]);
  const entries = write({ live, next: status, manager: 'controller', subresource: 'status', filter, timeMs: later })!;
  assert.deepEqual(entries[1], {
    manager: 'controller',
    operation: 'Update',
    apiVersion: 'apps/v1',
    time: '2026-01-01T00:01:00Z',
    fieldsType: 'FieldsV1',
    fieldsV1: {
      'f:status': {
        'f:conditions': { '.': {}, 'k:{"type":"Available"}': { '.': {}, 'f:status': {}, 'f:type': {} } },
        'f:replicas': {},
      },
    },
    subresource: 'status',
  });
  assert.equal('f:replicas' in (entries[0]!.fieldsV1 as Record<string, object>)['f:spec']!, true);
});

test('[{}] and an explicit empty list forget all managers, and nobody tracks again before the next apply', () => {
  const live = created();
  const cleared = deployment({ replicas: 2 });
  cleared.metadata.managedFields = [{}];
  assert.equal(write({ live, next: cleared }), undefined);
  cleared.metadata.managedFields = [];
  assert.equal(write({ live, next: cleared }), undefined);
});

test('a body without managedFields, or with broken ones, keeps the stored list', () => {
  const live = created();
  assert.equal(write({ live, next: deployment() }), live.metadata.managedFields);
  const broken = deployment();
  broken.metadata.managedFields = [{ manager: 'x', operation: 'Update', apiVersion: 'v1', fieldsType: 'FieldsV2' }];
  assert.equal(write({ live, next: broken }), live.metadata.managedFields);
});

test('more than ten updaters: the oldest become ancient-changes', () => {
  let live = created('m-00');
  for (let i = 1; i <= 11; i++) {
    const labels = { ...live.metadata.labels, [`l${i}`]: 'x' };
    const object = next(live, { labels });
    const manager = `m-${String(i).padStart(2, '0')}`;
    object.metadata.managedFields = write({ live, next: object, manager, timeMs: timeMs + i * 1000 })!;
    live = object;
  }
  const names = live.metadata.managedFields!.map((entry) => entry.manager);
  assert.equal(names.length, 10);
  assert.deepEqual(names.slice(0, 2), ['ancient-changes', 'm-03']);
  assert.equal(live.metadata.managedFields![0]!.time, '2026-01-01T00:00:02Z');
});

test('keys such as constructor and __proto__ are ordinary names', () => {
  const config = (data: string): AnyObject => ({ metadata: { name: 'c' }, data: JSON.parse(data) as object });
  const entries = updateManagedFields({
    message: 'core/v1.ConfigMap',
    apiVersion: 'v1',
    manager: 'm',
    timeMs,
    live: undefined,
    next: config('{"constructor":"a","__proto__":"b","toString":"c"}'),
  });
  assert.equal(
    JSON.stringify(entries![0]!.fieldsV1),
    '{"f:data":{".":{},"f:__proto__":{},"f:constructor":{},"f:toString":{}}}',
  );
});
