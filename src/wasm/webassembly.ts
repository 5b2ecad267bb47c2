/** The part of the WebAssembly API that this room uses: Node's types leave it to the browser's. */
import type { LinearMemory } from './arena-memory.ts';

export type WasmModule = object;

interface WebAssemblyApi {
  Module: new (bytes: Uint8Array) => WasmModule;
  RuntimeError: new () => Error;
}

const api = (globalThis as unknown as { WebAssembly: WebAssemblyApi }).WebAssembly;

export const compileModule = (bytes: Uint8Array): WasmModule => new api.Module(bytes);

/** Whether `error` means that the module broke off: a trap, or no stack left. */
export const isTrap = (error: unknown): boolean => error instanceof api.RuntimeError || error instanceof RangeError;

export type { LinearMemory };
