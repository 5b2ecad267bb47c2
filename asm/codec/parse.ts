// JSON text → nodes, led by the schema table. The writer (write.ts) turns the nodes into protobuf.
//
// A message node is its presence mask (64-bit words) followed by one 32-bit reference for each field present, in the
// order of the table. What a reference means depends on the field's kind: the value itself (bool, int32, uint32), or
// the address of a leaf (scalars.ts), of another message node, or of the newest link of a list or map. 0 is the zero
// value, whatever the kind.
import {
  allocate,
  applyDefaults,
  beQuiet,
  depth,
  enter,
  enterIndex,
  enterMessage,
  fail,
  inputEnd,
  leave,
  leaveMessage,
  note,
  popRoom,
  Problem,
  pushRoom,
  setIndex,
  speakAgain,
} from './state';
import { colon, isInteger, literalEnd, numberEnd, scanString, skipSpace, skipValue, syntax, text, textLength } from './lex';
import { fieldAt, fieldCount, findField, Flag, flagsOf, Kind, kindOf, maskWords, messageOf, nameAt, nameLength, Shape, shapeOf } from './table';
import { isZeroLeaf, leaf, leafBase64, leafInteger, leafDouble, leafDuration, leafIntOrString, leafQuantity, leafText } from './scalars';
import { listLink, mapLink, sortMap } from './mapsort';
import { leafRaw } from './raw';
import { leafTime } from './time';

/** Reference made by the parse function that returned last. */
export let ref: u32 = 0;
/** Whether that value was `null`. */
let isNull: bool = false;

export let apiVersion: usize = 0;
export let apiVersionLength: u32 = 0;
export let kind: usize = 0;
export let kindLength: u32 = 0;

/** Reads the whole input as one `message`; true when `ref` is its node. */
export function parseDocument(input: usize, message: usize): bool {
  apiVersion = 0;
  kind = 0;
  let p = skipSpace(input);
  if (p >= inputEnd) return syntax(inputEnd) != 0;
  p = parseSingle(p, Kind.message, message);
  if (!p) return false;
  p = skipSpace(p);
  if (p < inputEnd) return syntax(p) != 0;
  return true;
}

/** The object at `p`. */
function parseMessage(p: usize, message: usize): usize {
  if (load<u8>(p) != 0x7b) return mismatch(p);
  if (!enterMessage()) return fail(Problem.depth, p);
  const count = fieldCount(message);
  const words = maskWords(message);
  const frameSize = words * 16 + count * 4;
  const frame = pushRoom(frameSize);
  if (!frame) return 0;
  // masks of the fields present and of those seen; a slot counts only when its bit is set
  for (let w: u32 = 0; w < words * 2; w++) store<u64>(frame + w * 8, 0);
  p = skipSpace(p + 1);
  if (p < inputEnd && load<u8>(p) == 0x7d) {
    p++;
  } else {
    p = parseMembers(p, message, frame, frame + words * 16);
    if (!p) return 0;
  }
  const node = pack(frame, frame + words * 16, words);
  popRoom(frameSize);
  if (!node) return 0;
  leaveMessage();
  ref = <u32>node;
  isNull = false;
  return p;
}

function parseMembers(p: usize, message: usize, frame: usize, slots: usize): usize {
  const end = inputEnd;
  const words = maskWords(message);
  while (true) {
    if (p >= end) return syntax(end);
    if (load<u8>(p) != 0x22) return syntax(p);
    const keyAt = p;
    p = scanString(p);
    if (!p) return 0;
    const index = findField(message, text, textLength);
    if (index < 0) {
      note(Problem.unknownField, text, textLength, keyAt);
      p = colon(p);
      if (!p) return 0;
      p = skipValue(p, depth);
    } else {
      const field = fieldAt(message, index);
      const bit = (<u64>1) << (index & 63);
      const present = frame + (index >> 6) * 8;
      const seen = present + words * 8;
      if (load<u64>(seen) & bit) note(Problem.duplicateField, text, textLength, keyAt);
      store<u64>(seen, load<u64>(seen) | bit);
      p = colon(p);
      if (!p) return 0;
      p = parseField(skipSpace(p), field);
      if (!p) return 0;
      if (isNull || givesWay(field)) {
        store<u64>(present, load<u64>(present) & ~bit);
      } else {
        store<u64>(present, load<u64>(present) | bit);
        store<u32>(slots + index * 4, ref);
      }
    }
    if (!p) return 0;
    p = skipSpace(p);
    if (p >= end) return syntax(end);
    const c = load<u8>(p);
    if (c == 0x7d) return p + 1;
    if (c != 0x2c) return syntax(p);
    p = skipSpace(p + 1);
  }
  return 0;
}

/** Copies what the frame of an object holds into a node. */
@inline
function pack(frame: usize, slots: usize, words: u32): usize {
  let bits: u32 = 0;
  for (let w: u32 = 0; w < words; w++) bits += <u32>popcnt(load<u64>(frame + w * 8));
  const node = allocate(words * 8 + bits * 4);
  if (!node) return 0;
  let to = node + words * 8;
  for (let w: u32 = 0; w < words; w++) {
    let mask = load<u64>(frame + w * 8);
    store<u64>(node + w * 8, mask);
    while (mask) {
      store<u32>(to, load<u32>(slots + (w * 64 + <u32>ctz(mask)) * 4));
      to += 4;
      mask &= mask - 1;
    }
  }
  return node;
}

