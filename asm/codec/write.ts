// Nodes → protobuf, from the last byte to the first: lengths are known when their prefix is written, and one pass
// gives ascending tags. The order of fields is the table's list of operations, which runs from the highest tag down.
import { copy } from '../shared/bytes';
import { applyDefaults } from './state';
import {
  at as tableAt,
  fieldAt,
  Kind,
  kindOf,
  maskWords,
  messageOf,
  Op,
  opCount,
  opSize,
  opsAt,
  Shape,
  shapeOf,
  tagLength,
  tagOf,
} from './table';
import { zeroSeconds } from './time';

let low: usize = 0;
let high: usize = 0;
/** First byte written so far. */
let top: usize = 0;
/** Set when the output region was too small: what was written is then worthless. */
let overflow: bool = false;

/** Writes `node` as one `message` so that it ends at `limit`. Returns its address, or 0 when it does not fit. */
export function writeDocument(node: u32, message: usize, from: usize, limit: usize): usize {
  low = min(from + 8, limit);
  high = limit;
  top = limit;
  overflow = false;
  writeMessage(node, message);
  return overflow ? 0 : top;
}

/** Makes room for `n` bytes below `top`. When there is none, writing starts over and the result is void. */
@inline
function room(n: usize): bool {
  if (top - low < n) return refuse(n);
  top -= n;
  return true;
}

function refuse(n: usize): bool {
  overflow = true;
  if (high - low < n) return false;
  top = high - n;
  return true;
}

@inline
function byte(value: u32): void {
  if (room(1)) store<u8>(top, value);
}

@inline
function bytes(at: usize, n: u32): void {
  if (room(n)) copy(top, at, n);
}

@inline
function varint(value: u64): void {
  if (value < 0x80) byte(<u32>value);
  else longVarint(value);
}

function longVarint(value: u64): void {
  const n: usize = (70 - <usize>clz(value)) / 7;
  if (!room(n)) return;
  for (let i: usize = 0; i < n - 1; i++) {
    store<u8>(top + i, <u32>value | 0x80);
    value >>= 7;
  }
  store<u8>(top + n - 1, <u32>value);
}

@inline
function tag(field: usize): void {
  const n = tagLength(field);
  const value = tagOf(field);
  if (n == 1) byte(value);
  else if (room(2)) store<u16>(top, value);
}

/** Length since `end`, then the tag. */
@inline
function close(end: usize, field: usize): void {
  varint(<u64>(end - top));
  tag(field);
}

function writeMessage(node: u32, message: usize): void {
  const words = maskWords(message);
  const ops = opsAt(message);
  const count = opCount(message);
  let stack0: usize = 0;
  let stack1: usize = 0;
  for (let i: u32 = 0; i < count; i++) {
    const at = ops + i * opSize;
    const op = load<u32>(at);
    const what = op & 0xff;
    if (what == Op.field) {
      const index = op >> 8;
      if (node && isPresent(node, index)) writeField(load<u32>(slotOf(node, words, index)), fieldAt(message, index));
      else writeAbsent(at);
    } else if (what == Op.open) {
      stack1 = stack0;
      stack0 = top;
    } else {
      varint(<u64>(stack0 - top));
      varint(<u64>load<u32>(at, 4));
      stack0 = stack1;
    }
  }
}

/** What stands for an absent field: up to four bytes are in the operation itself. */
@inline
function writeAbsent(op: usize): void {
  const length = applyDefaults ? <u32>load<u16>(op, 14) : <u32>load<u16>(op, 12);
  if (!length) return;
  const what = applyDefaults ? load<u32>(op, 8) : load<u32>(op, 4);
  if (length > 4) bytes(tableAt(what), length);
  // the bytes below are written later, or are the region's slack
  else if (room(length)) store<u32>(top + length - 4, what);
}

@inline
function isPresent(node: u32, index: u32): bool {
  return ((load<u64>(node + (index >> 6) * 8) >> (index & 63)) & 1) != 0;
}

@inline
function slotOf(node: u32, words: u32, index: u32): u32 {
  let before: u32 = 0;
  for (let w: u32 = 0; w < index >> 6; w++) before += <u32>popcnt(load<u64>(node + w * 8));
  const mask = load<u64>(node + (index >> 6) * 8) & (((<u64>1) << (index & 63)) - 1);
  return node + words * 8 + (before + <u32>popcnt(mask)) * 4;
}

