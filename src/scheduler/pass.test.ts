import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node, Pod, PodSpec } from '../schema/generated/index.ts';
import { createWasmScoring } from '../wasm/index.ts';
import { ClusterState } from './cluster-state.ts';
import { schedulePass } from './pass.ts';
import { podInfo } from './pod-info.ts';
import { makeNode, makePod, type Requests } from './testing.ts';

interface Cluster {
  state: ClusterState;
  node(name: string, change?: (node: Node) => void): Cluster;
  /** A pod that runs. */
  pod(name: string, node: string, requests?: Requests, labels?: Record<string, string>): Cluster;
  /** How often each node is chosen, for as many random numbers. */
  choices(spec: Partial<PodSpec>, requests?: Requests, change?: (pod: Pod) => void): Record<string, number>;
}

const tries = 60;

function cluster(): Cluster {
  const state = new ClusterState({ scoring: createWasmScoring, pendingPods: 10, nowMs: () => 0 });
  const self: Cluster = {
    state,
    node(name, change) {
      state.nodeChanged(makeNode(name, change));
      return self;
    },
    pod(name, node, requests, labels = {}) {
      const pod = makePod(name, { nodeName: node }, requests);
      pod.metadata.labels = labels;
      state.podChanged(pod);
      return self;
    },
    choices(spec, requests, change = () => {}) {
      const counts: Record<string, number> = {};
      const pod = makePod('new', spec, requests);
      change(pod);
      for (let i = 0; i < tries; i++) {
        const { node = '' } = schedulePass(podInfo(pod), state, { start: 0, random: () => (i + 0.5) / tries });
        counts[node] = (counts[node] ?? 0) + 1;
      }
      return counts;
    },
  };
  return self;
}

const zone = (value: string) => (node: Node) => {
  node.metadata.labels!['topology.kubernetes.io/zone'] = value;
};
const allocatable = (amounts: Requests) => (node: Node) => Object.assign(node.status!.allocatable!, amounts);

test('nodes that are equally good are all chosen', () => {
  const { a = 0, b = 0, c = 0 } = cluster().node('a').node('b').node('c').choices({}, { cpu: '100m' });
  assert.equal(a + b + c, tries);
  for (const times of [a, b, c]) assert.ok(times > tries / 6, `${a}, ${b}, ${c}`);
});

test('the emptier node is better', () => {
  const { state: _, ...made } = cluster().node('a').node('b').pod('old', 'a', { cpu: '1', memory: '1Gi' });
  assert.deepEqual(made.choices({}, { cpu: '1', memory: '1Gi' }), { b: tries });
});

test('a pod that asks for nothing counts as something', () => {
  assert.deepEqual(cluster().node('a').node('b').pod('old', 'a').choices({}), { b: tries });
});

test('a node whose cpu and memory come to be used evenly is better', () => {
  const made = cluster()
    .node('a', allocatable({ cpu: '10', memory: '10Gi' }))
    .node('b', allocatable({ cpu: '10', memory: '10Gi' }))
    .pod('lean', 'a', { cpu: '4', memory: '0' })
    .pod('fat', 'b', { cpu: '0', memory: '4Gi' });
  assert.deepEqual(made.choices({}, { cpu: '4', memory: '0' }), { b: tries });
});

test('a node that would rather not have the pod is worse than a full one', () => {
  const made = cluster()
    .node('a', (node) => {
      node.spec = { taints: [{ key: 'k', effect: 'PreferNoSchedule' }] };
    })
    .node('b')
    .pod('old', 'b', { cpu: '3', memory: '6Gi' });
  assert.deepEqual(made.choices({}, { cpu: '500m' }), { b: tries });
  assert.deepEqual(made.choices({ tolerations: [{ key: 'k', operator: 'Exists' }] }, { cpu: '500m' }), { a: tries });
});

test('a preferred node is better than an emptier one', () => {
  const preference = { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In' as const, values: ['b'] }] };
  const nodeAffinity = { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, preference }] };
  const made = cluster().node('a').node('b').pod('old', 'b', { cpu: '3', memory: '6Gi' });
  assert.deepEqual(made.choices({ affinity: { nodeAffinity } }, { cpu: '100m' }), { b: tries });
});

test('a node that has the image is better, if it is a large one', () => {
  const has = (sizeBytes: number) => (node: Node) => {
    node.status!.images = [{ names: ['registry.example.com/app:1'], sizeBytes }];
  };
  assert.deepEqual(
    cluster()
      .node('a')
      .node('b', has(800 << 20))
      .choices({}),
    { b: tries },
  );
  assert.equal(
    Object.keys(
      cluster()
        .node('a')
        .node('b', has(20 << 20))
        .choices({}),
    ).length,
    2,
  );
});

test('pods of one service go to different zones, then to different hosts', () => {
  const made = cluster().node('a1', zone('a')).node('a2', zone('a')).node('b1', zone('b'));
  made.state.selectors.setService({
    metadata: { name: 's', namespace: 'default' },
    spec: { selector: { app: 'web' } },
  });
  const web = (pod: Pod): void => {
    pod.metadata.labels = { app: 'web' };
  };
  made.pod('w1', 'a1', {}, { app: 'web' });
  assert.deepEqual(made.choices({}, {}, web), { b1: tries });
  made.pod('w2', 'b1', {}, { app: 'web' });
  assert.deepEqual(made.choices({}, {}, web), { a2: tries });
});

test('the first of a group that wants to be together may go anywhere, the others follow', () => {
  const labelSelector = { matchLabels: { app: 'web' } };
  const required = [{ labelSelector, topologyKey: 'topology.kubernetes.io/zone' }];
  const affinity = { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: required } };
  const web = (pod: Pod): void => {
    pod.metadata.labels = { app: 'web' };
  };
  const made = cluster().node('a', zone('a')).node('b', zone('b'));
  assert.equal(Object.keys(made.choices({ affinity }, {}, web)).length, 2);
  assert.deepEqual(made.choices({ affinity }), { '': tries });
  made.pod('first', 'b', {}, { app: 'web' });
  assert.deepEqual(made.choices({ affinity }, {}, web), { b: tries });
});

test('every node has its turn when not all are looked at', () => {
  const made = cluster();
  for (let i = 0; i < 300; i++) made.node(`n${i}`);
  let start = 0;
  const seen = new Set<number>();
  for (let i = 0; i < 3; i++) {
    seen.add(start);
    const result = schedulePass(podInfo(makePod('new')), made.state, { start, random: () => 0.5 });
    start = result.nextStart;
  }
  // 48 percent of 300 are enough each time.
  assert.deepEqual([...seen], [0, 144, 288]);
});
