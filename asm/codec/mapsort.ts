// Maps are written in the order of their keys' bytes, each key once.
import { compare } from '../shared/bytes';
import { beQuiet, note, Problem, speakAgain } from './state';

/** Size of a link: previous, reference; for maps also key, its length and where it stands in the input. */
export const listLink: u32 = 8;
export const mapLink: u32 = 24;

/**
 * Puts the links of a map (newest first) into descending order of keys and drops older links of the same key, which
 * are noted as duplicates. Returns the new first link. O(n log n) whatever the input.
 */
export function sortMap(newest: u32, count: u32): u32 {
  if (!descends(newest)) newest = mergeSort(newest, count);
  return dropDuplicates(newest);
}

/** The same for entries of protobuf, where a key that comes again is no problem. */
export function mapSorted(newest: u32, count: u32): u32 {
  beQuiet();
  const sorted = sortMap(newest, count);
  speakAgain();
  return sorted;
}

@inline
function next(link: u32): u32 {
  return load<u32>(link);
}

@inline
function order(a: u32, b: u32): i32 {
  return compare(load<u32>(a, 8), load<u32>(a, 12), load<u32>(b, 8), load<u32>(b, 12));
}

function descends(link: u32): bool {
  for (let n = next(link); n; n = next(n)) {
    if (order(link, n) < 0) return false;
    link = n;
  }
  return true;
}

/** Stable: of equal keys the newer stays first. */
function mergeSort(link: u32, count: u32): u32 {
  if (count < 2) {
    store<u32>(link, 0);
    return link;
  }
  const half = count / 2;
  let middle = link;
  for (let i: u32 = 0; i < half; i++) middle = next(middle);
  const right = mergeSort(middle, count - half);
  const left = mergeSort(link, half);
  return merge(left, right);
}

function merge(a: u32, b: u32): u32 {
  let head: u32 = 0;
  let tail: u32 = 0;
  while (a && b) {
    let taken = a;
    if (order(a, b) >= 0) {
      a = next(a);
    } else {
      taken = b;
      b = next(b);
    }
    if (tail) store<u32>(tail, taken);
    else head = taken;
    tail = taken;
  }
  const rest = a ? a : b;
  if (!tail) return rest;
  store<u32>(tail, rest);
  return head;
}

function dropDuplicates(head: u32): u32 {
  for (let link = head; link; link = next(link)) {
    let older = next(link);
    if (!older || order(link, older) != 0) continue;
    let second = link;
    while (older && order(link, older) == 0) {
      // the last link but one in this run is the second appearance
      if (next(older) && order(link, next(older)) == 0) second = older;
      older = next(older);
    }
    note(Problem.duplicateField, load<u32>(link, 8), load<u32>(link, 12), load<u32>(second, 16));
    store<u32>(link, older);
  }
  return head;
}
