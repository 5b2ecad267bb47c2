/** What the scheduler knows of nodes, as columns in linear memory, and the loops over them. */

export interface ScoringSize {
  /** Nodes that there is room for; rounded up to a multiple of 64. At most `maxSlots`. */
  slots: number;
  /** Resources other than cpu and memory. */
  resources: number;
}

/** Taint sets are numbered in 16 bits; there may be one more than there are nodes. */
export const maxSlots = (1 << 16) - 64;

/**
 * One value a slot unless said otherwise; a slot is a node's place in every column. Whoever owns the nodes writes them;
 * `Scoring` reads them.
 */
export interface NodeColumns {
  readonly slots: number;
  readonly resources: number;
  /** cpu (thousandths) and memory (bytes) of each slot, side by side. */
  readonly allocatable: Float64Array;
  readonly requested: Float64Array;
  /** As `requested`, where containers that ask for nothing count with a default. */
  readonly nonZeroRequested: Float64Array;
  /** One column a resource, one behind the other. */
  readonly otherAllocatable: Float64Array;
  readonly otherRequested: Float64Array;
  /** Number of the node's set of taints. */
  readonly taintSet: Uint16Array;
  /** A bit a slot: which ones hold a node. */
  readonly present: Uint32Array;

  // What belongs to one pod:

  /** By number of the taint set: `untolerated`, or how many taints of effect PreferNoSchedule are not tolerated. */
  readonly verdicts: Uint8Array;
  /** A bit a slot: which ones are to be looked at, where `present` is not the answer. */
  readonly mask: Uint32Array;
  /** Weights of the preferred node affinity terms that match. */
  readonly affinity: Int32Array;
  /** Weighted scores of everything that is not computed here. */
  readonly extra: Int32Array;
  /** Slots found by `filter`. */
  readonly feasible: Uint32Array;
}

export const untolerated = 0x80;

/** An amount of one of the other resources that a pod asks for. */
export interface Want {
  resource: number;
  amount: number;
}

export interface FilterQuery {
  /** Look at `mask` instead of `present`. */
  masked: boolean;
  start: number;
  /** Slots that are enough. */
  limit: number;
  /** 0 asks for nothing. */
  cpu: number;
  memory: number;
  /** At most as many as there are other resources. */
  wants: readonly Want[];
}

export interface SelectQuery {
  cpu: number;
  memory: number;
  /** With defaults for containers that ask for nothing. */
  leastCpu: number;
  leastMemory: number;
  /** Whether NodeResourcesBalancedAllocation counts. */
  balanced: boolean;
  /** Whether some set of taints has a verdict other than 0 and `untolerated`. */
  tainted: boolean;
  /** Whether `affinity` counts. */
  affinity: boolean;
  /** Whether `extra` counts. */
  extra: boolean;
  /** Of the random choice among equals; not 0. */
  seed: number;
}

/** Fits and scores by cpu, memory, other resources and taints. Two implementations: in WebAssembly, and the oracle. */
export interface Scoring {
  readonly columns: NodeColumns;
  /** Lists the slots where the pod fits in `columns.feasible`. */
  filter(query: FilterQuery): { found: number; examined: number };
  /** The best of the first `found` slots of `columns.feasible`; at least one. */
  select(found: number, query: SelectQuery): number;
}

/** Makes a Scoring; what it holds is lost when a larger one is made in its place. */
export type ScoringFactory = (size: ScoringSize) => Scoring;

/** Where the columns lie, in bytes, behind `base`. */
export interface ColumnLayout {
  offsets: Readonly<Record<ColumnName, number>>;
  end: number;
}

type ColumnName = Exclude<keyof NodeColumns, 'slots' | 'resources'> | 'wants' | 'layout';

const alignment = 64;

export function layOut({ slots, resources }: ScoringSize, base: number): ColumnLayout {
  let end = base;
  const take = (bytes: number): number => {
    const at = Math.ceil(end / alignment) * alignment;
    end = at + bytes;
    return at;
  };
  const offsets = {
    layout: take(64),
    wants: take(16 * resources),
    allocatable: take(16 * slots),
    requested: take(16 * slots),
    nonZeroRequested: take(16 * slots),
    taintSet: take(2 * slots),
    verdicts: take(slots + 1),
    present: take(slots / 8),
    mask: take(slots / 8),
    feasible: take(4 * slots),
    affinity: take(4 * slots),
    extra: take(4 * slots),
    otherAllocatable: take(8 * slots * resources),
    otherRequested: take(8 * slots * resources),
  };
  return { offsets, end };
}

export function roundedSize({ slots, resources }: ScoringSize): ScoringSize {
  if (slots > maxSlots) throw new Error(`there is room for ${maxSlots} nodes, not for ${slots}`);
  return { slots: Math.max(64, Math.ceil(slots / 64) * 64), resources };
}

export function columnsIn(buffer: ArrayBuffer, { slots, resources }: ScoringSize, layout: ColumnLayout): NodeColumns {
  const { offsets } = layout;
  const f64 = (at: number, length: number) => new Float64Array(buffer, at, length);
  return {
    slots,
    resources,
    allocatable: f64(offsets.allocatable, 2 * slots),
    requested: f64(offsets.requested, 2 * slots),
    nonZeroRequested: f64(offsets.nonZeroRequested, 2 * slots),
    otherAllocatable: f64(offsets.otherAllocatable, slots * resources),
    otherRequested: f64(offsets.otherRequested, slots * resources),
    taintSet: new Uint16Array(buffer, offsets.taintSet, slots),
    verdicts: new Uint8Array(buffer, offsets.verdicts, slots + 1),
    present: new Uint32Array(buffer, offsets.present, slots / 32),
    mask: new Uint32Array(buffer, offsets.mask, slots / 32),
    feasible: new Uint32Array(buffer, offsets.feasible, slots),
    affinity: new Int32Array(buffer, offsets.affinity, slots),
    extra: new Int32Array(buffer, offsets.extra, slots),
  };
}
