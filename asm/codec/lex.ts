// JSON's grammar, byte by byte, as Go's encoding/json reads it. Positions are addresses; 0 means that the call failed.
import { encode, sequenceLength } from '../shared/utf8';
import { arenaTop, fail, inputEnd, Problem, setArenaTop, slotTop } from './state';

/** Not JSON from `at` on. */
export function syntax(at: usize): usize {
  return fail(Problem.syntax, at);
}

@inline
export function skipSpace(p: usize): usize {
  const end = inputEnd;
  while (p < end) {
    const c = load<u8>(p);
    if (c > 0x20 || (c != 0x20 && c != 0x0a && c != 0x0d && c != 0x09)) break;
    p++;
  }
  return p;
}

/** Content of the string that `scanString` read last: in the input, or in the arena when it had escapes. */
export let text: usize = 0;
export let textLength: u32 = 0;

/** First byte from `p` on that is a quote, a backslash, a control character or not ASCII; `inputEnd` when there is none. */
@inline
function plainEnd(p: usize): usize {
  const end = inputEnd;
  while (p + 16 <= end) {
    const v = v128.load(p);
    const special = v128.or(
      v128.or(i8x16.eq(v, i8x16.splat(0x22)), i8x16.eq(v, i8x16.splat(0x5c))),
      // signed: control characters and everything from 0x80 on are below 0x20
      i8x16.lt_s(v, i8x16.splat(0x20)),
    );
    const bits = i8x16.bitmask(special);
    if (bits) return p + ctz(bits);
    p += 16;
  }
  while (p < end) {
    const c = load<i8>(p);
    if (c < 0x20 || c == 0x22 || c == 0x5c) break;
    p++;
  }
  return p;
}

/** Reads the string whose opening quote is at `p`; returns the position after the closing quote. */
export function scanString(p: usize): usize {
  const start = p + 1;
  let q = start;
  const end = inputEnd;
  while (true) {
    q = plainEnd(q);
    if (q >= end) return syntax(end);
    const c = load<u8>(q);
    if (c == 0x22) {
      text = start;
      textLength = <u32>(q - start);
      return q + 1;
    }
    if (c == 0x5c) return scanEscaped(start, q);
    if (c < 0x20) return syntax(q);
    const n = sequenceLength(q, end);
    if (!n) return fail(Problem.utf8, q);
    q += n;
  }
  return 0;
}

/** The rest of a string whose first escape is at `q`: the decoded text goes to the arena. */
function scanEscaped(start: usize, q: usize): usize {
  const close = stringEnd(q);
  if (!close) return 0;
  const to = arenaTop;
  if (to + (close - start) > slotTop) return fail(Problem.size, start);
  memory.copy(to, start, q - start);
  let o = to + (q - start);
  while (q < close) {
    const c = load<u8>(q);
    if (c != 0x5c) {
      store<u8>(o++, c);
      q++;
    } else if (load<u8>(q + 1) == 0x75) {
      let code = hex4(q + 2);
      q += 6;
      if (code >= 0xd800 && code < 0xe000) {
        const low: u32 = code < 0xdc00 && q + 6 <= close && load<u16>(q) == 0x755c ? hex4(q + 2) : 0;
        if (low >= 0xdc00 && low < 0xe000) {
          code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
          q += 6;
        } else {
          code = 0xfffd;
        }
      }
      o += encode(o, code);
    } else {
      store<u8>(o++, simpleEscape(load<u8>(q + 1)));
      q += 2;
    }
  }
  text = to;
  textLength = <u32>(o - to);
  setArenaTop((o + 7) & ~7);
  return close + 1;
}

/** Closing quote of a string of which `q` is a byte inside; checks escapes, control characters and UTF-8. */
function stringEnd(q: usize): usize {
  const end = inputEnd;
  while (true) {
    q = plainEnd(q);
    if (q >= end) return syntax(end);
    const c = load<u8>(q);
    if (c == 0x22) return q;
    if (c == 0x5c) {
      q = escapeEnd(q);
      if (!q) return 0;
    } else if (c < 0x20) {
      return syntax(q);
    } else {
      const n = sequenceLength(q, end);
      if (!n) return fail(Problem.utf8, q);
      q += n;
    }
  }
  return 0;
}

/** Position after the escape at `q`. */
function escapeEnd(q: usize): usize {
  const end = inputEnd;
  if (q + 1 >= end) return syntax(end);
  const e = load<u8>(q + 1);
  if (e != 0x75) return simpleEscape(e) ? q + 2 : syntax(q + 1);
  for (let i: usize = 2; i < 6; i++) {
    if (q + i >= end) return syntax(end);
    if (hexDigit(load<u8>(q + i)) > 15) return syntax(q + i);
  }
  return q + 6;
}

/** What `\c` stands for, or 0 when there is no such escape. */
function simpleEscape(c: u32): u32 {
  switch (c) {
    case 0x22:
    case 0x5c:
    case 0x2f:
      return c;
    case 0x62:
      return 8;
    case 0x66:
      return 12;
    case 0x6e:
      return 10;
    case 0x72:
      return 13;
    case 0x74:
      return 9;
    default:
      return 0;
  }
}

function hexDigit(c: u32): u32 {
  if (c - 0x30 < 10) return c - 0x30;
  const lower = c | 0x20;
  return lower - 0x61 < 6 ? lower - 0x57 : 16;
}

