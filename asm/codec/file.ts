// One pass over a protobuf message that files its fields by their place in the table. What reads them (print.ts,
// normalize.ts) then goes through them in its own order.
//
// A frame is the presence mask, a slot for each field, and a slot for each struct that nests on the wire only. A slot
// holds: of a number its value (u64); of text or a message its length and address; of a list or map its first tag and
// the end of the bytes in which more may follow. The fourth word says how often a single message occurred.
import { copy } from '../shared/bytes';
import { arenaTop, fail, Problem, pushSlots, setArenaTop, slotTop } from './state';
import { at, containerCount, containerOf, containersAt, fieldAt, fieldCount, Kind, kindOf, maskWords, Shape, shapeOf } from './table';
import { number, readLength, readTag, readVarint, skipField, tag, wireOf } from './wire';

const slotSize: u32 = 16;

export function frameSizeOf(message: usize): u32 {
  return maskWords(message) * 8 + (fieldCount(message) + containerCount(message)) * slotSize;
}

@inline
export function slotAt(frame: usize, message: usize, index: u32): usize {
  return frame + maskWords(message) * 8 + index * slotSize;
}

@inline
export function slotNumber(slot: usize): u64 {
  return load<u64>(slot);
}
@inline
export function slotLength(slot: usize): u32 {
  return load<u32>(slot);
}
@inline
export function slotStart(slot: usize): usize {
  return load<u32>(slot, 8);
}
@inline
export function firstTag(slot: usize): usize {
  return load<u32>(slot);
}
@inline
export function lastEnd(slot: usize): usize {
  return load<u32>(slot, 4);
}

/** Files `[p, end)`; the frame (pop it with `popSlots(frameSizeOf(message))`), or 0 on failure. */
export function fileMessage(p: usize, end: usize, message: usize): usize {
  const frame = pushSlots(frameSizeOf(message));
  if (!frame || !fileStruct(p, end, message, 0, frame)) return 0;
  return frame;
}

function fileStruct(p: usize, end: usize, message: usize, container: u32, frame: usize): bool {
  const entry = containersAt(message) + container * 8;
  const limit: u64 = load<u32>(entry);
  const byNumber = at(load<u32>(entry, 4));
  recurred = false;
  while (p < end) {
    const tagAt = p;
    p = readTag(p, end);
    if (!p) return false;
    const wire = <u32>tag & 7;
    const found: u32 = tag >> 3 < limit ? load<u16>(byNumber + <usize>(tag >> 3) * 2) : 0;
    if (!found) p = skipField(p, end, wire);
    else if (found & 0x8000) p = fileContainer(tagAt, p, end, message, found & 0x7fff, wire, frame);
    else p = fileField(tagAt, p, end, message, found - 1, wire, frame);
    if (!p) return false;
  }
  if (recurred && !joinFields(end, message, container, frame)) return false;
  return fileContainers(end, message, container, frame);
}

/** Joins what the fields of one struct have in several parts. */
function joinFields(end: usize, message: usize, container: u32, frame: usize): bool {
  const count = fieldCount(message);
  for (let i: u32 = 0; i < count; i++) {
    const field = fieldAt(message, i);
    const shape = shapeOf(field);
    if (containerOf(field) != container) continue;
    if (shape != Shape.wrappedList && !(shape == Shape.single && kindOf(field) == Kind.message)) continue;
    if (!joinOccurrences(slotAt(frame, message, i), end)) return false;
  }
  return true;
}

function fileContainer(tagAt: usize, p: usize, end: usize, message: usize, container: u32, wire: u32, frame: usize): usize {
  if (wire != 2) return fail(Problem.wire, tagAt);
  p = readLength(p, end);
  if (!p) return 0;
  fileSpan(slotAt(frame, message, fieldCount(message) + container), tagAt, p, <u32>number);
  return p + <usize>number;
}

/** Some single message occurred again in the struct that is being filed. */
let recurred: bool = false;

