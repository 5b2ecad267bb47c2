/** The loops of asm/scoring in TypeScript: the oracle that the module is held to. */
import {
  columnsIn,
  type FilterQuery,
  layOut,
  type NodeColumns,
  roundedSize,
  type Scoring,
  type ScoringSize,
  type SelectQuery,
  untolerated,
} from './scoring-columns.ts';

const maxScore = 100;
const weights = { taints: 3, affinity: 2 };

export function createReferenceScoring(size: ScoringSize): Scoring {
  const rounded = roundedSize(size);
  const layout = layOut(rounded, 0);
  return new ReferenceScoring(columnsIn(new ArrayBuffer(layout.end), rounded, layout));
}

class ReferenceScoring implements Scoring {
  readonly columns: NodeColumns;

  constructor(columns: NodeColumns) {
    this.columns = columns;
  }

  filter(query: FilterQuery): { found: number; examined: number } {
    const { slots, feasible, mask, present } = this.columns;
    const wanted = query.masked ? mask : present;
    let found = 0;
    let examined = 0;
    for (let step = 0; step < slots && found < query.limit; step++) {
      const slot = (query.start + step) % slots;
      if (!((wanted[slot >> 5]! >>> (slot & 31)) & 1)) continue;
      examined++;
      if (this.#fits(slot, query)) feasible[found++] = slot;
    }
    return { found, examined };
  }

  #fits(slot: number, { cpu, memory, wants }: FilterQuery): boolean {
    const { allocatable, requested, otherAllocatable, otherRequested, taintSet, verdicts, slots } = this.columns;
    if (verdicts[taintSet[slot]!]! & untolerated) return false;
    if (cpu > 0 && cpu > allocatable[2 * slot]! - requested[2 * slot]!) return false;
    if (memory > 0 && memory > allocatable[2 * slot + 1]! - requested[2 * slot + 1]!) return false;
    return wants.every(({ resource, amount }) => {
      const at = resource * slots + slot;
      return amount <= otherAllocatable[at]! - otherRequested[at]!;
    });
  }

  select(found: number, query: SelectQuery): number {
    const { feasible, affinity, extra } = this.columns;
    let mostTaints = 0;
    let mostAffinity = 0;
    for (let i = 0; i < found; i++) {
      if (query.tainted) mostTaints = Math.max(mostTaints, this.#taints(feasible[i]!));
      if (query.affinity) mostAffinity = Math.max(mostAffinity, affinity[feasible[i]!]!);
    }
    let random = query.seed;
    let best = Number.NEGATIVE_INFINITY;
    let ties = 0;
    let chosen = 0;
    for (let i = 0; i < found; i++) {
      const slot = feasible[i]!;
      let score = this.#leastAllocated(slot, query);
      if (query.balanced) score += this.#balance(slot, query);
      if (mostTaints) score += weights.taints * (maxScore - Math.trunc((maxScore * this.#taints(slot)) / mostTaints));
      if (mostAffinity) score += weights.affinity * Math.trunc((maxScore * affinity[slot]!) / mostAffinity);
      if (query.extra) score += extra[slot]!;
      if (score < best) continue;
      ties = score > best ? 1 : ties + 1;
      best = score;
      if (ties > 1) {
        random = nextRandom(random);
        if (random % ties) continue;
      }
      chosen = slot;
    }
    return chosen;
  }

  #taints(slot: number): number {
    const { taintSet, verdicts } = this.columns;
    return verdicts[taintSet[slot]!]! & ~untolerated;
  }

  #leastAllocated(slot: number, query: SelectQuery): number {
    const { allocatable, nonZeroRequested } = this.columns;
    const pod = [query.leastCpu, query.leastMemory];
    let sum = 0;
    let kinds = 0;
    for (let lane = 0; lane < 2; lane++) {
      const capacity = allocatable[2 * slot + lane]!;
      if (capacity === 0) continue;
      const used = nonZeroRequested[2 * slot + lane]! + pod[lane]!;
      if (used <= capacity) sum += Math.floor(((capacity - used) * maxScore) / capacity);
      kinds++;
    }
    return kinds === 0 ? 0 : Math.floor(sum / kinds);
  }

  #balance(slot: number, { cpu, memory }: SelectQuery): number {
    const half = maxScore / 2;
    const difference = this.#evenness(slot, cpu, memory) - this.#evenness(slot, 0, 0);
    return half + Math.trunc((half + difference) / 2);
  }

  #evenness(slot: number, cpu: number, memory: number): number {
    const { allocatable, requested } = this.columns;
    const [cpus, bytes] = [allocatable[2 * slot]!, allocatable[2 * slot + 1]!];
    if (cpus === 0 || bytes === 0) return maxScore;
    const cpuShare = Math.min(1, (requested[2 * slot]! + cpu) / cpus);
    const memoryShare = Math.min(1, (requested[2 * slot + 1]! + memory) / bytes);
    return Math.trunc((1 - Math.abs((cpuShare - memoryShare) / 2)) * maxScore);
  }
}

/** Marsaglia's xorshift of 32 bits. */
function nextRandom(state: number): number {
  let next = state;
  next ^= next << 13;
  next ^= next >>> 17;
  next ^= next << 5;
  return next >>> 0;
}
