// Columns and the plugins one node at a time must come to the same decision, whatever came and went before.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Node, Pod, PodSpec, Taint, Toleration } from '../schema/generated/index.ts';
import { createReferenceScoring, createWasmScoring } from '../wasm/index.ts';
import { ClusterState } from './cluster-state.ts';
import { Cycle } from './cycle.ts';
import { enoughNodes, schedulePass } from './pass.ts';
import { podInfo } from './pod-info.ts';
import { container, makeNode, makePod } from './testing.ts';

const names = Array.from({ length: 9 }, (_, i) => `n${i}`);
const effects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'] as const;
/** More than have a column at first. */
const devices = Array.from({ length: 12 }, (_, i) => `example.com/device-${i}`);

const taint: fc.Arbitrary<Taint> = fc.record({
  key: fc.constantFrom('a', 'b'),
  value: fc.constantFrom('x', 'y'),
  effect: fc.constantFrom(...effects),
});
const toleration: fc.Arbitrary<Toleration> = fc.record(
  {
    key: fc.constantFrom('a', 'b', 'node.kubernetes.io/unschedulable'),
    operator: fc.constantFrom('Exists' as const, 'Equal' as const),
    value: fc.constantFrom('x', 'y'),
    effect: fc.constantFrom(...effects),
  },
  { requiredKeys: [] },
);
const zones = fc.constantFrom('east', 'west');
const sparse = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: 6, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary });

const node: fc.Arbitrary<Node> = fc
  .record({
    name: fc.constantFrom(...names),
    cpu: fc.constantFrom('0', '1', '4'),
    memory: fc.constantFrom('1Gi', '8Gi'),
    pods: fc.constantFrom('1', '3', '110'),
    device: fc.constantFrom(...devices),
    zone: fc.option(zones, { nil: undefined }),
    taints: fc.array(taint, { maxLength: 2 }),
    unschedulable: sparse(fc.constant(true)),
    images: fc.boolean(),
  })
  .map(({ name, cpu, memory, pods, device, zone, taints, unschedulable, images }) =>
    makeNode(name, ({ metadata, spec, status }) => {
      if (zone) metadata.labels!['zone'] = zone;
      Object.assign(spec!, { taints, ...(unschedulable && { unschedulable }) });
      Object.assign(status!.allocatable!, { cpu, memory, pods, [device]: '2' });
      if (images) status!.images = [{ names: ['registry.example.com/app:1'], sizeBytes: 500 << 20 }];
    }),
  );

const app = fc.constantFrom('web', 'db');
const affinityTerm = app.map((value) => ({
  topologyKey: value === 'web' ? 'zone' : 'kubernetes.io/hostname',
  labelSelector: { matchLabels: { app: value } },
}));

const podSpec: fc.Arbitrary<Partial<PodSpec>> = fc
  .record({
    requests: fc.record(
      { cpu: fc.constantFrom('0', '500m', '2'), memory: fc.constantFrom('100Mi', '4Gi') },
      { requiredKeys: [] },
    ),
    device: sparse(fc.constantFrom(...devices)),
    hostPort: sparse(fc.constantFrom(80, 81)),
    tolerations: fc.array(toleration, { maxLength: 2 }),
    zone: sparse(zones),
    name: sparse(fc.constantFrom(...names, 'gone')),
    near: sparse(affinityTerm),
    far: sparse(affinityTerm),
    wish: sparse(affinityTerm),
    spread: sparse(fc.constantFrom('DoNotSchedule' as const, 'ScheduleAnyway' as const)),
    priority: fc.constantFrom(0, 5),
  })
  .map(({ requests, device, hostPort, tolerations, zone, name, near, far, wish, spread, priority }) => {
    const main = container({ ...requests, ...(device && { [device]: '1' }) });
    if (hostPort) main.ports = [{ containerPort: hostPort, hostPort, protocol: 'TCP' }];
    const fields = name && [{ key: 'metadata.name', operator: 'In' as const, values: [name] }];
    const terms = fields && { nodeSelectorTerms: [{ matchFields: fields }] };
    const preferred = { weight: 10, preference: { matchExpressions: [{ key: 'zone', operator: 'Exists' as const }] } };
    return {
      priority,
      containers: [main],
      tolerations,
      ...(zone && { nodeSelector: { zone } }),
      affinity: {
        nodeAffinity: {
          ...(terms && { requiredDuringSchedulingIgnoredDuringExecution: terms }),
          preferredDuringSchedulingIgnoredDuringExecution: [preferred],
        },
        podAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: near ? [near] : [],
          preferredDuringSchedulingIgnoredDuringExecution: wish ? [{ weight: 5, podAffinityTerm: wish }] : [],
        },
        podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: far ? [far] : [] },
      },
      ...(spread && {
        topologySpreadConstraints: [
          {
            maxSkew: 1,
            topologyKey: 'zone',
            whenUnsatisfiable: spread,
            labelSelector: { matchLabels: { app: 'web' } },
          },
        ],
      }),
    };
  });

