// Leaves: values whose spelling in JSON differs from the one on the wire. A text leaf is address and length; a number
// leaf is eight bytes; a time leaf is seconds (i64) and nanoseconds; an int-or-string leaf is type, number, text.
import { allocate, arenaTop, setArenaTop, slotTop, fail, Problem } from './state';
import { Kind } from './table';
import { setRef } from './parse';
import * as host from './host';

/** A text leaf. */
export function leaf(at: usize, length: u32): u32 {
  const node = allocate(8);
  if (!node) return 0;
  store<u32>(node, <u32>at);
  store<u32>(node, length, 4);
  return <u32>node;
}

@inline
export function leafText(at: u32): u32 {
  return load<u32>(at);
}

/** Whether a value is its kind's zero value, which a default replaces. */
export function isZeroLeaf(kind: u32, ref: u32): bool {
  if (!ref) return true;
  switch (kind) {
    case Kind.string:
    case Kind.bytes:
      return load<u32>(ref, 4) == 0;
    case Kind.int64:
    case Kind.uint64:
      return load<u64>(ref) == 0;
    case Kind.double:
      return load<f64>(ref) == 0;
    default:
      return false;
  }
}

// --- numbers ----------------------------------------------------------------------------------------------------------

/** Whether the integer at `p` fits; its value in `parsed`. */
let parsed: i64 = 0;

function parseInteger(p: usize, end: usize, kind: u32): bool {
  const negative = load<u8>(p) == 0x2d;
  if (negative) p++;
  if (end - p > 20) return false;
  let value: u64 = 0;
  for (; p < end; p++) {
    const digit = <u64>load<u8>(p) - 0x30;
    if (value > 1844674407370955161 || (value == 1844674407370955161 && digit > 5)) return false;
    value = value * 10 + digit;
  }
  let limit: u64 = u64.MAX_VALUE;
  if (kind == Kind.int32) limit = negative ? 0x80000000 : 0x7fffffff;
  else if (kind == Kind.int64) limit = negative ? 0x8000000000000000 : 0x7fffffffffffffff;
  else if (kind == Kind.uint32) limit = 0xffffffff;
  if (negative && kind != Kind.int32 && kind != Kind.int64) return false;
  if (value > limit) return false;
  parsed = negative ? -(<i64>value) : <i64>value;
  return true;
}

export function leafInteger(p: usize, end: usize, kind: u32): bool {
  if (!parseInteger(p, end, kind)) return false;
  if (kind == Kind.int32 || kind == Kind.uint32) {
    setRef(<u32>parsed);
    return true;
  }
  return leafNumber(parsed);
}

function leafNumber(value: i64): bool {
  const node = allocate(8);
  if (!node) return false;
  store<i64>(node, value);
  setRef(<u32>node);
  return true;
}

export function leafDouble(p: usize, end: usize): bool {
  const value = host.parseDouble(<u32>p, <u32>(end - p));
  return isFinite(value) && leafNumber(reinterpret<i64>(value));
}

export function leafDuration(p: usize, length: u32): bool {
  const node = allocate(8);
  if (!node || host.parseDuration(<u32>p, length, <u32>node) < 0) return false;
  setRef(<u32>node);
  return true;
}

export function leafIntOrString(p: usize, end: usize, isText: bool = false): bool {
  const node = allocate(16);
  if (!node) return false;
  store<u32>(node, isText);
  store<u32>(node, 0, 4);
  store<u64>(node, 0, 8);
  if (isText) {
    store<u32>(node, <u32>p, 8);
    store<u32>(node, <u32>(end - p), 12);
  } else {
    if (!parseInteger(p, end, Kind.int32)) return false;
    store<i32>(node, <i32>parsed, 4);
  }
  setRef(<u32>node);
  return true;
}

// --- quantities -------------------------------------------------------------------------------------------------------

export const quantityRoom: u32 = 64;

