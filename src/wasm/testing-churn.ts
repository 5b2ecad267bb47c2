/** Random puts and deletes on an arena, with compaction slices as the store gives them. For a test and a bench. */
import type { Arena } from './arena.ts';

export interface ChurnResult {
  /** Least share of the used memory that was live, once the arena had been filled. */
  leastLiveShare: number;
  /** Longest single step, milliseconds: adds that had to compact first included. */
  longestStepMs: number;
  compactedSlices: number;
  records: number;
}

const smallestBytes = 200;
const largestBytes = 1_500_000;
/** One in this many records may be of any size; the others are no larger than `commonBytes`. */
const rareEvery = 200;
const commonBytes = 8_000;
const holeShare = 0.1;
const sliceBytes = 512 << 10;
const operationsPerTurn = 16;

/** Runs `operations` puts and deletes. The arena is between 45 and 85 % full; its records are checked at the end. */
export function churn(arena: Arena, operations: number, seed: number): ChurnResult {
  const random = randomFrom(seed);
  const source = new Uint8Array(largestBytes);
  for (let i = 0; i < source.length; i++) source[i] = random() * 256;
  const live: number[] = [];
  const result: ChurnResult = { leastLiveShare: 1, longestStepMs: 0, compactedSlices: 0, records: 0 };
  let isFilled = false;
  for (let n = 0; n < operations; n++) {
    const beginMs = performance.now();
    // Waves: the memory fills up, is thinned out at random, fills up with other sizes.
    const wantedBytes = arena.capacityBytes * (0.65 + 0.2 * Math.sin(n / 30_000));
    isFilled ||= arena.liveBytes > arena.capacityBytes / 2;
    if (live.length === 0 || random() < (arena.liveBytes < wantedBytes ? 0.7 : 0.3)) {
      const length = sizeOf(random);
      const at = Math.floor(random() * (largestBytes - length));
      const handle = arena.add({ type: 1, schemaGeneration: 1, revision: n }, source.subarray(at, at + length));
      if (handle === undefined) throw new Error(`no room for ${length} bytes at ${arena.liveBytes} live`);
      live.push(handle);
    } else {
      const at = Math.floor(random() * live.length);
      arena.release(live[at]!);
      live[at] = live.at(-1)!;
      live.pop();
    }
    if (n % operationsPerTurn === 0 && arena.isFragmented(holeShare)) {
      arena.compact(sliceBytes);
      result.compactedSlices++;
    }
    result.longestStepMs = Math.max(result.longestStepMs, performance.now() - beginMs);
    if (isFilled) result.leastLiveShare = Math.min(result.leastLiveShare, arena.liveBytes / arena.usedBytes);
  }
  arena.scrub();
  result.records = live.length;
  return result;
}

function sizeOf(random: () => number): number {
  const largest = random() * rareEvery < 1 ? largestBytes : commonBytes;
  return Math.floor(smallestBytes * (largest / smallestBytes) ** random());
}

function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
