// JSON text, written forward and escaped as Go's encoding/json does: also `<`, `>`, `&`, U+2028 and U+2029.
import { copy } from '../shared/bytes';
import { firstInvalid } from '../shared/utf8';
import { inputEnd } from './state';

/** Bytes behind the end that a store of sixteen may touch. */
const slack: usize = 32;

let start: usize = 0;
let limit: usize = 0;
let cursor: usize = 0;
/** Set when the output region was too small: what was written is then worthless. */
let overflow: bool = false;

export function openOutput(from: usize, to: usize): void {
  start = from;
  // a region smaller than the slack has no room at all
  limit = to - from < slack ? from : to - slack;
  cursor = from;
  overflow = false;
}

/** Length of the text, or -1 when it did not fit. */
export function closeOutput(): i32 {
  return overflow ? -1 : <i32>(cursor - start);
}

/** Makes room for `n` bytes; the caller stores them at the result. 0 when the whole region is smaller. */
@inline
function room(n: usize): usize {
  const at = cursor;
  if (limit - at < n) return refuse(n);
  cursor = at + n;
  return at;
}

function refuse(n: usize): usize {
  overflow = true;
  if (limit - start < n) return 0;
  cursor = start + n;
  return start;
}

@inline
export function put(byte: u32): void {
  const at = room(1);
  if (at) store<u8>(at, byte);
}

@inline
export function putBytes(from: usize, n: u32): void {
  const at = room(n);
  if (at) copy(at, from, n);
}

/** As `putBytes`, for a text of the table, behind which sixteen bytes may be read. */
@inline
export function putText(from: usize, n: u32): void {
  const at = room(n);
  if (!at) return;
  v128.store(at, v128.load(from));
  for (let i: u32 = 16; i < n; i += 16) v128.store(at + i, v128.load(from + i));
}

/** At most eight bytes, given as a little-endian number. */
@inline
function putWord(letters: u64, n: usize): void {
  const at = room(n);
  if (at) for (let i: usize = 0; i < n; i++) store<u8>(at + i, <u8>(letters >> (i * 8)));
}

export function putNull(): void {
  putWord(0x6c6c756e, 4);
}

export function putBool(value: bool): void {
  if (value) putWord(0x65757274, 4);
  else putWord(0x65736c6166, 5);
}

/** The bracket that opens what has just been written, in place of the comma at `at`. */
export function position(): usize {
  return cursor;
}

/** Puts `byte` over what stands at `at`, unless the output was started over since. */
@inline
export function replace(at: usize, byte: u32): void {
  if (at < cursor) store<u8>(at, byte);
}

/** Takes back what was written since `to`. */
export function rewind(to: usize): void {
  if (to < cursor) cursor = to;
}

const digitsRoom: usize = memory.data(32);

export function putUnsigned(value: u64): void {
  if (value < 10) {
    put(0x30 + <u32>value);
    return;
  }
  let at = digitsRoom + 24;
  while (value > 0xffffffff) {
    store<u8>(--at, 0x30 + <u32>(value % 10));
    value /= 10;
  }
  let rest = <u32>value;
  while (rest) {
    store<u8>(--at, 0x30 + (rest % 10));
    rest /= 10;
  }
  putBytes(at, <u32>(digitsRoom + 24 - at));
}

export function putSigned(value: i64): void {
  if (value < 0) put(0x2d);
  putUnsigned(value < 0 ? 0 - <u64>value : <u64>value);
}

/** Room for at most `n` bytes that another function fills; `settle` says how many it was. */
export function reserve(n: usize): usize {
  const at = room(n);
  if (at) cursor = at;
  return at;
}

export function settle(n: usize): void {
  cursor += n;
}

/** Bytes of `v` that are not copied as they stand. */
@inline
function special(v: v128): v128 {
  return v128.or(
    v128.or(
      v128.or(i8x16.eq(v, i8x16.splat(0x22)), i8x16.eq(v, i8x16.splat(0x5c))),
      v128.or(i8x16.eq(v, i8x16.splat(0x26)), i8x16.lt_s(v, i8x16.splat(0x20))),
    ),
    // `<` and `>` differ in one bit
    i8x16.eq(v128.or(v, i8x16.splat(2)), i8x16.splat(0x3e)),
  );
}

/** Copies a string as it stands. False, and what was written is void, when it cannot be. */
@inline
function copiedPlain(to: usize, p: usize, n: u32): bool {
  if (n >= 16) {
    const last = n - 16;
    let found = i8x16.splat(0);
    for (let i: u32 = 0; i < last; i += 16) {
      const v = v128.load(p + i);
      found = v128.or(found, special(v));
      v128.store(to + i, v);
    }
    const v = v128.load(p + last);
    v128.store(to + last, v);
    return !v128.any_true(v128.or(found, special(v)));
  }
  if (p + 16 <= inputEnd) {
    const v = v128.load(p);
    v128.store(to, v);
    return !(i8x16.bitmask(special(v)) & ((1 << n) - 1));
  }
  for (let i: u32 = 0; i < n; i++) {
    const c = <u32>load<u8>(p + i);
    if (!isPlain(c)) return false;
    store<u8>(to + i, c);
  }
  return true;
}

/** First byte in a string that is not copied as it stands. */
@inline
function plainEnd(p: usize, end: usize): usize {
  while (p + 16 <= end) {
    const bits = i8x16.bitmask(special(v128.load(p)));
    if (bits) return p + ctz(bits);
    p += 16;
  }
  while (p < end && isPlain(load<u8>(p))) p++;
  return p;
}

@inline
function isPlain(c: u32): bool {
  return c >= 0x20 && c < 0x80 && c != 0x22 && c != 0x5c && c != 0x26 && (c | 2) != 0x3e;
}

