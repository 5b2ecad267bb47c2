// Protobuf → JSON, in the order of the Go struct. Every length, tag and wire type is checked, so bytes from anywhere
// may be read; `trusted` leaves out only the grammar of raw JSON, which was checked when it was stored.
import { compare } from '../shared/bytes';
import {
  entriesLinked,
  entryKey,
  entryKeyLength,
  entryLength,
  entryNumber,
  entryValue,
  linkEntries,
  readEntry,
} from './entry';
import { fileMessage, firstTag, frameSizeOf, lastEnd, slotAt, slotLength, slotNumber, slotStart } from './file';
import * as host from './host';
import { mapSorted } from './mapsort';
import * as named from './named';
import {
  closeOutput,
  position,
  put,
  putBase64,
  putBool,
  putBytes,
  putCompacted,
  putNull,
  putSigned,
  putString,
  putText,
  putUnsigned,
  replace,
  reserve,
  rewind,
  settle,
} from './out';
import { enterMessage, fail, failure, leaveMessage, popRoom, Problem } from './state';
import {
  absentJsonAt,
  absentJsonLength,
  Flag,
  fieldAt,
  flagsOf,
  Kind,
  keyAt,
  keyLength,
  kindOf,
  maskWords,
  messageOf,
  Shape,
  shapeOf,
  shownMask,
} from './table';
import { formatTime } from './time';
import { nextField, number, readLength, readNumber, readTag, skipField, tag, wireOf } from './wire';


let trusted: bool = false;

/** The message at `p` as JSON in the output region, with `lead` (kind and apiVersion) first. Length, or -1. */
export function printDocument(p: usize, end: usize, message: usize, lead: usize, leadLength: u32, trust: bool): i32 {
  trusted = trust;
  if (!printMessage(p, end, message, lead, leadLength)) return -1;
  const length = closeOutput();
  if (length < 0) fail(Problem.size, 0);
  return length;
}

function printMessage(p: usize, end: usize, message: usize, lead: usize = 0, leadLength: u32 = 0): bool {
  if (!enterMessage()) return fail(Problem.depth, p) != 0;
  const frame = fileMessage(p, end, message);
  if (!frame) return false;
  const begin = position();
  if (leadLength) putBytes(lead, leadLength);
  const words = maskWords(message);
  for (let w: u32 = 0; w < words; w++) {
    const present = load<u64>(frame + w * 8);
    let mask = present | load<u64>(shownMask(message) + w * 8);
    while (mask) {
      const bit = <u32>ctz(mask);
      const index = w * 64 + bit;
      const field = fieldAt(message, index);
      mask &= mask - 1;
      if (!((present >> bit) & 1)) {
        putText(absentJsonAt(field), absentJsonLength(field));
        continue;
      }
      const slot = slotAt(frame, message, index);
      if (isHidden(field, slot)) continue;
      putText(keyAt(field), keyLength(field));
      if (!printField(slot, field)) return false;
    }
  }
  if (position() == begin) put(0x7b);
  else replace(begin, 0x7b);
  put(0x7d);
  popRoom(frameSizeOf(message));
  leaveMessage();
  return true;
}

/** omitempty and omitzero. A list or map that is filed has something in it. */
@inline
function isHidden(field: usize, slot: usize): bool {
  const flags = flagsOf(field);
  if ((flags & (Flag.omitEmpty | Flag.pointer)) != Flag.omitEmpty) return false;
  const shape = shapeOf(field);
  if (shape == Shape.wrappedList) return slotLength(slot) == 0;
  return shape == Shape.single && isEmpty(kindOf(field), flags, slot);
}

function isEmpty(kind: u32, flags: u32, slot: usize): bool {
  switch (kind) {
    case Kind.string:
    case Kind.bytes:
      return slotLength(slot) == 0;
    case Kind.bool:
    case Kind.int64:
    case Kind.uint64:
      return slotNumber(slot) == 0;
    case Kind.int32:
    case Kind.uint32:
      return <u32>slotNumber(slot) == 0;
    case Kind.double:
      return slotNumber(slot) << 1 == 0;
    case Kind.time:
      return (flags & Flag.omitZero) != 0 && isZeroTime(slotStart(slot), slotLength(slot));
    default:
      return false;
  }
}

