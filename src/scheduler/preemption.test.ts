import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PodSpec } from '../schema/generated/index.ts';
import { requirementsOfLabels } from '../schema/index.ts';
import { createReferenceScoring } from '../wasm/index.ts';
import { ClusterState } from './cluster-state.ts';
import { schedulePass } from './pass.ts';
import { podInfo } from './pod-info.ts';
import { type Disruptions, planPreemption } from './preemption.ts';
import { makeNode, makePod, type Requests } from './testing.ts';

interface Running {
  name: string;
  node: string;
  priority?: number;
  cpu?: string;
  started?: string;
  labels?: Record<string, string>;
}

/** Of a pod of priority 10; `nodes` have 4 cpus each. */
function plan(
  nodes: readonly string[],
  pods: readonly Running[],
  {
    spec = {},
    requests = { cpu: '4' },
    budgets = [],
  }: {
    spec?: Partial<PodSpec>;
    requests?: Requests;
    budgets?: readonly Disruptions[];
  } = {},
) {
  const state = new ClusterState({ scoring: createReferenceScoring, pendingPods: 10, nowMs: () => 0 });
  for (const name of nodes) state.nodeChanged(makeNode(name));
  for (const { name, node, priority = 1, cpu = '4', started = '2026-01-01T00:00:00Z', labels = {} } of pods) {
    const pod = makePod(name, { nodeName: node, priority }, { cpu });
    pod.metadata.labels = labels;
    pod.status = { phase: 'Running', startTime: started };
    state.podChanged(pod);
  }
  const result = schedulePass(podInfo(makePod('new', { priority: 10, ...spec }, requests)), state, {
    start: 0,
    random: () => 0,
  });
  assert.equal(result.node, undefined);
  if (result.node !== undefined) throw new Error('it fits');
  const made = planPreemption(result.cycle, result.fitError, state, budgets, () => 0);
  return made.node === undefined ? made.message : `${made.node}: ${made.victims.map(({ name }) => name).join(' ')}`;
}

test('pods of less priority go', () => {
  assert.equal(plan(['a'], [{ name: 'low', node: 'a' }]), 'a: low');
});

test('pods of the same priority stay', () => {
  assert.equal(
    plan(
      ['a', 'b'],
      [
        { name: 'x', node: 'a', priority: 10 },
        { name: 'y', node: 'b', priority: 11 },
      ],
    ),
    'no new claims to deallocate, preemption: 0/2 nodes are available: 2 No preemption victims found for incoming pod.',
  );
});

test('no more go than must, the less important first', () => {
  const pods = [
    { name: 'least', node: 'a', priority: 1, cpu: '1' },
    { name: 'younger', node: 'a', priority: 2, cpu: '1', started: '2026-01-02T00:00:00Z' },
    { name: 'older', node: 'a', priority: 2, cpu: '1' },
    { name: 'most', node: 'a', priority: 3, cpu: '1' },
  ];
  assert.equal(plan(['a'], pods, { requests: { cpu: '2' } }), 'a: younger least');
});

test('of nodes that one is chosen whose most important victim matters least', () => {
  const pods = [
    { name: 'x', node: 'a', priority: 5 },
    { name: 'y', node: 'b', priority: 3 },
    { name: 'z', node: 'c', priority: 4 },
  ];
  assert.equal(plan(['a', 'b', 'c'], pods), 'b: y');
});

test('then that one with fewer victims, then the one whose victims have run for less time', () => {
  const pods = [
    { name: 'a1', node: 'a', cpu: '2' },
    { name: 'a2', node: 'a', cpu: '2' },
    { name: 'b1', node: 'b' },
    { name: 'c1', node: 'c', started: '2026-02-01T00:00:00Z' },
  ];
  assert.equal(plan(['a', 'b', 'c'], pods), 'c: c1');
  assert.equal(plan(['a', 'b'], pods.slice(0, 3)), 'b: b1');
});

test('pods whose disruption budget is used up stay if others can go', () => {
  const budgets = [
    { namespace: 'default', selector: requirementsOfLabels({ app: 'db' }), allowed: 0, disrupted: new Set<string>() },
  ];
  const pods = [
    { name: 'db', node: 'a', priority: 1, labels: { app: 'db' } },
    { name: 'web', node: 'b', priority: 5, labels: { app: 'web' } },
  ];
  assert.equal(plan(['a', 'b'], pods, { budgets }), 'b: web');
  assert.equal(plan(['a'], pods.slice(0, 1), { budgets }), 'a: db');
});

test('a pod that asks for more than there is preempts nobody', () => {
  assert.equal(
    plan(['a'], [{ name: 'low', node: 'a' }], { requests: { cpu: '5' } }),
    'no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.',
  );
});

test('a pod that may not preempt says so', () => {
  assert.equal(
    plan(['a'], [{ name: 'low', node: 'a' }], { spec: { preemptionPolicy: 'Never' } }),
    'no new claims to deallocate, preemption: not eligible due to preemptionPolicy=Never.',
  );
});

test('pods that must not be near go when they matter less', () => {
  const term = { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app: 'noisy' } } };
  const affinity = { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } };
  const pods = [
    { name: 'quiet', node: 'a', cpu: '1' },
    { name: 'noisy', node: 'a', cpu: '1', labels: { app: 'noisy' } },
  ];
  assert.equal(plan(['a'], pods, { spec: { affinity }, requests: { cpu: '1' } }), 'a: noisy');
});
