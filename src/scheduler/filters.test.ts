// Each plugin's reasons by example: clients match on the texts.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node, PersistentVolumeClaim, Pod, PodSpec } from '../schema/generated/index.ts';
import { createReferenceScoring } from '../wasm/index.ts';
import { ClusterState } from './cluster-state.ts';
import { describeFit } from './fit-error.ts';
import { schedulePass } from './pass.ts';
import { podInfo } from './pod-info.ts';
import { container, makeNode, makePod, type Requests } from './testing.ts';

const newState = (): ClusterState =>
  new ClusterState({ scoring: createReferenceScoring, pendingPods: 10, nowMs: () => 0 });

interface Scene {
  node?: (node: Node) => void;
  /** Pods on the node. */
  pods?: readonly Pod[];
  state?: (state: ClusterState) => unknown;
  labels?: Record<string, string>;
}

/** What is said about a pod and one node, or 'fits'. */
function verdict(
  spec: Partial<PodSpec>,
  requests: Requests,
  { node, pods = [], state: change, labels }: Scene,
): string {
  const state = newState();
  state.namespaceChanged({ metadata: { name: 'default', labels: { team: 'a' } }, spec: {} });
  state.nodeChanged(makeNode('a', node));
  for (const pod of pods) state.podChanged({ ...pod, spec: { ...pod.spec!, nodeName: 'a' } });
  change?.(state);
  const pod = makePod('new', spec, requests);
  pod.metadata.labels = labels ?? {};
  const result = schedulePass(podInfo(pod), state, { start: 0, random: () => 0 });
  return result.node === undefined ? describeFit(result.fitError) : 'fits';
}

const refusal = (...reasons: string[]): string =>
  `0/1 nodes are available: ${reasons.map((reason) => `1 ${reason}`).join(', ')}.`;

const tainted = (effect: 'NoSchedule' | 'NoExecute' | 'PreferNoSchedule') => (node: Node) => {
  node.spec = { taints: [{ key: 'k', value: 'v', effect }] };
};
const ports = (hostPort: number, hostIP = '', protocol: 'TCP' | 'UDP' = 'TCP'): Partial<PodSpec> => ({
  containers: [{ ...container(), ports: [{ containerPort: 80, hostPort, hostIP, protocol }] }],
});

test('resources', () => {
  const full = { pods: [makePod('old', {}, { cpu: '3', memory: '7Gi' })] };
  assert.equal(verdict({}, { cpu: '1', memory: '1Gi' }, full), 'fits');
  assert.equal(
    verdict({}, { cpu: '1100m', memory: '1025Mi', 'example.com/gpu': '1' }, full),
    refusal('Insufficient cpu', 'Insufficient example.com/gpu', 'Insufficient memory'),
  );
  assert.equal(verdict({}, { 'ephemeral-storage': '11Gi' }, {}), refusal('Insufficient ephemeral-storage'));
  const crowded = (node: Node) => Object.assign(node.status!.allocatable!, { pods: '1' });
  assert.equal(verdict({}, {}, { node: crowded, ...full }), refusal('Too many pods'));
});

test('taints', () => {
  assert.equal(verdict({}, {}, { node: tainted('NoSchedule') }), refusal('node(s) had untolerated taint(s)'));
  assert.equal(verdict({}, {}, { node: tainted('NoExecute') }), refusal('node(s) had untolerated taint(s)'));
  assert.equal(verdict({}, {}, { node: tainted('PreferNoSchedule') }), 'fits');
  const tolerating = (toleration: object) =>
    verdict({ tolerations: [toleration] }, {}, { node: tainted('NoSchedule') });
  assert.equal(tolerating({ key: 'k', value: 'v' }), 'fits');
  assert.equal(tolerating({ key: 'k', operator: 'Exists', effect: 'NoSchedule' }), 'fits');
  assert.equal(tolerating({ operator: 'Exists' }), 'fits');
  assert.notEqual(tolerating({ key: 'k', value: 'w' }), 'fits');
  assert.notEqual(tolerating({ key: 'k', operator: 'Exists', effect: 'NoExecute' }), 'fits');
});