/** The value at `p`, quoted or not; its canonical text becomes the leaf. */
export function leafQuantity(p: usize, end: usize): bool {
  if (load<u8>(p) == 0x22) {
    p++;
    end--;
  }
  let length = <u32>(end - p);
  if (!isCanonicalQuantity(p, end)) {
    const to = allocate(quantityRoom);
    if (!to) return false;
    const n = host.quantity(<u32>p, length, <u32>to, true);
    if (n < 0) return false;
    p = to;
    length = n;
  }
  const node = leaf(p, length);
  setRef(node);
  return node != 0;
}

/** Sure of the plain forms only (`250m`, `64Mi`, `4`); the host judges the rest. */
export function isCanonicalQuantity(p: usize, end: usize): bool {
  const start = p;
  let mantissa: u32 = 0;
  while (p < end && <u32>load<u8>(p) - 0x30 < 10) {
    mantissa = mantissa * 10 + <u32>load<u8>(p) - 0x30;
    p++;
  }
  const digits = <u32>(p - start);
  if (digits == 0 || digits > 6 || load<u8>(start) == 0x30) return digits == 1 && p == end;
  if (p == end) return mantissa % 1000 != 0;
  const c = load<u8>(p);
  if (end - p == 1) {
    return (c == 0x6d || c == 0x6b || c == 0x4d || c == 0x47 || c == 0x54) && mantissa % 1000 != 0;
  }
  if (end - p != 2 || load<u8>(p + 1) != 0x69) return false;
  return (c == 0x4b || c == 0x4d || c == 0x47 || c == 0x54) && mantissa % 1024 != 0;
}

// --- base64 -----------------------------------------------------------------------------------------------------------

const decodeTable: usize = memory.data(256);
let decodeReady: bool = false;

function prepareDecode(): void {
  memory.fill(decodeTable, 0xff, 256);
  for (let i: u32 = 0; i < 26; i++) {
    store<u8>(decodeTable + 0x41 + i, i);
    store<u8>(decodeTable + 0x61 + i, 26 + i);
  }
  for (let i: u32 = 0; i < 10; i++) store<u8>(decodeTable + 0x30 + i, 52 + i);
  store<u8>(decodeTable + 0x2b, 62);
  store<u8>(decodeTable + 0x2f, 63);
  decodeReady = true;
}

/** Standard base64 with padding; line breaks are skipped, as Go does. */
export function leafBase64(p: usize, length: u32): bool {
  if (!decodeReady) prepareDecode();
  const to = arenaTop;
  if (to + <usize>length > slotTop) return fail(Problem.size, p) != 0;
  const end = p + length;
  let o = to;
  let group: u32 = 0;
  let have: u32 = 0;
  while (p < end) {
    const c = <u32>load<u8>(p);
    const six = <u32>load<u8>(decodeTable + c);
    if (six != 0xff) {
      group = (group << 6) | six;
      p++;
      if (++have == 4) {
        store<u8>(o, group >> 16);
        store<u8>(o + 1, group >> 8);
        store<u8>(o + 2, group);
        o += 3;
        group = 0;
        have = 0;
      }
    } else if (c == 0x0a || c == 0x0d) {
      p++;
    } else {
      break;
    }
  }
  if (have == 0 ? p != end : !paddingCloses(p, end, have)) return false;
  if (have == 2) store<u8>(o++, group >> 4);
  if (have == 3) {
    store<u8>(o, group >> 10);
    store<u8>(o + 1, group >> 2);
    o += 2;
  }
  setArenaTop((o + 7) & ~7);
  const node = leaf(to, <u32>(o - to));
  setRef(node);
  return node != 0;
}

/** From `p` on there are exactly the `=` that a group of `have` characters needs, and line breaks. */
function paddingCloses(p: usize, end: usize, have: u32): bool {
  let missing = 4 - have;
  if (have < 2) return false;
  for (; p < end; p++) {
    const c = load<u8>(p);
    if (c == 0x0a || c == 0x0d) continue;
    if (c != 0x3d || missing == 0) return false;
    missing--;
  }
  return missing == 0;
}
