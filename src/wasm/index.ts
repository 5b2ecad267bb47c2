export { Arena, type ArenaOptions, type RecordHeader, StaleHandleError } from './arena.ts';
export { type LinearMemory, pageBytes, reserveMemory } from './arena-memory.ts';
export type { IsolatedCodecOptions } from './codec.ts';
export { createWasmCodec, type WasmCodecOptions } from './create.ts';
export { type PeekedMetadata, RecordCodec } from './record-codec.ts';
export {
  type FilterQuery,
  maxSlots,
  type NodeColumns,
  type Scoring,
  type ScoringFactory,
  type ScoringSize,
  type SelectQuery,
  untolerated,
  type Want,
} from './scoring-columns.ts';
export { createReferenceScoring } from './scoring-reference.ts';
export { createWasmScoring } from './scoring-wasm.ts';
