import { equal } from '../shared/bytes';

// What one call works on. A call sets these before it starts; nothing here outlives it but the table's address.

export const enum Problem {
  none = 0,
  syntax = 1,
  type = 2,
  depth = 3,
  size = 4,
  utf8 = 5,
  unknownField = 6,
  duplicateField = 7,
  wire = 8,
  truncated = 9,
}

/** Base of the schema table (see src/wasm/table.ts for its layout). */
export let table: usize = 0;

/** Bounds of the input. No read of input bytes leaves them. */
export let inputStart: usize = 0;
export let inputEnd: usize = 0;

/** Nodes grow upward from `arenaStart`; field slots of open objects grow downward from `arenaEnd`. */
export let arenaTop: usize = 0;
export let slotTop: usize = 0;

export let applyDefaults: bool = false;

/** First failure of the call. */
export let failure: i32 = Problem.none;
export let failureAt: usize = 0;

export function setTable(at: usize): void {
  table = at;
}

export function begin(input: usize, length: u32, arena: usize, arenaLimit: usize): void {
  inputStart = input;
  inputEnd = input + length;
  arenaTop = (arena + 7) & ~7;
  slotTop = arenaLimit & ~7;
  failure = Problem.none;
  failureAt = 0;
  depth = 0;
  messageDepth = 0;
  quiet = 0;
  problemCount = 0;
  problemBytes = 0;
  problemOverflow = false;
}

/** Moves the bounds of what the JSON grammar reads to a value within the input. */
export function withInput(end: usize): void {
  inputEnd = end;
}

export function useDefaults(on: bool): void {
  applyDefaults = on;
}

/** Records the failure and returns 0, the position that means "stop". */
export function fail(problem: i32, at: usize): usize {
  if (failure == Problem.none) {
    failure = problem;
    failureAt = at;
  }
  return 0;
}

/** Room for a node of `n` bytes, 8-aligned, or 0 when the arena is full. */
@inline
export function allocate(n: u32): usize {
  const at = arenaTop;
  const next = at + ((<usize>n + 7) & ~7);
  if (next > slotTop) return fail(Problem.size, 0);
  arenaTop = next;
  return at;
}

export function setArenaTop(to: usize): void {
  arenaTop = to;
}

/** Room for the slots of an object that is being read, or 0. Give it back with `popRoom`. */
@inline
export function pushRoom(n: u32): usize {
  const size = (<usize>n + 7) & ~7;
  if (slotTop - arenaTop < size) return fail(Problem.size, 0);
  slotTop -= size;
  return slotTop;
}

@inline
export function popRoom(n: u32): void {
  slotTop += (<usize>n + 7) & ~7;
}

// --- the path to what is being read ---------------------------------------------------------------------------------

/** Messages within messages that are followed; deeper input is refused. Raw values are skipped without recursion. */
const messageDepthLimit: u32 = 500;
let messageDepth: u32 = 0;

@inline
export function enterMessage(): bool {
  return ++messageDepth <= messageDepthLimit;
}

@inline
export function leaveMessage(): void {
  messageDepth--;
}

/** Each message adds a field to the path, and at most one index or key. */
const pathBase: usize = memory.data(8 * 1008, 8);
export let depth: u32 = 0;

/** Enters a field or map key: its name. Pair with `leave`. */
@inline
export function enter(name: usize, length: u32): void {
  store<u32>(pathBase + depth * 8, <u32>name);
  store<u32>(pathBase + depth * 8, length, 4);
  depth++;
}

/** Enters element `index` of a list. */
@inline
export function enterIndex(index: u32): void {
  store<u32>(pathBase + depth * 8, index);
  store<u32>(pathBase + depth * 8, 0xffffffff, 4);
  depth++;
}

@inline
export function setIndex(index: u32): void {
  store<u32>(pathBase + (depth - 1) * 8, index);
}

@inline
export function leave(): void {
  depth--;
}

/** Records (type, length of the path, position in the input, path), more than are reported: the host sorts them. */
const problemLimit: u32 = 1000;
const problemRegion: usize = memory.data(65536, 8);
const problemRegionSize: u32 = 65536;
export let problemCount: u32 = 0;
let problemBytes: u32 = 0;
let problemOverflow: bool = false;

/** Above 0 where upstream reads leniently: within the unions of JSON Schema. */
let quiet: u32 = 0;

export function beQuiet(): void {
  quiet++;
}

export function speakAgain(): void {
  quiet--;
}

/** Notes an unknown or duplicate field below the current path. Repeats are noted once. */
export function note(problem: i32, name: usize, length: u32, position: usize): void {
  if (quiet || problemCount >= problemLimit || problemOverflow) return;
  const at = problemRegion + problemBytes;
  if (problemBytes + 12 > problemRegionSize) return;
  const size = writePath(at + 12, problemRegion + problemRegionSize, name, length);
  if (size == 0xffffffff) {
    problemOverflow = true;
    return;
  }
  store<u32>(at, problem);
  store<u32>(at, size, 4);
  store<u32>(at, <u32>(position - inputStart), 8);
  if (seenBefore(at, size)) return;
  problemBytes += (12 + size + 7) & ~7;
  problemCount++;
}

function seenBefore(at: usize, size: u32): bool {
  let p = problemRegion;
  while (p < at) {
    const n = load<u32>(p, 4);
    if (load<u32>(p) == load<u32>(at) && n == size && equal(p + 12, at + 12, size)) return true;
    p += (12 + n + 7) & ~7;
  }
  return false;
}

/** Writes `a.b[3].name` (`a.b[3]` when `name` is 0); 0xffffffff when it does not fit below `limit`. */
export function writePath(to: usize, limit: usize, name: usize, length: u32): u32 {
  let p = to;
  for (let i: u32 = 0; i < depth; i++) {
    const first = load<u32>(pathBase + i * 8);
    const n = load<u32>(pathBase + i * 8, 4);
    if (p + (n == 0xffffffff ? 12 : n + 1) > limit) return 0xffffffff;
    if (n == 0xffffffff) {
      store<u8>(p++, 0x5b);
      p += writeDigits(p, first);
      store<u8>(p++, 0x5d);
    } else {
      if (p != to) store<u8>(p++, 0x2e);
      memory.copy(p, first, n);
      p += n;
    }
  }
  if (name) {
    if (p + length + 1 > limit) return 0xffffffff;
    if (p != to) store<u8>(p++, 0x2e);
    memory.copy(p, name, length);
    p += length;
  }
  return <u32>(p - to);
}

function writeDigits(to: usize, value: u32): u32 {
  let n: u32 = 1;
  for (let v = value / 10; v; v /= 10) n++;
  for (let i = n; i > 0; i--) {
    store<u8>(to + i - 1, 0x30 + (value % 10));
    value /= 10;
  }
  return n;
}

export function problemsAt(): usize {
  return problemRegion;
}
