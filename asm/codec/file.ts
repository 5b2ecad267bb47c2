// One pass over a protobuf message that files its fields by their place in the table. What reads them (print.ts,
// normalize.ts) then goes through them in its own order.
//
// A frame is the presence mask, a word for the structs that nest on the wire only, and a slot for each field and for
// each such struct. A slot
// holds: of a number its value (u64); of text or a message its length and address; of a list or map its first tag and
// the end of the bytes in which more may follow. The fourth word says how often a single message occurred.
import { copy } from '../shared/bytes';
import { arenaTop, fail, failure, Problem, pushRoom, setArenaTop, slotTop } from './state';
import { at, containerCount, containerOf, containersAt, fieldAt, fieldCount, Kind, kindOf, maskWords, Shape, shapeOf } from './table';
import { nextField, number, readLength, readTag, readVarint, skipField, tag } from './wire';

const slotSize: u32 = 16;

export function frameSizeOf(message: usize): u32 {
  return maskWords(message) * 8 + 8 + (fieldCount(message) + containerCount(message)) * slotSize;
}

@inline
export function slotAt(frame: usize, message: usize, index: u32): usize {
  return frame + maskWords(message) * 8 + 8 + index * slotSize;
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

/** What the table says of a field number: index + 1, or a container; wire type; whether it is a list or map. */
const containerBit: u32 = 1 << 15;
const wireShift: u32 = 16;
const repeatedBit: u32 = 1 << 19;
const mergingBit: u32 = 1 << 20;

/** Files `[p, end)`; the frame (pop it with `popRoom(frameSizeOf(message))`), or 0 on failure. */
export function fileMessage(p: usize, end: usize, message: usize): usize {
  const frame = pushRoom(frameSizeOf(message));
  if (!frame) return 0;
  // masks of fields, then of containers; a slot counts only when its bit is set
  for (let w: u32 = 0; w <= maskWords(message); w++) store<u64>(frame + w * 8, 0);
  return fileStruct(p, end, message, 0, frame) ? frame : 0;
}

function fileStruct(p: usize, end: usize, message: usize, container: u32, frame: usize): bool {
  const entry = containersAt(message) + container * 8;
  const limit: u64 = load<u32>(entry);
  const byNumber = at(load<u32>(entry, 4));
  const slots = slotAt(frame, message, 0);
  let recurred = false;
  while (p < end) {
    const tagAt = p;
    let tagValue: u64 = load<u8>(p++);
    if (tagValue - 8 >= 0x78 || (tagValue & 7) == 4) {
      p = readTag(tagAt, end);
      if (!p) return false;
      tagValue = tag;
    }
    const wire = <u32>tagValue & 7;
    const known: u32 = tagValue >> 3 < limit ? load<u32>(byNumber + <usize>(tagValue >> 3) * 4) : 0;
    if (!known) {
      p = skipField(p, end, wire);
      if (!p) return false;
      continue;
    }
    const natural = (known >> wireShift) & 7;
    if (wire != natural && (wire != 2 || !(known & repeatedBit))) return fail(Problem.wire, tagAt) != 0;
    const isContainer = (known & containerBit) != 0;
    const index = isContainer ? known & 0x7fff : (known & 0x7fff) - 1;
    const mask = frame + (isContainer ? maskWords(message) : index >> 6) * 8;
    const bit = (<u64>1) << (index & 63);
    const before = load<u64>(mask);
    const seen = (before & bit) != 0;
    store<u64>(mask, before | bit);
    const slot = slots + (isContainer ? fieldCount(message) + index : index) * slotSize;
    if (known & repeatedBit) {
      p = skipField(p, end, wire);
      if (!seen) store<u32>(slot, <u32>tagAt);
      store<u32>(slot, <u32>p, 4);
    } else if (wire == 2) {
      p = readLength(p, end);
      if (!p) return false;
      const times: u32 = seen && (known & mergingBit) ? load<u32>(slot, 12) + 1 : 1;
      if (times == 1) store<u32>(slot, <u32>tagAt, 4);
      else recurred = true;
      store<u32>(slot, <u32>number);
      store<u32>(slot, <u32>p, 8);
      store<u32>(slot, times, 12);
      p += <usize>number;
    } else if (wire == 0) {
      p = readVarint(p, end);
      store<u64>(slot, number);
    } else {
      if (end - p < 8) return fail(Problem.truncated, p) != 0;
      store<u64>(slot, load<u64>(p));
      p += 8;
    }
    if (!p) return false;
  }
  if (recurred && !joinFields(end, message, container, frame)) return false;
  return containerCount(message) == 1 || fileContainers(end, message, container, frame);
}

/** The nested structs found in a struct, now that all their occurrences are known. */
function fileContainers(end: usize, message: usize, parent: u32, frame: usize): bool {
  const count = containerCount(message);
  const found = load<u64>(frame + maskWords(message) * 8);
  for (let c: u32 = parent + 1; c < count; c++) {
    if (parentOf(message, c) != parent || !((found >> c) & 1)) continue;
    const slot = slotAt(frame, message, fieldCount(message) + c);
    if (!joinOccurrences(slot, end)) return false;
    if (!fileStruct(slotStart(slot), slotStart(slot) + slotLength(slot), message, c, frame)) return false;
  }
  return true;
}

@inline
function parentOf(message: usize, container: u32): u32 {
  return load<u32>(containersAt(message) + containerCount(message) * 8 + container * 4);
}

/** Joins what the fields of one struct have in several parts. */
function joinFields(end: usize, message: usize, container: u32, frame: usize): bool {
  const count = fieldCount(message);
  for (let i: u32 = 0; i < count; i++) {
    const field = fieldAt(message, i);
    const shape = shapeOf(field);
    if (containerOf(field) != container || !((load<u64>(frame + (i >> 6) * 8) >> (i & 63)) & 1)) continue;
    if (shape != Shape.wrappedList && !(shape == Shape.single && kindOf(field) == Kind.message)) continue;
    if (!joinOccurrences(slotAt(frame, message, i), end)) return false;
  }
  return true;
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
  if (!readTag(p, end)) return false;
  const wanted = tag;
  while ((p = nextField(p, end, wanted))) {
    const next = p + <usize>number;
    if (o + (next - p) > slotTop) return fail(Problem.size, p) != 0;
    copy(o, p, next - p);
    o += next - p;
    if (!endsWhole(p, next)) return false;
    p = next;
  }
  if (failure != Problem.none) return false;
  setArenaTop((o + 7) & ~7);
  store<u32>(slot, <u32>(o - to));
  store<u32>(slot, <u32>to, 8);
  store<u32>(slot, 1, 12);
  return true;
}
