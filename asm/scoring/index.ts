// The scheduler's inner loops over columns of nodes. src/wasm/scoring-wasm.ts owns the memory and lays the columns out;
// src/wasm/scoring-reference.ts says the same in TypeScript. Addresses are bytes; a slot is a node's place in each column.

/** Of the columns: see `ColumnLayout` in src/wasm/scoring-columns.ts. */
let slots: u32 = 0;
let allocatable: usize = 0;
let requested: usize = 0;
let nonZeroRequested: usize = 0;
let otherAllocatable: usize = 0;
let otherRequested: usize = 0;
let taintSets: usize = 0;
let verdicts: usize = 0;
let wants: usize = 0;
let feasible: usize = 0;
let affinity: usize = 0;
let extra: usize = 0;

/** Slots looked at by the last `filter`. */
let looked: u32 = 0;

/** First address behind the module's own data. */
export function dataEnd(): usize {
  return __heap_base;
}

/** `layout`: addresses as 32-bit words, in the order of the variables above, behind the number of slots. */
export function init(layout: usize): void {
  slots = load<u32>(layout);
  allocatable = load<u32>(layout, 4);
  requested = load<u32>(layout, 8);
  nonZeroRequested = load<u32>(layout, 12);
  otherAllocatable = load<u32>(layout, 16);
  otherRequested = load<u32>(layout, 20);
  taintSets = load<u32>(layout, 24);
  verdicts = load<u32>(layout, 28);
  wants = load<u32>(layout, 32);
  feasible = load<u32>(layout, 36);
  affinity = load<u32>(layout, 40);
  extra = load<u32>(layout, 44);
}

export function examined(): u32 {
  return looked;
}

/**
 * Finds up to `limit` slots of `mask` (a bit a slot) where the pod fits, from `start` on and around, and lists them in
 * `feasible`. `cpu` and `memory` below zero ask for nothing. Returns how many there are.
 */
export function filter(mask: usize, start: u32, limit: u32, cpu: f64, memory: f64, wantCount: u32): u32 {
  const wanted = f64x2.replace_lane(f64x2.splat(cpu), 1, memory);
  const words = slots >> 6;
  const first = start >> 6;
  const head: u64 = u64.MAX_VALUE << <u64>(start & 63);
  let found: u32 = 0;
  looked = 0;
  for (let step: u32 = 0; step <= words; step++) {
    let word = first + step;
    if (word >= words) word -= words;
    let bits = load<u64>(mask + (<usize>word << 3));
    if (step == 0) bits &= head;
    else if (step == words) bits &= ~head;
    while (bits) {
      const slot = (word << 6) + <u32>ctz(bits);
      bits &= bits - 1;
      looked++;
      if (!fits(slot, wanted, wantCount)) continue;
      store<u32>(feasible + (<usize>found << 2), slot);
      if (++found == limit) return found;
    }
  }
  return found;
}

// @ts-ignore: decorator
@inline
function fits(slot: u32, wanted: v128, wantCount: u32): bool {
  const set = <usize>load<u16>(taintSets + (<usize>slot << 1));
  if (load<u8>(verdicts + set) & 0x80) return false;
  const pair = <usize>slot << 4;
  const free = f64x2.sub(v128.load(allocatable + pair), v128.load(requested + pair));
  if (v128.any_true(f64x2.gt(wanted, free))) return false;
  for (let i: u32 = 0; i < wantCount; i++) {
    const want = wants + (<usize>i << 4);
    const at = ((<usize>load<u32>(want, 8) * slots) + slot) << 3;
    if (load<f64>(want) > load<f64>(otherAllocatable + at) - load<f64>(otherRequested + at)) return false;
  }
  return true;
}

/**
 * Scores the first `count` slots of `feasible` and returns the best. `cpu` and `memory` are the pod's requests,
 * `leastCpu` and `leastMemory` the same with defaults for what it does not ask for. `affinities`, `extras`: whether those
 * columns count. Of the best the one is taken that a random sequence from `seed` chooses.
 */