type Step =
  | { do: 'node'; node: Node }
  | { do: 'removeNode'; name: string }
  | { do: 'pod'; spec: Partial<PodSpec>; app: string }
  | { do: 'removePod'; number: number }
  | { do: 'nominate'; number: number; name: string };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: node.map((made): Step => ({ do: 'node', node: made })) },
  { weight: 1, arbitrary: fc.constantFrom(...names).map((name): Step => ({ do: 'removeNode', name })) },
  { weight: 8, arbitrary: fc.tuple(podSpec, app).map(([spec, value]): Step => ({ do: 'pod', spec, app: value })) },
  { weight: 2, arbitrary: fc.nat(30).map((number): Step => ({ do: 'removePod', number })) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.nat(30), fc.constantFrom(...names))
      .map(([number, name]): Step => ({ do: 'nominate', number, name })),
  },
);

test('a pod goes to a node that every plugin lets it have, and nowhere only when there is none', () => {
  let [placed, refused] = [0, 0];
  for (const scoring of [createReferenceScoring, createWasmScoring]) {
    fc.assert(
      fc.property(fc.array(step, { minLength: 10, maxLength: 50 }), (steps) => {
        const state = new ClusterState({ scoring, pendingPods: 100, nowMs: () => 0 });
        let number = 0;
        for (const one of steps) {
          if (one.do === 'node') state.nodeChanged(one.node);
          else if (one.do === 'removeNode') state.nodeRemoved(one.name);
          else if (one.do === 'removePod') state.podRemoved(`pod-p${one.number}`);
          else if (one.do === 'nominate') {
            const waiting = state.queue.get(`pod-p${one.number}`)?.pod;
            if (waiting) state.nominate(waiting, one.name);
          } else if (place(state, named(one.spec, one.app, number++))) placed++;
          else refused++;
        }
      }),
      { numRuns: 400 },
    );
  }
  assert.ok(placed > 1_000 && refused > 1_000, `${placed} placed, ${refused} refused`);
});

function named(spec: Partial<PodSpec>, value: string, number: number): Pod {
  const pod = makePod(`p${number}`, spec);
  pod.metadata.labels = { app: value };
  return pod;
}

/** Schedules a pod, checks the decision, and carries it out. */
function place(state: ClusterState, object: Pod): boolean {
  state.podChanged(object);
  const pod = podInfo(object);
  const { table } = state;
  const cycle = new Cycle(pod, table, state);
  const fitting = [...table.nodes()].filter(
    (one) => !cycle.beforehand() && !cycle.check(one) && !cycle.checkWith(one, state.nominated(one.name, pod)),
  );
  const result = schedulePass(pod, state, { start: 0, random: () => 0.5 });
  assert.equal(result.node !== undefined, fitting.length > 0);
  if (result.node === undefined) return false;
  assert.ok(fitting.some(({ name }) => name === result.node));
  state.assume(pod, result.node);
  state.podChanged({ ...object, spec: { ...object.spec!, nodeName: result.node } });
  return true;
}

test('as many nodes are looked at as upstream does', () => {
  const expected = [
    [1, 1],
    [99, 99],
    [100, 100],
    [1_000, 420],
    [5_000, 500],
    [10_000, 500],
  ] as const;
  for (const [nodes, enough] of expected) assert.equal(enoughNodes(nodes), enough, `${nodes} nodes`);
});
