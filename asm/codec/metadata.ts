// What every kind has in field 1 (ObjectMeta or ListMeta), found without reading the rest.
import { number, readLength, readTag, skipField, tag } from './wire';

/** Fields of ObjectMeta that are peeked at: name 1, namespace 3, uid 5, resourceVersion 6. */
@inline
function placeOf(field: u64): i32 {
  if (field == 1) return 0;
  if (field == 3) return 1;
  if (field == 5) return 2;
  return field == 6 ? 3 : -1;
}

/** Stores address and length of each field at `to` (0 when it is absent). False when the bytes make no sense. */
export function peekMetadata(p: usize, end: usize, to: usize): bool {
  memory.fill(to, 0, 32);
  if (p >= end) return true;
  p = readTag(p, end);
  if (!p || tag != 10) return false;
  p = readLength(p, end);
  if (!p) return false;
  end = p + <usize>number;
  while (p < end) {
    p = readTag(p, end);
    // canonical bytes have ascending tags
    if (!p || tag >> 3 > 6) break;
    const place = placeOf(tag >> 3);
    if (place < 0 || (tag & 7) != 2) {
      p = skipField(p, end, <u32>tag & 7);
    } else {
      p = readLength(p, end);
      if (!p) return false;
      store<u32>(to + place * 8, <u32>p);
      store<u32>(to + place * 8, <u32>number, 4);
      p += <usize>number;
    }
    if (!p) return false;
  }
  return p != 0;
}
