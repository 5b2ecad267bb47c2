// Protobuf from a client → nodes (see parse.ts), from which the writer makes storage bytes: unknown tags dropped,
// parts joined, maps sorted, numbers cut to their types.
import { firstInvalid } from '../shared/utf8';
import { entriesLinked, entryLength, entryNumber, entryValue, linkEntries, readEntry } from './entry';
import { fileMessage, firstTag, frameSizeOf, lastEnd, slotAt, slotLength, slotNumber, slotStart } from './file';
import { listLink, mapSorted } from './mapsort';
import * as named from './named';
import { givesWay, ref, setRef } from './parse';
import { leafRaw } from './raw';
import { leaf } from './scalars';
import { allocate, enterMessage, fail, leaveMessage, popRoom, Problem } from './state';
import { fieldAt, Kind, kindOf, maskWords, messageOf, Shape, shapeOf } from './table';
import { number, readLength, readNumber, readTag, skipField, tag, wireOf } from './wire';

/** The node of the message in `[p, end)` in `ref`. */
export function nodeOfMessage(p: usize, end: usize, message: usize): bool {
  if (!enterMessage()) return fail(Problem.depth, p) != 0;
  const frame = fileMessage(p, end, message);
  if (!frame) return false;
  const words = maskWords(message);
  let count: u32 = 0;
  for (let w: u32 = 0; w < words; w++) count += <u32>popcnt(load<u64>(frame + w * 8));
  const node = allocate(words * 8 + count * 4);
  if (!node) return false;
  let to = node + words * 8;
  for (let w: u32 = 0; w < words; w++) {
    let mask = load<u64>(frame + w * 8);
    let kept = mask;
    while (mask) {
      const bit = mask & (0 - mask);
      const index = w * 64 + <u32>ctz(mask);
      const field = fieldAt(message, index);
      mask ^= bit;
      if (!nodeOfField(slotAt(frame, message, index), field)) return false;
      if (givesWay(field)) {
        kept ^= bit;
      } else {
        store<u32>(to, ref);
        to += 4;
      }
    }
    store<u64>(node + w * 8, kept);
  }
  popRoom(frameSizeOf(message));
  leaveMessage();
  setRef(<u32>node);
  return true;
}

function nodeOfField(slot: usize, field: usize): bool {
  const kind = kindOf(field);
  const message = messageOf(field);
  switch (shapeOf(field)) {
    case Shape.single:
      return nodeOfValue(kind, message, slotNumber(slot), slotStart(slot), slotLength(slot));
    case Shape.list:
      return nodeOfList(firstTag(slot), lastEnd(slot), 0, kind, message);
    case Shape.wrappedList:
      return nodeOfList(slotStart(slot), slotStart(slot) + slotLength(slot), 1, kind, message);
    default:
      return nodeOfMap(firstTag(slot), lastEnd(slot), kind, message, shapeOf(field) != Shape.map);
  }
}

/** Links of the occurrences of field `wanted` (0: of the field at `p`). */
function nodeOfList(p: usize, end: usize, wanted: u64, kind: u32, message: usize): bool {
  const natural = wireOf(kind);
  let last: u32 = 0;
  while (p < end) {
    const tagAt = p;
    p = readTag(p, end);
    if (!p) return false;
    const wire = <u32>tag & 7;
    if (!wanted) wanted = tag >> 3;
    if (tag >> 3 != wanted) {
      p = skipField(p, end, wire);
    } else if (wire == 2) {
      p = readLength(p, end);
      if (!p) return false;
      const next = p + <usize>number;
      if (natural == 2) {
        if (!nodeOfValue(kind, message, 0, p, <u32>(next - p))) return false;
        last = push(last);
      } else {
        while (p && p < next) {
          p = nodeOfNumber(p, next, kind);
          if (p) last = push(last);
        }
        if (!p) return false;
      }
      if (!last && natural == 2) return false;
      p = next;
    } else if (wire == natural) {
      p = nodeOfNumber(p, end, kind);
      if (p) last = push(last);
    } else {
      p = fail(Problem.wire, tagAt);
    }
    if (!p) return false;
  }
  setRef(last);
  return true;
}

