// Entries of protobuf maps: messages with a key (1) and a value (2). The last of each counts, as everywhere.
import { firstInvalid } from '../shared/utf8';
import { mapLink } from './mapsort';
import { leaf } from './scalars';
import { allocate, fail, failure, Problem } from './state';
import { nextField, number, readLength, readTag, readVarint, skipField, tag, wireOf } from './wire';

export let entryKey: usize = 0;
export let entryKeyLength: u32 = 0;
export let entryNumber: u64 = 0;
/** Where a value that has a length is; 0 when the entry has none. */
export let entryValue: usize = 0;
export let entryLength: u32 = 0;

const nothing: usize = memory.data(8);

export function readEntry(p: usize, end: usize, kind: u32, ofLists: bool): bool {
  entryKey = nothing;
  entryKeyLength = 0;
  entryNumber = 0;
  entryValue = 0;
  entryLength = 0;
  const natural: u32 = ofLists ? 2 : wireOf(kind);
  while (p < end) {
    const tagAt = p;
    p = readTag(p, end);
    if (!p) return false;
    const field = tag >> 3;
    const wire = <u32>tag & 7;
    if (field > 2) {
      p = skipField(p, end, wire);
    } else if (wire != (field == 1 ? 2 : natural)) {
      p = fail(Problem.wire, tagAt);
    } else if (wire == 0) {
      p = readVarint(p, end);
      entryNumber = number;
    } else if (wire == 1) {
      if (end - p < 8) return fail(Problem.truncated, p) != 0;
      entryNumber = load<u64>(p);
      p += 8;
    } else {
      p = readLength(p, end);
      if (!p) return false;
      if (field == 1) {
        entryKey = p;
        entryKeyLength = <u32>number;
      } else {
        entryValue = p;
        entryLength = <u32>number;
      }
      p += <usize>number;
    }
    if (!p) return false;
  }
  const bad = firstInvalid(entryKey, entryKey + entryKeyLength);
  return !bad || fail(Problem.utf8, bad) != 0;
}

let linked: u32 = 0;

/** How many entries the last call of `linkEntries` found. */
export function entriesLinked(): u32 {
  return linked;
}

/** Links (as of a JSON map, parse.ts) of all entries from the first tag at `p` on, newest first; 0 on failure. */
export function linkEntries(p: usize, end: usize, kind: u32, ofLists: bool): u32 {
  let last: u32 = 0;
  linked = 0;
  if (!readTag(p, end)) return 0;
  const wanted = tag;
  while ((p = nextField(p, end, wanted))) {
    const next = p + <usize>number;
    if (!readEntry(p, next, kind, ofLists)) return 0;
    const link = allocate(mapLink);
    const span = leaf(p, <u32>(next - p));
    if (!link || !span) return 0;
    store<u32>(link, last);
    store<u32>(link, span, 4);
    store<u32>(link, <u32>entryKey, 8);
    store<u32>(link, entryKeyLength, 12);
    last = <u32>link;
    linked++;
    p = next;
  }
  return failure == Problem.none ? last : 0;
}
