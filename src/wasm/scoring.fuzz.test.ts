import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  createReferenceScoring,
  createWasmScoring,
  type FilterQuery,
  type NodeColumns,
  type Scoring,
  type SelectQuery,
  untolerated,
} from './index.ts';

const cases = 100_000;
/** Cases that one set of random nodes is used for. */
const casesPerCluster = 20;
const resources = 3;

const whole = (random: () => number, below: number): number => Math.floor(random() * below);
const pick = <T>(random: () => number, values: readonly T[]): T => values[whole(random, values.length)]!;
const chance = (random: () => number, share: number): boolean => random() < share;

/** Some nodes are full, some over-full, some have none of a resource; some are very large. */
const capacities = [0, 1, 100, 4_000, 8 * 2 ** 30, 2 ** 40, 2 ** 44];

function fillNodes(columns: NodeColumns, random: () => number): void {
  const requested = (capacity: number): number => Math.floor(capacity * pick(random, [0, 0.3, random(), 1, 1.2]));
  for (let i = 0; i < columns.allocatable.length; i++) {
    columns.allocatable[i] = pick(random, capacities);
    columns.requested[i] = requested(columns.allocatable[i]!);
    columns.nonZeroRequested[i] = columns.requested[i]! + whole(random, 1000);
  }
  for (let i = 0; i < columns.otherAllocatable.length; i++) {
    columns.otherAllocatable[i] = whole(random, 5);
    columns.otherRequested[i] = whole(random, 3);
  }
  for (let i = 0; i < columns.slots; i++) columns.taintSet[i] = whole(random, 8);
  for (let i = 0; i < columns.present.length; i++) columns.present[i] = whole(random, 2 ** 32);
}

function fillPod(columns: NodeColumns, random: () => number): void {
  for (let set = 0; set < 8; set++) {
    columns.verdicts[set] = chance(random, 0.3) ? whole(random, 4) : chance(random, 0.1) ? untolerated : 0;
  }
  for (let i = 0; i < columns.mask.length; i++) columns.mask[i] = columns.present[i]! & whole(random, 2 ** 32);
  for (let i = 0; i < columns.slots; i++) {
    columns.affinity[i] = whole(random, 300);
    columns.extra[i] = whole(random, 400);
  }
}

function randomQueries(columns: NodeColumns, random: () => number): { filter: FilterQuery; select: SelectQuery } {
  const amounts = [0, 1, 50, 2_000, 2 ** 30, 2 ** 41];
  const [cpu, memory] = [pick(random, amounts), pick(random, amounts)];
  const wants = Array.from({ length: whole(random, resources + 1) }, (_, resource) => ({
    resource,
    amount: whole(random, 3),
  }));
  return {
    filter: {
      masked: chance(random, 0.5),
      start: whole(random, columns.slots),
      limit: 1 + whole(random, columns.slots),
      cpu: chance(random, 0.7) ? Math.min(cpu, 50) : cpu,
      memory: chance(random, 0.7) ? Math.min(memory, 50) : memory,
      wants,
    },
    select: {
      cpu,
      memory,
      leastCpu: cpu || 100,
      leastMemory: memory || 200 * 2 ** 20,
      balanced: chance(random, 0.7),
      tainted: chance(random, 0.5),
      affinity: chance(random, 0.5),
      extra: chance(random, 0.5),
      seed: 1 + whole(random, 2 ** 32 - 1),
    },
  };
}

/** The same bytes in both. */
function copyColumns(from: NodeColumns, to: NodeColumns): void {
  for (const name of Object.keys(from) as (keyof NodeColumns)[]) {
    const [source, target] = [from[name], to[name]];
    if (typeof source !== 'number') (target as Uint8Array).set(source as Uint8Array);
  }
}

test(`the module finds and chooses what the reference does, in ${cases} random cases`, () => {
  const random = randomFrom(20_261_123);
  let chosen = 0;
  for (let done = 0; done < cases; done += casesPerCluster) {
    const size = { slots: 64 * (1 + whole(random, 3)), resources };
    const [ours, oracle] = [createWasmScoring(size), createReferenceScoring(size)];
    fillNodes(oracle.columns, random);
    for (let i = 0; i < casesPerCluster; i++) {
      fillPod(oracle.columns, random);
      copyColumns(oracle.columns, ours.columns);
      chosen += compare(ours, oracle, randomQueries(oracle.columns, random));
    }
  }
  assert.ok(chosen > cases / 2, `only ${chosen} cases had a node to choose`);
});

function compare(ours: Scoring, oracle: Scoring, queries: { filter: FilterQuery; select: SelectQuery }): number {
  const { filter, select } = queries;
  const [found, expected] = [ours.filter(filter), oracle.filter(filter)];
  const context = (): string => JSON.stringify(queries);
  if (found.found !== expected.found || found.examined !== expected.examined)
    assert.deepEqual(found, expected, context());
  for (let i = 0; i < found.found; i++) {
    if (ours.columns.feasible[i] !== oracle.columns.feasible[i]) assert.fail(`slot ${i} differs: ${context()}`);
  }
  if (found.found === 0) return 0;
  assert.equal(ours.select(found.found, select), oracle.select(found.found, select), context());
  return 1;
}

function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
