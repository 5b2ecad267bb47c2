export { Arena, type ArenaOptions, type RecordHeader, StaleHandleError } from './arena.ts';
export { type LinearMemory, pageBytes, reserveMemory } from './arena-memory.ts';
export type { IsolatedCodecOptions } from './codec.ts';
export { createWasmCodec, type WasmCodecOptions } from './create.ts';
export { type PeekedMetadata, RecordCodec } from './record-codec.ts';