/** A zero value of a field with a default is as good as none. */
@inline
export function givesWay(field: usize): bool {
  if (!applyDefaults || !(flagsOf(field) & Flag.defaulted)) return false;
  return shapeOf(field) == Shape.single ? isZeroLeaf(kindOf(field), ref) : ref == 0;
}

@inline
function parseField(p: usize, field: usize): usize {
  if (p >= inputEnd) return syntax(inputEnd);
  enter(nameAt(field), nameLength(field));
  const shape = shapeOf(field);
  const itemKind = kindOf(field);
  if (shape == Shape.single) {
    // a null duration is read as the empty text, which is none
    if (itemKind == Kind.duration && load<u8>(p) == 0x6e && !(flagsOf(field) & Flag.pointer)) return mismatch(p);
    if (itemKind == Kind.none) p = parseTypeMeta(p, field);
    else p = parseSingle(p, itemKind, messageOf(field));
  } else if (shape == Shape.list || shape == Shape.wrappedList) {
    p = parseList(p, itemKind, messageOf(field));
  } else {
    p = parseMap(p, itemKind, messageOf(field), shape != Shape.map);
  }
  if (p) leave();
  return p;
}

/** `kind` and `apiVersion` are checked everywhere and kept at the top. */
function parseTypeMeta(p: usize, field: usize): usize {
  p = parseSingle(p, Kind.string, 0);
  if (!p) return 0;
  if (depth == 1) {
    const at: usize = ref ? <usize>leafText(ref) : 0;
    const length: u32 = ref ? leafLength(ref) : 0;
    if (nameLength(field) == 4) {
      kind = at;
      kindLength = length;
    } else {
      apiVersion = at;
      apiVersionLength = length;
    }
  }
  isNull = true;
  return p;
}

@inline
function leafLength(at: u32): u32 {
  return load<u32>(at, 4);
}

/** `[…]` or `null`. */
function parseList(p: usize, itemKind: u32, message: usize): usize {
  const c = load<u8>(p);
  if (c == 0x6e) return parseNull(p);
  if (c != 0x5b) return mismatch(p);
  let last: u32 = 0;
  p = skipSpace(p + 1);
  if (p < inputEnd && load<u8>(p) == 0x5d) {
    ref = 0;
    isNull = false;
    return p + 1;
  }
  enterIndex(0);
  for (let index: u32 = 0; ; index++) {
    setIndex(index);
    if (p >= inputEnd) return syntax(inputEnd);
    p = parseSingle(p, itemKind, message);
    if (!p) return 0;
    const link = allocate(listLink);
    if (!link) return 0;
    store<u32>(link, last);
    store<u32>(link, isNull ? 0 : ref, 4);
    last = <u32>link;
    p = skipSpace(p);
    if (p >= inputEnd) return syntax(inputEnd);
    const d = load<u8>(p);
    if (d == 0x5d) break;
    if (d != 0x2c) return syntax(p);
    p = skipSpace(p + 1);
  }
  leave();
  ref = last;
  isNull = false;
  return p + 1;
}

/** `{…}` or `null`, with free keys. */
function parseMap(p: usize, itemKind: u32, message: usize, ofLists: bool): usize {
  const c = load<u8>(p);
  if (c == 0x6e) return parseNull(p);
  if (c != 0x7b) return mismatch(p);
  let last: u32 = 0;
  let count: u32 = 0;
  p = skipSpace(p + 1);
  if (p < inputEnd && load<u8>(p) == 0x7d) {
    ref = 0;
    isNull = false;
    return p + 1;
  }
  while (true) {
    if (p >= inputEnd) return syntax(inputEnd);
    if (load<u8>(p) != 0x22) return syntax(p);
    const link = allocate(mapLink);
    if (!link) return 0;
    const keyAt = p;
    p = scanString(p);
    if (!p) return 0;
    store<u32>(link, last);
    store<u32>(link, <u32>text, 8);
    store<u32>(link, textLength, 12);
    store<u32>(link, <u32>keyAt, 16);
    enter(text, textLength);
    p = colon(p);
    if (!p) return 0;
    p = skipSpace(p);
    if (p >= inputEnd) return syntax(inputEnd);
    p = ofLists ? parseList(p, itemKind, message) : parseSingle(p, itemKind, message);
    if (!p) return 0;
    leave();
    store<u32>(link, isNull ? 0 : ref, 4);
    last = <u32>link;
    count++;
    p = skipSpace(p);
    if (p >= inputEnd) return syntax(inputEnd);
    const d = load<u8>(p);
    if (d == 0x7d) break;
    if (d != 0x2c) return syntax(p);
    p = skipSpace(p + 1);
  }
  ref = sortMap(last, count);
  isNull = false;
  return p + 1;
}