function isZeroTime(p: usize, length: u32): bool {
  return !length || (named.readTime(p, p + length, false) && named.isZeroTime);
}

function printField(slot: usize, field: usize): bool {
  const kind = kindOf(field);
  const message = messageOf(field);
  switch (shapeOf(field)) {
    case Shape.single:
      return printValue(kind, message, slotNumber(slot), slotStart(slot), slotLength(slot));
    case Shape.list:
      return printList(firstTag(slot), lastEnd(slot), kind, message);
    case Shape.wrappedList:
      return printWrapped(slotStart(slot), slotStart(slot) + slotLength(slot), kind, message);
    default:
      return printMap(firstTag(slot), lastEnd(slot), kind, message, shapeOf(field) != Shape.map);
  }
}

/** The list in a wrapper: field 1. */
function printWrapped(p: usize, end: usize, kind: u32, message: usize): bool {
  while (p < end) {
    const tagAt = p;
    p = readTag(p, end);
    if (!p) return false;
    if (tag >> 3 == 1) return printList(tagAt, end, kind, message);
    p = skipField(p, end, <u32>tag & 7);
    if (!p) return false;
  }
  put(0x5b);
  put(0x5d);
  return true;
}

/** Occurrences of the field whose first tag is at `p`. */
function printList(p: usize, end: usize, kind: u32, message: usize): bool {
  const begin = position();
  const natural = wireOf(kind);
  let wanted: u64 = 0;
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
        put(0x2c);
        if (!printValue(kind, message, 0, p, <u32>(next - p))) return false;
      } else if (!printPacked(p, next, kind)) {
        return false;
      }
      p = next;
    } else if (wire == natural) {
      p = printNumber(p, end, kind);
    } else {
      p = fail(Problem.wire, tagAt);
    }
    if (!p) return false;
  }
  if (position() == begin) put(0x5b);
  else replace(begin, 0x5b);
  put(0x5d);
  return true;
}

function printPacked(p: usize, end: usize, kind: u32): bool {
  while (p < end) {
    p = printNumber(p, end, kind);
    if (!p) return false;
  }
  return true;
}

/** A comma and one varint or double. */
function printNumber(p: usize, end: usize, kind: u32): usize {
  p = readNumber(p, end, kind);
  if (!p) return 0;
  put(0x2c);
  return printValue(kind, 0, number, 0, 0) ? p : 0;
}

/** Entries of the map whose first tag is at `p`. Storage has them in order; from elsewhere they are put in order. */
function printMap(p: usize, end: usize, kind: u32, message: usize, ofLists: bool): bool {
  const begin = position();
  const first = p;
  let lastKey: usize = 0;
  let lastKeyLength: u32 = 0;
  if (!readTag(p, end)) return false;
  const wanted = tag;
  while ((p = nextField(p, end, wanted))) {
    const next = p + <usize>number;
    if (!readEntry(p, next, kind, ofLists)) return false;
    if (lastKey && compare(lastKey, lastKeyLength, entryKey, entryKeyLength) >= 0) {
      rewind(begin);
      return printUnsorted(first, end, kind, message, ofLists);
    }
    lastKey = entryKey;
    lastKeyLength = entryKeyLength;
    if (!printEntry(kind, message, ofLists)) return false;
    p = next;
  }
  if (failure != Problem.none) return false;
  replace(begin, 0x7b);
  put(0x7d);
  return true;
}

/** The entry that was read last, with a comma before it. */
function printEntry(kind: u32, message: usize, ofLists: bool): bool {
  put(0x2c);
  if (!putString(entryKey, entryKeyLength)) return fail(Problem.utf8, entryKey) != 0;
  put(0x3a);
  // Go has no nil here: an entry without a value has an empty list, or no bytes
  if (ofLists) return printWrapped(entryValue, entryValue + entryLength, kind, message);
  return printValue(kind, message, entryNumber, entryValue, entryLength);
}

