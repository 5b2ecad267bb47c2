// Columns and the plugins one node at a time must come to the same decision, whatever came and went before.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Node, Pod, PodSpec } from '../schema/generated/index.ts';
import { createReferenceScoring, createWasmScoring } from '../wasm/index.ts';
import { ClusterState } from './cluster-state.ts';
import { Cycle } from './cycle.ts';
import { enoughNodes, schedulePass } from './pass.ts';
import { podInfo } from './pod-info.ts';
import { makePod } from './testing.ts';
import { app, names, node, podSpec } from './testing-arbitraries.ts';

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