function hex4(p: usize): u32 {
  return (
    (hexDigit(load<u8>(p)) << 12) |
    (hexDigit(load<u8>(p + 1)) << 8) |
    (hexDigit(load<u8>(p + 2)) << 4) |
    hexDigit(load<u8>(p + 3))
  );
}

/** Set by `numberEnd`: the number has neither a fraction nor an exponent. */
export let isInteger: bool = false;

/** Position after the number at `p`, which begins with a digit or a minus sign. */
export function numberEnd(p: usize): usize {
  const end = inputEnd;
  isInteger = true;
  if (load<u8>(p) == 0x2d) p++;
  if (p >= end) return syntax(end);
  let c = <u32>load<u8>(p);
  if (c - 0x30 > 9) return syntax(p);
  p++;
  if (c != 0x30) while (p < end && <u32>load<u8>(p) - 0x30 < 10) p++;
  if (p < end && load<u8>(p) == 0x2e) {
    isInteger = false;
    p = digits(p + 1);
    if (!p) return 0;
  }
  if (p < end && (load<u8>(p) | 0x20) == 0x65) {
    isInteger = false;
    p++;
    if (p < end && (load<u8>(p) == 0x2b || load<u8>(p) == 0x2d)) p++;
    p = digits(p);
  }
  return p;
}

/** At least one digit. */
function digits(p: usize): usize {
  const end = inputEnd;
  if (p >= end) return syntax(end);
  if (<u32>load<u8>(p) - 0x30 > 9) return syntax(p);
  while (p < end && <u32>load<u8>(p) - 0x30 < 10) p++;
  return p;
}

/** Position after `true`, `false` or `null`, of which `p` is the first letter. */
export function literalEnd(p: usize): usize {
  const c = load<u8>(p);
  if (c == 0x74) return word(p, 0x65757274, 4);
  if (c == 0x6e) return word(p, 0x6c6c756e, 4);
  return word(p, 0x65736c6166, 5);
}

function word(p: usize, letters: u64, n: usize): usize {
  for (let i: usize = 1; i < n; i++) {
    if (p + i >= inputEnd) return syntax(inputEnd);
    if (load<u8>(p + i) != <u8>(letters >> (i * 8))) return syntax(p + i);
  }
  return p + n;
}

/** Nesting that Go's decoder accepts. */
const nestingLimit: u32 = 10000;
const nesting: usize = memory.data(10008 / 8 + 8, 8);

@inline
function pushNesting(level: u32, isObject: bool): void {
  const at = nesting + (level >> 3);
  const bit: u8 = <u8>((1 as u32) << (level & 7));
  store<u8>(at, isObject ? load<u8>(at) | bit : load<u8>(at) & ~bit);
}

@inline
function inObject(level: u32): bool {
  return (load<u8>(nesting + (level >> 3)) & <u8>((1 as u32) << (level & 7))) != 0;
}

/** Position after the value at `p`, whatever it is, with its grammar checked and no recursion. */
export function skipValue(p: usize, outer: u32): usize {
  let level: u32 = 0;
  while (true) {
    p = skipSpace(p);
    if (p >= inputEnd) return syntax(inputEnd);
    const c = load<u8>(p);
    if (c == 0x7b || c == 0x5b) {
      if (level + outer >= nestingLimit) return fail(Problem.depth, p);
      pushNesting(level, c == 0x7b);
      level++;
      p = skipSpace(p + 1);
      if (p >= inputEnd) return syntax(inputEnd);
      if (load<u8>(p) != c + 2) {
        if (c == 0x7b) {
          p = skipKey(p);
          if (!p) return 0;
        }
        continue;
      }
      p++;
      level--;
    } else {
      p = scalarEnd(p);
      if (!p) return 0;
    }
    // a value has ended: close what closes, stop at the top
    while (true) {
      if (!level) return p;
      p = skipSpace(p);
      const object = inObject(level - 1);
      if (p >= inputEnd) return syntax(inputEnd);
      const d = load<u8>(p);
      if (d == 0x2c) {
        p++;
        if (object) {
          p = skipKey(skipSpace(p));
          if (!p) return 0;
        }
        break;
      }
      if (d != (object ? 0x7d : 0x5d)) return syntax(p);
      p++;
      level--;
    }
  }
  return 0;
}

/** Position after `"key":`. */
function skipKey(p: usize): usize {
  if (p >= inputEnd) return syntax(inputEnd);
  if (load<u8>(p) != 0x22) return syntax(p);
  p = stringEnd(p + 1);
  if (!p) return 0;
  return colon(p + 1);
}

/** Position after the colon that must follow a key. */
@inline
export function colon(p: usize): usize {
  return p < inputEnd && load<u8>(p) == 0x3a ? p + 1 : lateColon(p);
}

function lateColon(p: usize): usize {
  p = skipSpace(p);
  if (p >= inputEnd) return syntax(inputEnd);
  return load<u8>(p) == 0x3a ? p + 1 : syntax(p);
}

/** Position after the string, number or literal at `p`. */
function scalarEnd(p: usize): usize {
  const c = <u32>load<u8>(p);
  if (c == 0x22) {
    const close = stringEnd(p + 1);
    return close ? close + 1 : 0;
  }
  if (c == 0x2d || c - 0x30 < 10) return numberEnd(p);
  if (c == 0x74 || c == 0x66 || c == 0x6e) return literalEnd(p);
  return syntax(p);
}