export function select(
  count: u32,
  cpu: f64,
  memory: f64,
  leastCpu: f64,
  leastMemory: f64,
  balanced: bool,
  tainted: bool,
  affinities: bool,
  extras: bool,
  seed: u32,
): u32 {
  const pod = f64x2.replace_lane(f64x2.splat(cpu), 1, memory);
  const podLeast = f64x2.replace_lane(f64x2.splat(leastCpu), 1, leastMemory);
  let mostTaints: i32 = 0;
  let mostAffinity: i32 = 0;
  if (tainted || affinities) {
    for (let i: u32 = 0; i < count; i++) {
      const slot = <usize>load<u32>(feasible + (<usize>i << 2));
      if (tainted) mostTaints = max(mostTaints, taintsOf(slot));
      if (affinities) mostAffinity = max(mostAffinity, load<i32>(affinity + (slot << 2)));
    }
  }
  let random = seed;
  let best: i32 = i32.MIN_VALUE;
  let ties: u32 = 0;
  let chosen: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const slot = <usize>load<u32>(feasible + (<usize>i << 2));
    const pair = slot << 4;
    const capacity = v128.load(allocatable + pair);
    let score = leastAllocated(capacity, f64x2.add(v128.load(nonZeroRequested + pair), podLeast));
    if (balanced) score += balance(capacity, v128.load(requested + pair), pod);
    if (mostTaints) score += 3 * (100 - (100 * taintsOf(slot)) / mostTaints);
    if (mostAffinity) score += 2 * ((100 * load<i32>(affinity + (slot << 2))) / mostAffinity);
    if (extras) score += load<i32>(extra + (slot << 2));
    if (score < best) continue;
    ties = score > best ? 1 : ties + 1;
    best = score;
    if (ties > 1) {
      random ^= random << 13;
      random ^= random >> 17;
      random ^= random << 5;
      if (random % ties) continue;
    }
    chosen = <u32>slot;
  }
  return chosen;
}

/** Taints of effect PreferNoSchedule that the pod does not tolerate. */
// @ts-ignore: decorator
@inline
function taintsOf(slot: usize): i32 {
  return load<u8>(verdicts + <usize>load<u16>(taintSets + (slot << 1))) & 0x7f;
}

/** The mean share of cpu and memory that stays free, of those that the node has; 0 to 100. */
// @ts-ignore: decorator
@inline
function leastAllocated(capacity: v128, used: v128): i32 {
  const share = f64x2.div(f64x2.mul(f64x2.sub(capacity, used), f64x2.splat(100)), capacity);
  // More than there is, or none at all (0 / 0), scores nothing.
  const whole = i32x4.trunc_sat_f64x2_s_zero(f64x2.max(share, f64x2.splat(0)));
  const sum = i32x4.extract_lane(whole, 0) + i32x4.extract_lane(whole, 1);
  const kinds = f64x2.extract_lane(capacity, 0) != 0 && f64x2.extract_lane(capacity, 1) != 0;
  return kinds ? sum >> 1 : sum;
}

/** How much nearer the shares of cpu and memory in use come to each other with the pod; 50 to 100. */
// @ts-ignore: decorator
@inline
function balance(capacity: v128, used: v128, pod: v128): i32 {
  const both = f64x2.extract_lane(capacity, 0) != 0 && f64x2.extract_lane(capacity, 1) != 0;
  if (!both) return 75;
  const one = f64x2.splat(1);
  const after = f64x2.min(f64x2.div(f64x2.add(used, pod), capacity), one);
  const before = f64x2.min(f64x2.div(used, capacity), one);
  return 50 + ((50 + evenness(after) - evenness(before)) >> 1);
}

// @ts-ignore: decorator
@inline
function evenness(shares: v128): i32 {
  const deviation = Math.abs((f64x2.extract_lane(shares, 0) - f64x2.extract_lane(shares, 1)) / 2);
  return <i32>((1 - deviation) * 100);
}