/** One value of `itemKind` at `p`, which is below the end. */
function parseSingle(p: usize, itemKind: u32, message: usize): usize {
  const c = <u32>load<u8>(p);
  if (c == 0x6e) return parseNull(p);
  isNull = false;
  switch (itemKind) {
    case Kind.string:
      if (c != 0x22) return mismatch(p);
      p = scanString(p);
      ref = p ? leaf(text, textLength) : 0;
      return ref ? p : 0;
    case Kind.message:
      return parseMessage(p, message);
    case Kind.bool:
      if (c != 0x74 && c != 0x66) return mismatch(p);
      ref = c == 0x74;
      return literalEnd(p);
    case Kind.int32:
    case Kind.int64:
    case Kind.uint32:
    case Kind.uint64:
      return parseInteger(p, c, itemKind);
    case Kind.raw:
      return parseRaw(p);
    case Kind.schemaOrArray:
    case Kind.schemaOrBool:
    case Kind.schemaOrStringArray:
      return parseSchemaOr(p, c, itemKind, message);
    default:
      return parseNamed(p, c, itemKind);
  }
}

function parseNull(p: usize): usize {
  isNull = true;
  ref = 0;
  return literalEnd(p);
}

function parseInteger(p: usize, c: u32, itemKind: u32): usize {
  if (c != 0x2d && c - 0x30 > 9) return mismatch(p);
  const end = numberEnd(p);
  if (!end) return 0;
  if (!isInteger || !leafInteger(p, end, itemKind)) return mismatch(p);
  return end;
}

/** Any value: kept as text. */
function parseRaw(p: usize): usize {
  const end = skipValue(p, depth);
  if (!end) return 0;
  ref = leafRaw(p, end);
  return ref ? end : 0;
}

/** Kinds with a spelling of their own. */
function parseNamed(p: usize, c: u32, itemKind: u32): usize {
  if (itemKind == Kind.double || (itemKind == Kind.intOrString && c != 0x22)) {
    if (c != 0x2d && c - 0x30 > 9) return mismatch(p);
    const end = numberEnd(p);
    if (!end) return 0;
    if (itemKind == Kind.double) return leafDouble(p, end) ? end : mismatch(p);
    return isInteger && leafIntOrString(p, end) ? end : mismatch(p);
  }
  if (itemKind == Kind.quantity) {
    const end = skipValue(p, depth);
    if (!end) return 0;
    return leafQuantity(p, end) ? end : mismatch(p);
  }
  if (itemKind == Kind.bytes && c == 0x5b) return parseByteArray(p);
  if (c != 0x22) return mismatch(p);
  const end = scanString(p);
  if (!end) return 0;
  let ok: bool = false;
  if (itemKind == Kind.bytes) ok = leafBase64(text, textLength);
  else if (itemKind == Kind.time) ok = leafTime(text, textLength, false);
  else if (itemKind == Kind.microTime) ok = leafTime(text, textLength, true);
  else if (itemKind == Kind.duration) ok = leafDuration(text, textLength);
  else ok = leafIntOrString(text, text + textLength, true);
  return ok ? end : mismatch(p);
}

/** Bytes as an array of numbers, which Go takes too. */
function parseByteArray(p: usize): usize {
  p = parseList(p, Kind.int32, 0);
  if (!p) return 0;
  let n: u32 = 0;
  for (let link = ref; link; link = load<u32>(link)) n++;
  const to = allocate(n);
  if (!to) return 0;
  let at = to + n;
  for (let link = ref; link; link = load<u32>(link)) store<u8>(--at, load<u32>(link, 4));
  ref = leaf(to, n);
  return ref ? p : 0;
}

/** The three unions of JSON Schema are messages of two fields each: see src/wasm/table.ts. */
function parseSchemaOr(p: usize, c: u32, itemKind: u32, union: usize): usize {
  const schemaIndex: u32 = itemKind == Kind.schemaOrBool ? 1 : 0;
  const schema = messageOf(fieldAt(union, schemaIndex));
  let index: u32 = 1 - schemaIndex;
  let present = true;
  beQuiet();
  if (c == 0x7b) {
    index = schemaIndex;
    p = parseMessage(p, schema);
  } else if (itemKind == Kind.schemaOrBool) {
    if (c != 0x74 && c != 0x66) return mismatch(p);
    present = c == 0x74;
    ref = 1;
    p = literalEnd(p);
  } else if (c == 0x5b) {
    p = parseList(p, itemKind == Kind.schemaOrArray ? Kind.message : Kind.string, schema);
  } else {
    present = false;
    p = skipValue(p, depth);
  }
  if (!p) return 0;
  speakAgain();
  const value = ref;
  const node = allocate(16);
  if (!node) return 0;
  const isAllowed = itemKind == Kind.schemaOrBool && c == 0x7b;
  store<u64>(node, isAllowed ? 3 : present ? <u64>1 << index : 0);
  store<u32>(node, isAllowed ? 1 : value, 8);
  store<u32>(node, value, 12);
  ref = <u32>node;
  isNull = false;
  return p;
}

/** A value of the wrong type. */
function mismatch(p: usize): usize {
  return fail(Problem.type, p);
}

export function setRef(value: u32): void {
  ref = value;
}
