export { Arena, type ArenaOptions, type RecordHeader, StaleHandleError } from './arena.ts';
export { type LinearMemory, pageBytes, reserveMemory } from './arena-memory.ts';
