import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Node, Pod } from '../schema/generated/index.ts';
import { createReferenceScoring, type ScoringFactory } from '../wasm/index.ts';
import { ClusterState } from './cluster-state.ts';
import { makePod } from './testing.ts';
import { names, node, podSpec } from './testing-arbitraries.ts';

const stateWith = (scoring: ScoringFactory): ClusterState =>
  new ClusterState({ scoring, pendingPods: 100, nowMs: () => 0 });

/** What the columns say of each node, by names. */
function columnsOf({ table }: ClusterState): Record<string, unknown> {
  const { allocatable, requested, nonZeroRequested, otherAllocatable, otherRequested, present, slots } = table.columns;
  const rows = [...table.nodes()].map(({ name, slot, facts, pods }) => {
    const resources = ['pods', 'ephemeral-storage', ...facts.allocatable.keys()].map((resource) => {
      const column = table.column(resource);
      const at = (column ?? 0) * slots + slot;
      return [resource, column === undefined ? undefined : [otherAllocatable[at], otherRequested[at]]];
    });
    const pairs = [allocatable, requested, nonZeroRequested].map((pair) => [pair[2 * slot], pair[2 * slot + 1]]);
    const isPresent = ((present[slot >> 5]! >>> (slot & 31)) & 1) === 1;
    return [name, { pairs, resources, isPresent, pods: [...pods.keys()].sort() }];
  });
  return Object.fromEntries(rows.sort());
}

const podNames = ['p0', 'p1', 'p2', 'p3'];
const step = fc.oneof(
  fc.record({ do: fc.constant('node' as const), node }),
  fc.record({ do: fc.constant('nodeGone' as const), name: fc.constantFrom(...names) }),
  fc.record({
    do: fc.constant('pod' as const),
    name: fc.constantFrom(...podNames),
    spec: podSpec,
    nodeName: fc.option(fc.constantFrom(...names, 'unknown'), { nil: undefined }),
  }),
  fc.record({ do: fc.constant('podGone' as const), name: fc.constantFrom(...podNames) }),
  fc.record({ do: fc.constant('noMemory' as const) }),
);

test('whatever comes in whatever order, and whatever fails on the way: once told again, the columns are right', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      let isFull = false;
      const state = stateWith((size) => {
        if (isFull) throw new RangeError('no memory');
        return createReferenceScoring(size);
      });
      const nodes = new Map<string, Node>();
      const pods = new Map<string, Pod>();
      const tell = (change: () => void): void => {
        if (!isFull) change();
        else {
          try {
            change();
          } catch (error) {
            assert.ok(error instanceof RangeError, String(error));
          }
        }
      };
      for (const at of steps) {
        if (at.do === 'noMemory') isFull = !isFull;
        else if (at.do === 'node') {
          nodes.set(at.node.metadata.name ?? '', at.node);
          tell(() => state.nodeChanged(at.node));
        } else if (at.do === 'nodeGone') {
          nodes.delete(at.name);
          tell(() => state.nodeRemoved(at.name));
        } else if (at.do === 'pod') {
          const pod = makePod(at.name, { ...at.spec, ...(at.nodeName && { nodeName: at.nodeName }) });
          if (pods.get(at.name)?.spec.nodeName && !at.nodeName) continue;
          pods.set(at.name, pod);
          tell(() => state.podChanged(pod));
        } else {
          pods.delete(at.name);
          tell(() => state.podRemoved(`pod-${at.name}`));
        }
      }
      isFull = false;
      const fresh = stateWith(createReferenceScoring);
      for (const each of [state, fresh]) {
        for (const one of nodes.values()) each.nodeChanged(one);
        for (const pod of pods.values()) each.podChanged(pod);
      }
      assert.deepEqual(columnsOf(state), columnsOf(fresh));
      assert.equal(state.table.size, nodes.size);
    }),
    { numRuns: 300 },
  );
});
