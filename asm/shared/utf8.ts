/**
 * Length of the well-formed UTF-8 sequence at `p`, or 0: overlong forms, surrogates and code points above U+10FFFF
 * are not well-formed. Reads only below `end`.
 */
export function sequenceLength(p: usize, end: usize): u32 {
  const a = <u32>load<u8>(p);
  if (a < 0x80) return 1;
  if (a < 0xc2 || a > 0xf4) return 0;
  const length: u32 = a < 0xe0 ? 2 : a < 0xf0 ? 3 : 4;
  if (p + length > end) return 0;
  const b = <u32>load<u8>(p + 1);
  let low: u32 = 0x80;
  let high: u32 = 0xbf;
  if (a == 0xe0) low = 0xa0;
  else if (a == 0xed) high = 0x9f;
  else if (a == 0xf0) low = 0x90;
  else if (a == 0xf4) high = 0x8f;
  if (b < low || b > high) return 0;
  if (length > 2 && (load<u8>(p + 2) & 0xc0) != 0x80) return 0;
  if (length > 3 && (load<u8>(p + 3) & 0xc0) != 0x80) return 0;
  return length;
}

/** Address of the first byte that is not part of well-formed UTF-8, or 0 when all is well. */
export function firstInvalid(p: usize, end: usize): usize {
  while (p < end) {
    while (p + 16 <= end && !i8x16.bitmask(v128.load(p))) p += 16;
    while (p < end && load<u8>(p) < 0x80) p++;
    if (p >= end) return 0;
    const n = sequenceLength(p, end);
    if (!n) return p;
    p += n;
  }
  return 0;
}

/** Writes `code` as UTF-8 at `to` and returns the number of bytes. */
export function encode(to: usize, code: u32): u32 {
  if (code < 0x80) {
    store<u8>(to, code);
    return 1;
  }
  if (code < 0x800) {
    store<u8>(to, 0xc0 | (code >> 6));
    store<u8>(to + 1, 0x80 | (code & 0x3f));
    return 2;
  }
  if (code < 0x10000) {
    store<u8>(to, 0xe0 | (code >> 12));
    store<u8>(to + 1, 0x80 | ((code >> 6) & 0x3f));
    store<u8>(to + 2, 0x80 | (code & 0x3f));
    return 3;
  }
  store<u8>(to, 0xf0 | (code >> 18));
  store<u8>(to + 1, 0x80 | ((code >> 12) & 0x3f));
  store<u8>(to + 2, 0x80 | ((code >> 6) & 0x3f));
  store<u8>(to + 3, 0x80 | (code & 0x3f));
  return 4;
}
