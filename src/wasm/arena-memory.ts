/** A WebAssembly.Memory, as far as the arena uses it. Never grown: every view of its buffer stays valid. */
export interface LinearMemory {
  readonly buffer: ArrayBuffer;
}

/** Bytes of one page of linear memory. */
export const pageBytes = 65_536;

type MemoryConstructor = new (descriptor: { initial: number; maximum: number }) => LinearMemory;

/** Reserves `bytes` (rounded up to pages) for good; pages become resident when they are first written. */
export function reserveMemory(bytes: number): LinearMemory {
  const { Memory } = (globalThis as unknown as { WebAssembly: { Memory: MemoryConstructor } }).WebAssembly;
  const pages = Math.ceil(bytes / pageBytes);
  return new Memory({ initial: pages, maximum: pages });
}
