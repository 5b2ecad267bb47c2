// Protobuf → JSON. A first pass over a message files its fields by position; a second prints them in the order of the
// Go struct. Every length, tag and wire type is checked, so bytes from anywhere may be read.
import { firstInvalid } from '../shared/utf8';
import * as host from './host';
import { skipSpace, skipValue } from './lex';
import {
  closeOutput,
  openOutput,
  position,
  put,
  putBase64,
  putBool,
  putBytes,
  putCompacted,
  putNull,
  putSigned,
  putString,
  putUnsigned,
  replace,
  reserve,
  settle,
} from './out';
import { enter, enterIndex, enterMessage, fail, leave, leaveMessage, popSlots, Problem, pushSlots, setIndex, withInput } from './state';
import {
  absentJsonAt,
  absentJsonLength,
  containersAt,
  Flag,
  fieldAt,
  fieldCount,
  flagsOf,
  Kind,
  keyAt,
  keyLength,
  kindOf,
  maskWords,
  messageOf,
  nameAt,
  nameLength,
  Shape,
  shapeOf,
  shownMask,
} from './table';
import { formatTime, maxSeconds, minSeconds, zeroSeconds } from './time';
import { number, readVarint, skipField, wireOf } from './wire';

/** A filed field: value or address, and length; of a repeated one its first tag and the end of where it may recur. */
const slotSize: u32 = 16;

/** The message at `p` as JSON in the output region; `lead` (kind and apiVersion) comes first. False on failure. */
export function readDocument(p: usize, end: usize, message: usize, lead: usize, leadLength: u32, to: usize, limit: usize): bool {
  openOutput(to, limit);
  if (!readMessage(p, end, message, lead, leadLength)) return false;
  return closeOutput() >= 0 || fail(Problem.size, 0) != 0;
}

function readMessage(p: usize, end: usize, message: usize, lead: usize = 0, leadLength: u32 = 0): bool {
  if (!enterMessage()) return fail(Problem.depth, p) != 0;
  const words = maskWords(message);
  const frameSize = words * 8 + fieldCount(message) * slotSize;
  const frame = pushSlots(frameSize);
  if (!frame) return false;
  if (!file(p, end, message, 0, frame)) return false;
  const begin = position();
  if (leadLength) putBytes(lead, leadLength);
  for (let w: u32 = 0; w < words; w++) {
    const present = load<u64>(frame + w * 8);
    let mask = present | load<u64>(shownMask(message) + w * 8);
    while (mask) {
      const bit = <u32>ctz(mask);
      const index = w * 64 + bit;
      const field = fieldAt(message, index);
      if ((present >> bit) & 1) {
        putBytes(keyAt(field), keyLength(field));
        if (!printField(frame + words * 8 + index * slotSize, field)) return false;
      } else {
        putBytes(absentJsonAt(field), absentJsonLength(field));
      }
      mask &= mask - 1;
    }
  }
  if (position() == begin) put(0x7b);
  else replace(begin, 0x7b);
  put(0x7d);
  popSlots(frameSize);
  leaveMessage();
  return true;
}

/** Files the fields of a struct (and of the structs nested in it on the wire) into the frame. */
function file(p: usize, end: usize, message: usize, container: u32, frame: usize): bool {
  const entry = containersAt(message) + container * 8;
  const limit = load<u32>(entry);
  const byNumber = tableAt(load<u32>(entry, 4));
  while (p < end) {
    const tagAt = p;
    p = readVarint(p, end);
    if (!p) return false;
    const tag = number;
    const found: u32 = tag >> 3 < <u64>limit ? load<u16>(byNumber + <usize>(tag >> 3) * 2) : 0;
    if (tag > 0xffffffff || !(tag >> 3)) return fail(Problem.wire, tagAt) != 0;
    if (!found) {
      p = skipField(p, end, <u32>tag);
    } else if (found & 0x8000) {
      if ((tag & 7) != 2) return fail(Problem.wire, tagAt) != 0;
      p = readVarint(p, end);
      if (!p || number > <u64>(end - p)) return fail(Problem.wire, tagAt) != 0;
      const next = p + <usize>number;
      if (!file(p, next, message, found & 0x7fff, frame)) return false;
      p = next;
    } else {
      p = fileField(tagAt, p, end, message, found - 1, <u32>tag & 7, frame);
    }
    if (!p) return false;
  }
  return true;
}

@inline
function tableAt(offset: u32): usize {
  return messageBase(offset);
}

function fileField(tagAt: usize, p: usize, end: usize, message: usize, index: u32, wire: u32, frame: usize): usize {
  const field = fieldAt(message, index);
  const kind = kindOf(field);
  const shape = shapeOf(field);
  const slot = frame + maskWords(message) * 8 + index * slotSize;
  const present = frame + (index >> 6) * 8;
  const bit = (<u64>1) << (index & 63);
  const expected = shape == Shape.single || shape == Shape.list ? wireOf(kind) : 2;
  if (wire != expected && !(wire == 2 && shape == Shape.list)) return fail(Problem.wire, tagAt);
  const valueAt = p;
  let value: u64 = 0;
  if (wire == 0) {
    p = readVarint(p, end);
    if (!p) return 0;
    value = number;
  } else if (wire == 1) {
    if (end - p < 8) return fail(Problem.wire, tagAt);
    value = load<u64>(p);
    p += 8;
  } else {
    p = readVarint(p, end);
    if (!p || number > <u64>(end - p)) return fail(Problem.wire, tagAt);
    value = number;
    store<u32>(slot, <u32>p, 8);
    p += <usize>number;
  }
  if (shape == Shape.single || shape == Shape.wrappedList) {
    store<u64>(slot, value);
    if (isHidden(field, kind, shape, slot)) store<u64>(present, load<u64>(present) & ~bit);
    else store<u64>(present, load<u64>(present) | bit);
  } else if (!(load<u64>(present) & bit)) {
    store<u64>(present, load<u64>(present) | bit);
    store<u32>(slot, <u32>tagAt);
    store<u32>(slot, <u32>end, 4);
  }
  return valueAt < p ? p : fail(Problem.wire, tagAt);
}