function printUnsorted(first: usize, end: usize, kind: u32, message: usize, ofLists: bool): bool {
  const newest = linkEntries(first, end, kind, ofLists);
  if (!newest) return false;
  let link = mapSorted(newest, entriesLinked());
  let ascending: u32 = 0;
  while (link) {
    const next = load<u32>(link);
    store<u32>(link, ascending);
    ascending = link;
    link = next;
  }
  const begin = position();
  for (link = ascending; link; link = load<u32>(link)) {
    const span = load<u32>(link, 4);
    const from = load<u32>(span);
    if (!readEntry(from, from + load<u32>(span, 4), kind, ofLists)) return false;
    if (!printEntry(kind, message, ofLists)) return false;
  }
  replace(begin, 0x7b);
  put(0x7d);
  return true;
}

function printValue(kind: u32, message: usize, value: u64, start: usize, length: u32): bool {
  switch (kind) {
    case Kind.string:
      return putString(start, length) || fail(Problem.utf8, start) != 0;
    case Kind.message:
      return printMessage(start, start + length, message);
    case Kind.bool:
      putBool(value != 0);
      return true;
    case Kind.int32:
      putSigned(<i64>(<i32>value));
      return true;
    case Kind.int64:
      putSigned(<i64>value);
      return true;
    case Kind.uint32:
      putUnsigned(<u64>(<u32>value));
      return true;
    case Kind.uint64:
      putUnsigned(value);
      return true;
    case Kind.double:
      printDouble(reinterpret<f64>(value));
      return true;
    case Kind.bytes:
      putBase64(start, length);
      return true;
    case Kind.schemaOrArray:
    case Kind.schemaOrBool:
    case Kind.schemaOrStringArray:
      return printSchemaOr(start, start + length, kind, message);
    default:
      return printNamed(kind, start, start + length);
  }
}

function printDouble(value: f64): void {
  const at = reserve(32);
  if (at) settle(host.formatDouble(value, <u32>at));
}

function printNamed(kind: u32, p: usize, end: usize): bool {
  switch (kind) {
    case Kind.quantity:
      return named.readQuantity(p, end) && putString(named.text, named.textLength);
    case Kind.time:
    case Kind.microTime:
      if (!named.readTime(p, end, kind == Kind.microTime)) return false;
      printTime(kind == Kind.microTime);
      return true;
    case Kind.duration:
      if (!named.readDuration(p, end)) return false;
      printDuration();
      return true;
    case Kind.intOrString:
      if (!named.readIntOrString(p, end)) return false;
      if (named.isText) return putString(named.text, named.textLength);
      putSigned(<i64>named.integer);
      return true;
    default:
      if (!named.readRaw(p, end, trusted)) return false;
      if (named.textLength) putCompacted(named.text, named.text + named.textLength);
      else putNull();
      return true;
  }
}

function printTime(micro: bool): void {
  if (named.isZeroTime) {
    putNull();
    return;
  }
  const at = reserve(40);
  if (at) settle(formatTime(at, named.seconds, named.nanos, micro));
}

function printDuration(): void {
  put(0x22);
  const at = reserve(40);
  if (at) settle(host.formatDuration(named.duration, <u32>at));
  put(0x22);
}

/** A union of JSON Schema: its list when it has items, else its schema, else what it is without both. */
function printSchemaOr(p: usize, end: usize, kind: u32, union: usize): bool {
  const frame = fileMessage(p, end, union);
  if (!frame) return false;
  const isBool = kind == Kind.schemaOrBool;
  const schemaIndex: u32 = isBool ? 1 : 0;
  const present = load<u64>(frame);
  const other = slotAt(frame, union, 1 - schemaIndex);
  const schema = slotAt(frame, union, schemaIndex);
  let ok = true;
  if (!isBool && (present & 2)) {
    ok = printField(other, fieldAt(union, 1));
  } else if ((present >> schemaIndex) & 1) {
    ok = printField(schema, fieldAt(union, schemaIndex));
  } else if (isBool) {
    putBool((present & 1) != 0 && slotNumber(other) != 0);
  } else {
    putNull();
  }
  popRoom(frameSizeOf(union));
  return ok;
}
