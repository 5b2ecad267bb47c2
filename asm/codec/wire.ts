// Protobuf's wire format. Functions return the next position, or 0 when the bytes end too early or make no sense.
import { fail, Problem } from './state';
import { Kind } from './table';

/** Value of the varint that was read last. */
export let number: u64 = 0;

/** Field number and wire type, as they would stand in 35 bits: Go cuts the field number to an int32. */
export let tag: u64 = 0;

@inline
export function readTag(p: usize, end: usize): usize {
  const next = readVarint(p, end);
  if (!next) return 0;
  const field = <i32>(number >> 3);
  tag = (<u64>field << 3) | (number & 7);
  return field <= 0 || (number & 7) == 4 ? fail(Problem.wire, p) : next;
}

@inline
export function readVarint(p: usize, end: usize): usize {
  if (p < end) {
    const byte = load<u8>(p);
    if (byte < 0x80) {
      number = byte;
      return p + 1;
    }
  }
  return readLongVarint(p, end);
}

function readLongVarint(p: usize, end: usize): usize {
  let value: u64 = 0;
  for (let shift: u64 = 0; shift < 64; shift += 7) {
    if (p >= end) return fail(Problem.truncated, end);
    const byte = <u64>load<u8>(p++);
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      number = value;
      return p;
    }
  }
  return fail(Problem.wire, p);
}

/** Reads a length; what it measures starts at the result and lies below `end`. */
@inline
export function readLength(p: usize, end: usize): usize {
  p = readVarint(p, end);
  if (!p) return 0;
  return number > <u64>(end - p) ? fail(Problem.truncated, p) : p;
}

/** Reads a varint, or of a double its bits, into `number`. */
@inline
export function readNumber(p: usize, end: usize, kind: u32): usize {
  if (kind != Kind.double) return readVarint(p, end);
  if (end - p < 8) return fail(Problem.truncated, p);
  number = load<u64>(p);
  return p + 8;
}

/**
 * Reads up to the next field with tag `wanted`, which has a length in `number`: it starts at the result. 0 when no such
 * field follows, and when the bytes make no sense: only then the call has failed.
 */
export function nextField(p: usize, end: usize, wanted: u64): usize {
  while (p < end) {
    p = readTag(p, end);
    if (!p) return 0;
    if (tag == wanted) return readLength(p, end);
    p = skipField(p, end, <u32>tag & 7);
    if (!p) return 0;
  }
  return 0;
}

@inline
export function wireOf(kind: u32): u32 {
  if (kind == Kind.double) return 1;
  return <i32>kind >= Kind.bool && <i32>kind <= Kind.uint64 ? 0 : 2;
}

/** Position after the value of a field nobody knows. */
export function skipField(p: usize, end: usize, wire: u32): usize {
  let depth: u32 = 0;
  while (true) {
    switch (wire) {
      case 0:
        p = readVarint(p, end);
        break;
      case 1:
        p = end - p < 8 ? fail(Problem.truncated, p) : p + 8;
        break;
      case 2:
        p = readLength(p, end);
        if (p) p += <usize>number;
        break;
      case 3:
        depth++;
        break;
      case 4:
        if (!depth) return fail(Problem.wire, p);
        depth--;
        break;
      case 5:
        p = end - p < 4 ? fail(Problem.truncated, p) : p + 4;
        break;
      default:
        return fail(Problem.wire, p);
    }
    if (!p || !depth) return p;
    p = readVarint(p, end);
    if (!p) return 0;
    wire = <u32>number & 7;
  }
  return 0;
}
