import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Pod } from '../../schema/generated/index.ts';
import { podsToDelete } from './deletion-order.ts';
import { missingPods, type Observed, podFromTemplate, type Replicated, statusOf } from './plan.ts';

const nowMs = Date.UTC(2026, 0, 1);
const ago = (seconds: number): string => new Date(nowMs - seconds * 1000).toISOString();

interface Setting {
  node?: string;
  phase?: 'Pending' | 'Running' | 'Unknown' | 'Failed';
  readySeconds?: number;
  ageSeconds?: number;
  restarts?: number;
  cost?: string;
  labels?: Record<string, string>;
  deleted?: boolean;
}

const pod = (name: string, setting: Setting = {}): Pod => {
  const {
    node = 'n1',
    phase = 'Running',
    readySeconds,
    ageSeconds = 100,
    restarts = 0,
    cost,
    labels,
    deleted,
  } = setting;
  return {
    metadata: {
      name,
      uid: name,
      labels: labels ?? { app: 'web' },
      creationTimestamp: ago(ageSeconds),
      ...(cost !== undefined && { annotations: { 'controller.kubernetes.io/pod-deletion-cost': cost } }),
      ...(deleted && { deletionTimestamp: ago(0) }),
    },
    spec: { ...(node && { nodeName: node }), containers: [] },
    status: {
      phase,
      containerStatuses: [{ name: 'c', restartCount: restarts, ready: true, image: '', imageID: '' }],
      conditions:
        readySeconds === undefined ? [] : [{ type: 'Ready', status: 'True', lastTransitionTime: ago(readySeconds) }],
    },
  };
};

const firstOf = (a: Pod, b: Pod, related: Pod[] = []): string | undefined =>
  podsToDelete([b, a], related, 1, nowMs)[0]?.metadata.name;

test('who goes first', () => {
  const ready = { readySeconds: 50 };
  const cases: [string, Setting, Setting][] = [
    ['not assigned', { node: '' }, {}],
    ['pending', { phase: 'Pending', ...ready }, {}],
    ['unknown before running', { phase: 'Unknown', ...ready }, {}],
    ['not ready', {}, ready],
    ['cheap', { ...ready, cost: '-5' }, ready],
    ['a cost that is none counts as 0', { ...ready, cost: '+1' }, { ...ready, cost: '1' }],
    ['ready for less long', { readySeconds: 1 }, { readySeconds: 1000 }],
    ['more restarts', { ...ready, restarts: 3 }, ready],
    ['younger', { ageSeconds: 1 }, { ageSeconds: 1000 }],
  ];
  for (const [what, first, second] of cases) assert.equal(firstOf(pod('z', first), pod('a', second)), 'z', what);
});

test('of the crowded nodes one goes first, whatever the age', () => {
  const lonely = pod('lonely', { node: 'n2', readySeconds: 1 });
  const crowded = pod('crowded', { node: 'n1', readySeconds: 1000 });
  assert.equal(firstOf(lonely, crowded, [lonely, crowded, pod('sibling', { node: 'n1' })]), 'crowded');
});

test('pods of about one age go by chance: their UIDs', () => {
  assert.equal(firstOf(pod('b', { ageSeconds: 100 }), pod('a', { ageSeconds: 101 })), 'a');
});

const setting = fc.record({
  node: fc.constantFrom('', 'n1', 'n2'),
  phase: fc.constantFrom('Pending' as const, 'Running' as const),
  ageSeconds: fc.nat(5000),
  restarts: fc.nat(2),
});

const twin = { node: 'n1' as const, phase: 'Running' as const, ageSeconds: 1, restarts: 0 };

test('the order does not hang on the order of the list', () =>
  fc.assert(
    fc.property(fc.array(setting, { maxLength: 12 }), fc.nat(12), (settings, count) => {
      const pods = settings.map((each, at) => pod(`p${at}`, each));
      const names = (list: Pod[]) => podsToDelete(list, pods, count, nowMs).map(({ metadata }) => metadata.name);
      if (count < pods.length) assert.deepEqual(names(pods), names([...pods].reverse()));
      else assert.equal(names(pods).length, pods.length);
    }),
    { examples: [[[twin, twin], 1]] },
  ));

const owner = (replicas: number, more: Partial<Replicated> = {}): Replicated => ({
  metadata: { name: 'web', namespace: 'shop', generation: 3 },
  spec: {
    replicas,
    minReadySeconds: 10,
    template: { metadata: { labels: { app: 'web' }, annotations: { note: 'x' } }, spec: { containers: [] } },
  },
  ...more,
});

const observed = (pods: Pod[], more: Partial<Observed> = {}): Observed => ({
  pods,
  generation: 3,
  failure: undefined,
  nowMs,
  countsTerminating: true,
  ...more,
});

test('one step makes or deletes at most 500 pods, and none for an owner that goes', () => {
  const many = Array.from({ length: 900 }, (_, at) => pod(`p${at}`));
  assert.equal(missingPods(owner(2000), []), 500);
  assert.equal(missingPods(owner(0), many), -500);
  const going = owner(5);
  going.metadata.deletionTimestamp = ago(0);
  assert.equal(missingPods(going, []), 0);
});

test('a pod has the template, a name from the owner, and the owner', () => {
  const reference = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid: 'u', controller: true };
  assert.deepEqual(podFromTemplate(owner(1), reference).metadata, {
    generateName: 'web-',
    namespace: 'shop',
    labels: { app: 'web' },
    annotations: { note: 'x' },
    ownerReferences: [reference],
  });
  const long = owner(1);
  long.metadata.name = 'a'.repeat(253);
  assert.equal(podFromTemplate(long, reference).metadata.generateName, long.metadata.name);
});

test('the status counts', () => {
  const pods = [
    pod('available', { readySeconds: 10 }),
    pod('ready', { readySeconds: 9 }),
    pod('plain', { labels: {} }),
    pod('leaving', { deleted: true, readySeconds: 50 }),
    pod('ended', { phase: 'Failed' }),
  ];
  assert.deepEqual(statusOf(owner(3), observed(pods)), {
    replicas: 3,
    fullyLabeledReplicas: 2,
    readyReplicas: 2,
    availableReplicas: 1,
    terminatingReplicas: 1,
    observedGeneration: 3,
  });
});

test('a status that is right is left alone', () => {
  const before = owner(0);
  before.status = { replicas: 0, terminatingReplicas: 0, observedGeneration: 3 };
  assert.equal(statusOf(before, observed([])), before.status);
});

test('the first failure is kept until there is none', () => {
  const failure = { reason: 'FailedCreate', message: 'quota' } as const;
  const failed = statusOf(owner(1), observed([], { failure }));
  assert.deepEqual(failed?.conditions, [
    { type: 'ReplicaFailure', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z', ...failure },
  ]);
  const before = owner(1, failed ? { status: failed } : {});
  assert.equal(statusOf(before, observed([], { failure: { ...failure, message: 'other' } })), failed);
  assert.equal(statusOf(before, observed([]))?.conditions, undefined);
});
