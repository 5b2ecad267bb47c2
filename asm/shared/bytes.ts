// Copies and compares that never touch a byte outside the ranges they are given.

/** Copies `n` bytes; the ranges do not overlap. */
export function copy(to: usize, from: usize, n: usize): void {
  if (n > 16) {
    if (n > 128) {
      memory.copy(to, from, n);
      return;
    }
    const last = n - 16;
    for (let i: usize = 0; i < last; i += 16) v128.store(to + i, v128.load(from + i));
    v128.store(to + last, v128.load(from + last));
    return;
  }
  if (n >= 8) {
    const tail = load<u64>(from + n - 8);
    store<u64>(to, load<u64>(from));
    store<u64>(to + n - 8, tail);
    return;
  }
  if (n >= 4) {
    const tail = load<u32>(from + n - 4);
    store<u32>(to, load<u32>(from));
    store<u32>(to + n - 4, tail);
    return;
  }
  for (let i: usize = 0; i < n; i++) store<u8>(to + i, load<u8>(from + i));
}

export function equal(a: usize, b: usize, n: usize): bool {
  let i: usize = 0;
  while (i + 8 <= n) {
    if (load<u64>(a + i) != load<u64>(b + i)) return false;
    i += 8;
  }
  while (i < n) {
    if (load<u8>(a + i) != load<u8>(b + i)) return false;
    i++;
  }
  return true;
}

/** Order of two byte strings: negative, zero or positive. */
export function compare(a: usize, aLength: u32, b: usize, bLength: u32): i32 {
  const n: u32 = min(aLength, bLength);
  for (let i: u32 = 0; i < n; i++) {
    const d = <i32>load<u8>(a + i) - <i32>load<u8>(b + i);
    if (d != 0) return d;
  }
  return aLength < bLength ? -1 : aLength > bLength ? 1 : 0;
}
