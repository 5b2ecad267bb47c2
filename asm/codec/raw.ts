// JSON that is kept as text: as it was written, but for white space between tokens.
import { arenaTop, fail, Problem, setArenaTop, slotTop } from './state';
import { leaf } from './scalars';

/** A text leaf of the value in `[p, end)`, whose grammar has been checked; 0 when the arena is full. */
export function leafRaw(p: usize, end: usize): u32 {
  const blank = firstBlank(p, end);
  return blank == end ? leaf(p, <u32>(end - p)) : leafCompacted(p, end);
}

/** First byte that may be white space: it may also be within a string. */
function firstBlank(p: usize, end: usize): usize {
  while (p + 16 <= end) {
    const bits = i8x16.bitmask(i8x16.le_u(v128.load(p), i8x16.splat(0x20)));
    if (bits) return p + ctz(bits);
    p += 16;
  }
  while (p < end && load<u8>(p) > 0x20) p++;
  return p;
}

function leafCompacted(p: usize, end: usize): u32 {
  const to = arenaTop;
  if (to + (end - p) > slotTop) return <u32>fail(Problem.size, p);
  let o = to;
  let inString = false;
  while (p < end) {
    const c = load<u8>(p++);
    if (!inString && c <= 0x20) continue;
    store<u8>(o++, c);
    if (c == 0x5c) store<u8>(o++, load<u8>(p++));
    else if (c == 0x22) inString = !inString;
  }
  setArenaTop((o + 7) & ~7);
  return leaf(to, <u32>(o - to));
}
