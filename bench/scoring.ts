/**
 * npm run bench:scoring: one scheduling decision (filter and choice) in WebAssembly beside the TypeScript reference, with
 * as many nodes looked at as the scheduler does: all of those it needs until enough are found.
 */
import { Bench } from 'tinybench';
import { createReferenceScoring, createWasmScoring, type Scoring, type ScoringFactory } from '../src/wasm/index.ts';

const gib = 2 ** 30;

const strategies: readonly (readonly [string, ScoringFactory])[] = [
  ['wasm', createWasmScoring],
  ['typescript', createReferenceScoring],
];

/** Nodes of 4 CPU and 32 GiB, each with a random load, a few of them full. */
function fill({ columns }: Scoring, nodes: number): void {
  let state = 1;
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  for (let slot = 0; slot < nodes; slot++) {
    columns.allocatable.set([4_000, 32 * gib], 2 * slot);
    const used = random() < 0.05 ? [4_000, 32 * gib] : [Math.floor(random() * 3_000), Math.floor(random() * 24 * gib)];
    columns.requested.set(used, 2 * slot);
    columns.nonZeroRequested.set(used, 2 * slot);
    columns.otherAllocatable[slot] = 110;
    columns.otherRequested[slot] = Math.floor(random() * 20);
    columns.present[slot >> 5]! |= 1 << (slot & 31);
  }
}

/** What upstream takes as enough. */
function enough(nodes: number): number {
  const percentage = Math.max(5, 50 - Math.floor(nodes / 125));
  return Math.max(100, Math.floor((nodes * percentage) / 100));
}

const bench = new Bench({ time: 1_000, warmupTime: 300 });
for (const nodes of [1, 100, 1_000, 5_000]) {
  for (const [name, create] of strategies) {
    const scoring = create({ slots: nodes, resources: 16 });
    fill(scoring, nodes);
    const limit = nodes < 100 ? nodes : enough(nodes);
    let start = 0;
    bench.add(`${name}, ${nodes} nodes`, () => {
      const wants = [{ resource: 0, amount: 1 }];
      const query = { masked: false, start, limit, cpu: 100, memory: 256 << 20, wants };
      const { found, examined } = scoring.filter(query);
      start = (start + examined) % nodes;
      const pod = { cpu: 100, memory: 256 << 20, leastCpu: 100, leastMemory: 256 << 20 };
      scoring.select(found, { ...pod, balanced: true, tainted: false, affinity: false, extra: false, seed: start + 1 });
    });
  }
}
await bench.run();
const microseconds = (name: string): number => {
  const result = bench.getTask(name)?.result;
  return result && 'latency' in result ? result.latency.p50 * 1_000 : Number.NaN;
};
console.table(
  [1, 100, 1_000, 5_000].map((nodes) => {
    const [ours, reference] = [microseconds(`wasm, ${nodes} nodes`), microseconds(`typescript, ${nodes} nodes`)];
    return {
      nodes,
      'wasm µs': ours.toFixed(2),
      'typescript µs': reference.toFixed(2),
      ratio: (reference / ours).toFixed(1),
    };
  }),
);