test('unschedulable nodes', () => {
  const node = (one: Node) => Object.assign(one.spec!, { unschedulable: true });
  assert.equal(verdict({}, {}, { node }), refusal('node(s) were unschedulable'));
  const tolerations = [{ key: 'node.kubernetes.io/unschedulable', operator: 'Exists' as const }];
  assert.equal(verdict({ tolerations }, {}, { node }), 'fits');
});

test('node affinity', () => {
  const node = (one: Node) => Object.assign(one.metadata.labels!, { cores: '8' });
  const no = refusal("node(s) didn't match Pod's node affinity/selector");
  const requiring = (...nodeSelectorTerms: object[]) =>
    verdict(
      { affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } } },
      {},
      { node },
    );
  const cores = (operator: string, ...values: string[]) => ({ matchExpressions: [{ key: 'cores', operator, values }] });
  const name = (operator: string, value: string) => ({
    matchFields: [{ key: 'metadata.name', operator, values: [value] }],
  });
  assert.equal(verdict({ nodeSelector: { cores: '8' } }, {}, { node }), 'fits');
  assert.equal(verdict({ nodeSelector: { cores: '4' } }, {}, { node }), no);
  assert.equal(requiring(cores('Gt', '7')), 'fits');
  assert.equal(requiring(cores('Gt', '8')), no);
  assert.equal(requiring(cores('Lt', '9')), 'fits');
  assert.equal(requiring(cores('NotIn', '4'), cores('DoesNotExist')), 'fits');
  assert.equal(requiring({}), no);
  assert.equal(requiring(name('In', 'a')), 'fits');
  assert.equal(requiring(name('NotIn', 'a')), no);
  assert.equal(
    requiring(name('In', 'b')),
    "0/1 nodes are available: 1 node(s) didn't satisfy plugin(s) [NodeAffinity].",
  );
});

test('host ports', () => {
  const no = refusal("node(s) didn't have free ports for the requested pod ports");
  const taken = (...args: Parameters<typeof ports>) => ({ pods: [makePod('old', ports(...args))] });
  assert.equal(verdict(ports(80), {}, taken(80)), no);
  assert.equal(verdict(ports(81), {}, taken(80)), 'fits');
  assert.equal(verdict(ports(80, '', 'UDP'), {}, taken(80)), 'fits');
  assert.equal(verdict(ports(80, '127.0.0.1'), {}, taken(80, '127.0.0.2')), 'fits');
  assert.equal(verdict(ports(80, '127.0.0.1'), {}, taken(80, '0.0.0.0')), no);
  assert.equal(verdict(ports(80), {}, taken(80, '127.0.0.1')), no);
});

test('other pods', () => {
  const term = (more: object = {}) => ({
    topologyKey: 'kubernetes.io/hostname',
    labelSelector: { matchLabels: { app: 'db' } },
    ...more,
  });
  const near = (one: object): Partial<PodSpec> => ({
    affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [one as ReturnType<typeof term>] } },
  });
  const far = (one: object): Partial<PodSpec> => ({
    affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [one as ReturnType<typeof term>] } },
  });
  const db = makePod('db');
  db.metadata.labels = { app: 'db' };
  const pods = [db];
  assert.equal(verdict(near(term()), {}, { pods }), 'fits');
  assert.equal(verdict(near(term()), {}, {}), refusal("node(s) didn't match pod affinity rules"));
  assert.equal(
    verdict(near(term({ namespaces: ['other'] })), {}, { pods }),
    refusal("node(s) didn't match pod affinity rules"),
  );
  assert.equal(verdict(near(term({ namespaceSelector: { matchLabels: { team: 'a' } } })), {}, { pods }), 'fits');
  assert.notEqual(verdict(near(term({ namespaceSelector: { matchLabels: { team: 'b' } } })), {}, { pods }), 'fits');
  assert.equal(
    verdict(near(term({ topologyKey: 'rack' })), {}, { pods }),
    refusal("node(s) didn't match pod affinity rules"),
  );
  assert.equal(verdict(far(term()), {}, { pods }), refusal("node(s) didn't match pod anti-affinity rules"));
  const shy = makePod('shy', far(term()));
  assert.equal(
    verdict({}, {}, { pods: [shy], labels: { app: 'db' } }),
    refusal("node(s) didn't satisfy existing pods anti-affinity rules"),
  );
});