/** One more occurrence of a single message, its content at `p`. */
@inline
function fileSpan(slot: usize, tagAt: usize, p: usize, length: u32): void {
  const before = load<u32>(slot, 12);
  if (!before) store<u32>(slot, <u32>tagAt, 4);
  store<u32>(slot, length);
  store<u32>(slot, <u32>p, 8);
  store<u32>(slot, before + 1, 12);
  if (before) recurred = true;
}

/** The nested structs found in a struct, now that all their occurrences are known. */
function fileContainers(end: usize, message: usize, parent: u32, frame: usize): bool {
  const count = containerCount(message);
  for (let c: u32 = parent + 1; c < count; c++) {
    const slot = slotAt(frame, message, fieldCount(message) + c);
    if (parentOf(message, c) != parent || !load<u32>(slot, 12)) continue;
    if (!joinOccurrences(slot, end)) return false;
    if (!fileStruct(slotStart(slot), slotStart(slot) + slotLength(slot), message, c, frame)) return false;
  }
  return true;
}

@inline
function parentOf(message: usize, container: u32): u32 {
  return load<u32>(containersAt(message) + containerCount(message) * 8 + container * 4);
}

function fileField(tagAt: usize, p: usize, end: usize, message: usize, index: u32, wire: u32, frame: usize): usize {
  const field = fieldAt(message, index);
  const kind = kindOf(field);
  const shape = shapeOf(field);
  const slot = slotAt(frame, message, index);
  const present = frame + (index >> 6) * 8;
  const bit = (<u64>1) << (index & 63);
  const natural: u32 = shape == Shape.single || shape == Shape.list ? wireOf(kind) : 2;
  if (wire != natural && !(wire == 2 && shape == Shape.list && natural == 0)) return fail(Problem.wire, tagAt);
  const seen = (load<u64>(present) & bit) != 0;
  store<u64>(present, load<u64>(present) | bit);
  if (shape != Shape.single && shape != Shape.wrappedList) {
    const next = skipField(p, end, wire);
    if (!seen) store<u32>(slot, <u32>tagAt);
    store<u32>(slot, <u32>next, 4);
    return next;
  }
  if (wire == 0) {
    p = readVarint(p, end);
    if (p) store<u64>(slot, number);
    return p;
  }
  if (wire == 1) {
    if (end - p < 8) return fail(Problem.truncated, p);
    store<u64>(slot, load<u64>(p));
    return p + 8;
  }
  p = readLength(p, end);
  if (!p) return 0;
  // of the scalars that are messages on the wire, the last occurrence counts
  if (kind != Kind.message && shape == Shape.single) store<u32>(slot, 0, 12);
  fileSpan(slot, tagAt, p, <u32>number);
  return p + <usize>number;
}

/** Whether the fields in `[p, end)` end where it ends: half a field must not be made whole by what is joined to it. */
function endsWhole(p: usize, end: usize): bool {
  while (p < end) {
    p = readTag(p, end);
    if (p) p = skipField(p, end, <u32>tag & 7);
    if (!p) return false;
  }
  return true;
}

/**
 * A message that occurs more than once counts as the sum of its parts: protobuf merges them, which is the same as
 * reading them one after the other. Makes the slot cover all occurrences below `end`.
 */
function joinOccurrences(slot: usize, end: usize): bool {
  if (load<u32>(slot, 12) < 2) return true;
  let p: usize = load<u32>(slot, 4);
  const to = arenaTop;
  let o = to;
  let wanted: u64 = 0;
  while (p < end) {
    p = readTag(p, end);
    if (!p) return false;
    if (!wanted) wanted = tag;
    if (tag != wanted) {
      p = skipField(p, end, <u32>tag & 7);
      if (!p) return false;
      continue;
    }
    p = readLength(p, end);
    if (!p) return false;
    const next = p + <usize>number;
    if (o + (next - p) > slotTop) return fail(Problem.size, p) != 0;
    copy(o, p, next - p);
    o += next - p;
    if (!endsWhole(p, next)) return false;
    p = next;
  }
  setArenaTop((o + 7) & ~7);
  store<u32>(slot, <u32>(o - to));
  store<u32>(slot, <u32>to, 8);
  store<u32>(slot, 1, 12);
  return true;
}