/** The quoted string. Returns false when it is not UTF-8. */
export function putString(p: usize, n: u32): bool {
  const end = p + n;
  const at = room(<usize>n + 2);
  if (at && copiedPlain(at + 1, p, n)) {
    store<u8>(at, 0x22);
    store<u8>(at + 1 + n, 0x22);
    return true;
  }
  if (at) cursor = at;
  const plain = plainEnd(p, end);
  if (firstInvalid(plain, end)) return false;
  put(0x22);
  putEscaped(p, plain, end);
  put(0x22);
  return true;
}

function putEscaped(p: usize, plain: usize, end: usize): void {
  while (true) {
    if (plain > p) putBytes(p, <u32>(plain - p));
    if (plain >= end) return;
    p = plain + putSpecial(plain, end);
    plain = plainEnd(p, end);
  }
}

/** One character that is not plain; returns how many bytes it was. */
function putSpecial(p: usize, end: usize): usize {
  const c = <u32>load<u8>(p);
  if (c >= 0x80) {
    let q = p;
    while (q < end && load<u8>(q) >= 0x80 && !isLineSeparator(q, end)) q++;
    if (q > p) {
      putBytes(p, <u32>(q - p));
      return q - p;
    }
    putWord(0x3230_3275_5c | (<u64>(load<u8>(p + 2) == 0xa8 ? 0x38 : 0x39) << 40), 6);
    return 3;
  }
  switch (c) {
    case 0x22:
    case 0x5c:
      putWord(0x5c | (c << 8), 2);
      break;
    case 8:
      putWord(0x625c, 2);
      break;
    case 9:
      putWord(0x745c, 2);
      break;
    case 10:
      putWord(0x6e5c, 2);
      break;
    case 12:
      putWord(0x665c, 2);
      break;
    case 13:
      putWord(0x725c, 2);
      break;
    default:
      putUnicode(c);
  }
  return 1;
}

/** `\u00xx` */
function putUnicode(c: u32): void {
  putWord(0x3030755c | (<u64>(0x30 + (c >> 4)) << 32) | (<u64>hexDigit(c & 15) << 40), 6);
}

@inline
function hexDigit(value: u32): u32 {
  return value < 10 ? 0x30 + value : 0x57 + value;
}

/** U+2028 or U+2029. */
@inline
function isLineSeparator(p: usize, end: usize): bool {
  return load<u8>(p) == 0xe2 && p + 2 < end && load<u8>(p + 1) == 0x80 && (load<u8>(p + 2) | 1) == 0xa9;
}

/** Nothing in the text is white space, within a string or without, nor would be escaped. */
function isCompact(p: usize, end: usize): bool {
  while (p + 16 <= end) {
    const v = v128.load(p);
    const html = v128.or(i8x16.eq(v, i8x16.splat(0x26)), i8x16.eq(v128.or(v, i8x16.splat(2)), i8x16.splat(0x3e)));
    // signed: white space, and everything from 0x80 on
    if (v128.any_true(v128.or(html, i8x16.lt_s(v, i8x16.splat(0x21))))) return false;
    p += 16;
  }
  while (p < end) {
    const c = <u32>load<u8>(p++);
    if (c <= 0x20 || c >= 0x80 || c == 0x26 || (c | 2) == 0x3e) return false;
  }
  return true;
}

/** JSON text that is known to be well-formed: white space outside strings goes, HTML's characters are escaped. */
export function putCompacted(p: usize, end: usize): void {
  if (isCompact(p, end)) {
    putBytes(p, <u32>(end - p));
    return;
  }
  let from = p;
  let inString = false;
  while (p < end) {
    const c = load<u8>(p);
    if (c == 0x5c) {
      p += 2;
    } else if (c == 0x22) {
      inString = !inString;
      p++;
    } else if (inString ? c == 0x26 || (c | 2) == 0x3e || isLineSeparator(p, end) : c <= 0x20) {
      if (p > from) putBytes(from, <u32>(p - from));
      if (!inString) {
        p++;
      } else if (c == 0xe2) {
        p += putSpecial(p, end);
      } else {
        putUnicode(c);
        p++;
      }
      from = p;
    } else {
      p++;
    }
  }
  if (end > from) putBytes(from, <u32>(end - from));
}

const base64Letters = memory.data<u8>([
  65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79, 80, 81, 82, 83, 84, 85, 86, 87, 88, 89, 90, 97, 98, 99,
  100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112, 113, 114, 115, 116, 117, 118, 119, 120, 121, 122, 48,
  49, 50, 51, 52, 53, 54, 55, 56, 57, 43, 47,
]);

@inline
function letter(six: u32): u32 {
  return load<u8>(base64Letters + (six & 63));
}

/** The bytes as a base64 string. */
export function putBase64(p: usize, n: u32): void {
  const end = p + n;
  let at = room(((<usize>n + 2) / 3) * 4 + 2);
  if (!at) return;
  store<u8>(at++, 0x22);
  while (p + 3 <= end) {
    const v = (<u32>load<u8>(p) << 16) | (<u32>load<u8>(p + 1) << 8) | <u32>load<u8>(p + 2);
    store<u32>(at, letter(v >> 18) | (letter(v >> 12) << 8) | (letter(v >> 6) << 16) | (letter(v) << 24));
    at += 4;
    p += 3;
  }
  if (p < end) {
    const a = <u32>load<u8>(p);
    const b: u32 = p + 1 < end ? load<u8>(p + 1) : 0;
    const third: u32 = p + 1 < end ? letter(b << 2) : 0x3d;
    store<u32>(at, letter(a >> 2) | (letter((a << 4) | (b >> 4)) << 8) | (third << 16) | 0x3d000000);
    at += 4;
  }
  store<u8>(at, 0x22);
}