test('spreading', () => {
  const web = makePod('web');
  web.metadata.labels = { app: 'web' };
  const constraint = (topologyKey: string, maxSkew = 1): Partial<PodSpec> => ({
    topologySpreadConstraints: [
      { maxSkew, topologyKey, whenUnsatisfiable: 'DoNotSchedule', labelSelector: { matchLabels: { app: 'web' } } },
    ],
  });
  const other = (state: ClusterState): void => state.nodeChanged(makeNode('b', tainted('NoSchedule')));
  const scene: Scene = { pods: [web], state: other, labels: { app: 'web' } };
  const reason = "1 node(s) didn't match pod topology spread constraints, 1 node(s) had untolerated taint(s)";
  assert.equal(verdict(constraint('kubernetes.io/hostname'), {}, scene), `0/2 nodes are available: ${reason}.`);
  assert.equal(verdict(constraint('kubernetes.io/hostname', 2), {}, scene), 'fits');
  assert.equal(
    verdict(constraint('zone'), {}, {}),
    refusal("node(s) didn't match pod topology spread constraints (missing required label)"),
  );
});

test('claims', () => {
  const spec: Partial<PodSpec> = { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }] };
  const claim =
    (change: Partial<PersistentVolumeClaim> = {}) =>
    (state: ClusterState) =>
      state.volumes.setClaim({
        metadata: { name: 'data', namespace: 'default' },
        spec: { volumeName: 'pv', storageClassName: 'slow' },
        status: { phase: 'Bound' },
        ...change,
      } as PersistentVolumeClaim);
  const said = (...changes: ((state: ClusterState) => void)[]) =>
    verdict(spec, {}, { state: (state) => changes.map((change) => change(state)) });
  const pv = (zone: string, name: string) => (state: ClusterState) => {
    const matchExpressions = [{ key: 'kubernetes.io/hostname', operator: 'In' as const, values: [name] }];
    const nodeAffinity = { required: { nodeSelectorTerms: [{ matchExpressions }] } };
    state.volumes.setVolume({
      metadata: { name: 'pv', labels: { 'topology.kubernetes.io/zone': zone } },
      spec: { nodeAffinity },
    });
    state.nodeChanged(
      makeNode('a', (node) => Object.assign(node.metadata.labels!, { 'topology.kubernetes.io/zone': 'z' })),
    );
  };
  const waits = (state: ClusterState): void =>
    state.volumes.setClass({ metadata: { name: 'slow' }, provisioner: 'p', volumeBindingMode: 'WaitForFirstConsumer' });
  const unbound = claim({
    spec: { storageClassName: 'slow' } as PersistentVolumeClaim['spec'],
    status: { phase: 'Pending' },
  });
  assert.equal(said(), '0/1 nodes are available: persistentvolumeclaim "data" not found.');
  assert.equal(said(unbound), '0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.');
  assert.equal(said(unbound, waits), refusal("node(s) didn't find available persistent volumes to bind"));
  assert.equal(said(claim()), refusal('node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)'));
  assert.equal(said(claim(), pv('z', 'a')), 'fits');
  assert.equal(said(claim(), pv('z', 'b')), refusal("node(s) didn't match PersistentVolume's node affinity"));
  assert.equal(said(claim(), pv('y', 'a')), refusal('node(s) had no available volume zone'));
});
