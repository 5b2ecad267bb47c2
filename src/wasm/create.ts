import type { Codec } from '../schema/index.ts';
import type { LinearMemory } from './arena-memory.ts';
import { IsolatedCodec, type IsolatedCodecOptions } from './codec.ts';
import { RecordCodec } from './record-codec.ts';

export interface WasmCodecOptions extends IsolatedCodecOptions {
  /** The memory that holds the cache's records. */
  memory?: LinearMemory;
  /** Decodes what comes from elsewhere, and what is too large for the memory's ring. Default: one of its own. */
  isolated?: Codec;
}

/**
 * Without `memory`: the codec for bytes from anywhere. With it: also transcodes records that lie in that memory, whose
 * part from `heapBase` on stays free for them. Needs `npm run build:asm`.
 */
export function createWasmCodec(options: WasmCodecOptions & { memory: LinearMemory }): RecordCodec;
export function createWasmCodec(options?: WasmCodecOptions): Codec;
export function createWasmCodec({ memory, isolated, ...limits }: WasmCodecOptions = {}): Codec {
  const anywhere = isolated ?? new IsolatedCodec(limits);
  return memory ? new RecordCodec(memory, anywhere) : anywhere;
}