function writeField(ref: u32, field: usize): void {
  const kind = kindOf(field);
  switch (shapeOf(field)) {
    case Shape.single:
      writeValue(ref, kind, messageOf(field), field);
      return;
    case Shape.list:
      for (let link = ref; link; link = load<u32>(link)) writeValue(load<u32>(link, 4), kind, messageOf(field), field);
      return;
    case Shape.wrappedList: {
      const end = top;
      writeItems(ref, kind, messageOf(field));
      close(end, field);
      return;
    }
    default:
      writeMap(ref, kind, field);
  }
}

function writeMap(ref: u32, kind: u32, field: usize): void {
  const ofLists = shapeOf(field) != Shape.map;
  for (let link = ref; link; link = load<u32>(link)) {
    const end = top;
    if (ofLists) {
      const inner = top;
      writeItems(load<u32>(link, 4), kind, messageOf(field));
      varint(<u64>(inner - top));
      byte(0x12);
    } else {
      writeEntryValue(load<u32>(link, 4), kind, messageOf(field));
    }
    bytes(load<u32>(link, 8), load<u32>(link, 12));
    varint(<u64>load<u32>(link, 12));
    byte(0x0a);
    close(end, field);
  }
}

/** The items of a wrapped list: field 1 of the wrapper. */
function writeItems(ref: u32, kind: u32, message: usize): void {
  for (let link = ref; link; link = load<u32>(link)) {
    writeContent(load<u32>(link, 4), kind, message);
    byte((1 << 3) | wireType(kind));
  }
}

function writeEntryValue(ref: u32, kind: u32, message: usize): void {
  if (kind == Kind.bytes && !ref) return;
  writeContent(ref, kind, message);
  byte((2 << 3) | wireType(kind));
}

@inline
function wireType(kind: u32): u32 {
  if (kind == Kind.double) return 1;
  return <i32>kind >= Kind.bool && <i32>kind <= Kind.uint64 ? 0 : 2;
}

@inline
function writeValue(ref: u32, kind: u32, message: usize, field: usize): void {
  writeContent(ref, kind, message);
  tag(field);
}

/** A value with its length, without its tag. */
function writeContent(ref: u32, kind: u32, message: usize): void {
  switch (kind) {
    case Kind.string:
    case Kind.bytes: {
      const n = ref ? load<u32>(ref, 4) : 0;
      if (n) bytes(load<u32>(ref), n);
      varint(n);
      return;
    }
    case Kind.bool:
    case Kind.uint32:
      varint(<u64>ref);
      return;
    case Kind.int32:
      varint(<u64>(<i64>(<i32>ref)));
      return;
    case Kind.int64:
    case Kind.uint64:
      varint(ref ? load<u64>(ref) : 0);
      return;
    case Kind.double:
      if (room(8)) store<u64>(top, ref ? load<u64>(ref) : 0);
      return;
    default: {
      const end = top;
      if (<i32>kind >= Kind.message) writeMessage(ref, message);
      else writeNamed(ref, kind);
      varint(<u64>(end - top));
    }
  }
}

/** Content of the messages that JSON does not show as objects. */
function writeNamed(ref: u32, kind: u32): void {
  switch (kind) {
    case Kind.raw:
      if (ref) textField(load<u32>(ref), load<u32>(ref, 4), 0x0a);
      return;
    case Kind.quantity:
      if (ref) {
        textField(load<u32>(ref), load<u32>(ref, 4), 0x0a);
      } else {
        byte(0x30);
        byte(1);
        byte(0x0a);
      }
      return;
    case Kind.time:
    case Kind.microTime:
      if (!ref || (load<i64>(ref) == zeroSeconds && load<u32>(ref, 8) == 0)) return;
      // a Time keeps whole seconds, a MicroTime whole microseconds
      varint(<u64>(kind == Kind.time ? 0 : (load<u32>(ref, 8) / 1000) * 1000));
      byte(0x10);
      varint(load<u64>(ref));
      byte(0x08);
      return;
    case Kind.duration:
      varint(ref ? load<u64>(ref) : 0);
      byte(0x08);
      return;
    case Kind.intOrString:
      textField(ref ? load<u32>(ref, 8) : 0, ref ? load<u32>(ref, 12) : 0, 0x1a);
      varint(ref ? <u64>(<i64>load<i32>(ref, 4)) : 0);
      byte(0x10);
      byte(ref ? load<u32>(ref) : 0);
      byte(0x08);
      return;
    default:
      unreachable();
  }
}

function textField(at: u32, length: u32, tagByte: u32): void {
  if (length) bytes(at, length);
  varint(<u64>length);
  byte(tagByte);
}