/** One more link with the value that was read last. When the arena is full the call has failed already. */
function push(last: u32): u32 {
  const link = allocate(listLink);
  if (!link) return last;
  store<u32>(link, last);
  store<u32>(link, ref, 4);
  return <u32>link;
}

function nodeOfNumber(p: usize, end: usize, kind: u32): usize {
  p = readNumber(p, end, kind);
  return p && nodeOfValue(kind, 0, number, 0, 0) ? p : 0;
}

function nodeOfMap(p: usize, end: usize, kind: u32, message: usize, ofLists: bool): bool {
  const newest = linkEntries(p, end, kind, ofLists);
  if (!newest) return false;
  const count = entriesLinked();
  for (let link = newest; link; link = load<u32>(link)) {
    const span = load<u32>(link, 4);
    const from = load<u32>(span);
    if (!readEntry(from, from + load<u32>(span, 4), kind, ofLists)) return false;
    if (ofLists) {
      if (!nodeOfList(entryValue, entryValue + entryLength, 1, kind, message)) return false;
    } else if (kind == Kind.bytes && !entryValue) {
      setRef(0);
    } else if (!nodeOfValue(kind, message, entryNumber, entryValue, entryLength)) {
      return false;
    }
    store<u32>(link, ref, 4);
  }
  setRef(mapSorted(newest, count));
  return true;
}

/** The node of one value in `ref`: of a number `value`, of anything else what is at `start`. */
function nodeOfValue(kind: u32, message: usize, value: u64, start: usize, length: u32): bool {
  switch (kind) {
    case Kind.string: {
      const bad = firstInvalid(start, start + length);
      if (bad) return fail(Problem.utf8, bad) != 0;
      return setLeaf(start, length);
    }
    case Kind.bytes:
      return setLeaf(start, length);
    case Kind.message:
    case Kind.schemaOrArray:
    case Kind.schemaOrBool:
    case Kind.schemaOrStringArray:
      return kind == Kind.message ? nodeOfMessage(start, start + length, message) : nodeOfUnion(start, start + length, message);
    case Kind.bool:
      setRef(value != 0);
      return true;
    case Kind.int32:
    case Kind.uint32:
      setRef(<u32>value);
      return true;
    case Kind.int64:
    case Kind.uint64:
    case Kind.double:
      return setNumber(value);
    default:
      return nodeOfNamed(kind, start, start + length);
  }
}

/** A union of JSON Schema does not count as a message within messages. */
function nodeOfUnion(start: usize, end: usize, union: usize): bool {
  leaveMessage();
  if (!nodeOfMessage(start, end, union)) return false;
  enterMessage();
  return true;
}

function setLeaf(start: usize, length: u32): bool {
  const node = leaf(start, length);
  setRef(node);
  return node != 0;
}

function setNumber(value: u64): bool {
  const node = allocate(8);
  if (!node) return false;
  store<u64>(node, value);
  setRef(<u32>node);
  return true;
}

function nodeOfNamed(kind: u32, p: usize, end: usize): bool {
  switch (kind) {
    case Kind.quantity:
      return named.readQuantity(p, end) && setLeaf(named.text, named.textLength);
    case Kind.time:
    case Kind.microTime: {
      if (!named.readTime(p, end, kind == Kind.microTime)) return false;
      if (named.isZeroTime) {
        setRef(0);
        return true;
      }
      const node = allocate(16);
      if (!node) return false;
      store<i64>(node, named.seconds);
      store<u32>(node, named.nanos, 8);
      setRef(<u32>node);
      return true;
    }
    case Kind.duration:
      return named.readDuration(p, end) && setNumber(named.duration);
    case Kind.intOrString: {
      if (!named.readIntOrString(p, end)) return false;
      const node = allocate(16);
      if (!node) return false;
      store<u32>(node, named.isText);
      store<i32>(node, named.isText ? 0 : named.integer, 4);
      store<u32>(node, <u32>named.text, 8);
      store<u32>(node, named.isText ? named.textLength : 0, 12);
      setRef(<u32>node);
      return true;
    }
    default:
      if (!named.readRaw(p, end, false)) return false;
      setRef(named.textLength ? leafRaw(named.text, named.text + named.textLength) : 0);
      return true;
  }
}
