// Records that go out as they are.
import { copy } from '../shared/bytes';

/** Tag of field 2, of length-delimited type. */
const itemsTag: u32 = 0x12;

/** The record as an item of a list at `to`; the position behind it, or 0 when it does not fit below `limit`. */
export function copyItem(record: usize, length: u32, to: usize, limit: usize): usize {
  // a tag and five bytes of length at most
  if (to + 6 + length > limit) return 0;
  store<u8>(to++, itemsTag);
  let rest = length;
  while (rest >= 0x80) {
    store<u8>(to++, rest | 0x80);
    rest >>= 7;
  }
  store<u8>(to++, rest);
  copy(to, record, length);
  return to + length;
}
