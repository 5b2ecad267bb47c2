import { readFileSync } from 'node:fs';
import { type Imports, instantiateSync } from '@assemblyscript/loader';
import { assetPath } from '../kernel/index.ts';
import { reserveMemory } from './arena-memory.ts';
import {
  type ColumnLayout,
  columnsIn,
  type FilterQuery,
  layOut,
  type NodeColumns,
  roundedSize,
  type Scoring,
  type ScoringSize,
  type SelectQuery,
} from './scoring-columns.ts';
import { compileModule, type LinearMemory, type WasmModule } from './webassembly.ts';

/** What asm/scoring/index.ts exports. */
interface ScoringExports extends Record<string, unknown> {
  dataEnd(): number;
  init(layout: number): void;
  examined(): number;
  filter(mask: number, start: number, limit: number, cpu: number, memory: number, wantCount: number): number;
  select(
    count: number,
    cpu: number,
    memory: number,
    leastCpu: number,
    leastMemory: number,
    balanced: number,
    tainted: number,
    affinities: number,
    extras: number,
    seed: number,
  ): number;
}

/** The module's own data end below this. */
const moduleBytes = 4_096;

let compiled: WasmModule | undefined;

/** Needs `npm run build:asm`. */
export function createWasmScoring(size: ScoringSize): Scoring {
  const rounded = roundedSize(size);
  const layout = layOut(rounded, moduleBytes);
  return new WasmScoring(rounded, layout, reserveMemory(layout.end));
}

class WasmScoring implements Scoring {
  readonly columns: NodeColumns;
  readonly #exports: ScoringExports;
  readonly #layout: ColumnLayout;
  readonly #wants: DataView;

  constructor(size: ScoringSize, layout: ColumnLayout, memory: LinearMemory) {
    compiled ??= compileModule(readFileSync(assetPath('build/scoring.wasm')));
    this.#exports = instantiateSync<ScoringExports>(
      compiled as never,
      { env: { memory } } as unknown as Imports,
    ).exports;
    if (this.#exports.dataEnd() > moduleBytes) throw new Error('the module overlaps the columns');
    this.#layout = layout;
    const { offsets } = layout;
    this.#wants = new DataView(memory.buffer, offsets.wants, 16 * size.resources);
    this.columns = columnsIn(memory.buffer, size, layout);
    new Uint32Array(memory.buffer, offsets.layout, 12).set([
      size.slots,
      offsets.allocatable,
      offsets.requested,
      offsets.nonZeroRequested,
      offsets.otherAllocatable,
      offsets.otherRequested,
      offsets.taintSet,
      offsets.verdicts,
      offsets.wants,
      offsets.feasible,
      offsets.affinity,
      offsets.extra,
    ]);
    this.#exports.init(offsets.layout);
  }

  filter({ masked, start, limit, cpu, memory, wants }: FilterQuery): { found: number; examined: number } {
    const { offsets } = this.#layout;
    for (const [i, { resource, amount }] of wants.entries()) {
      this.#wants.setFloat64(16 * i, amount, true);
      this.#wants.setUint32(16 * i + 8, resource, true);
    }
    const found = this.#exports.filter(
      masked ? offsets.mask : offsets.present,
      start,
      limit,
      cpu > 0 ? cpu : Number.NEGATIVE_INFINITY,
      memory > 0 ? memory : Number.NEGATIVE_INFINITY,
      wants.length,
    );
    return { found, examined: this.#exports.examined() };
  }

  select(found: number, query: SelectQuery): number {
    return this.#exports.select(
      found,
      query.cpu,
      query.memory,
      query.leastCpu,
      query.leastMemory,
      Number(query.balanced),
      Number(query.tainted),
      Number(query.affinity),
      Number(query.extra),
      query.seed,
    );
  }
}
