// Scalars that are messages on the wire, read from protobuf. The results stand in variables until the next call.
import { firstInvalid } from '../shared/utf8';
import { skipSpace, skipValue, syntax } from './lex';
import { allocate, fail, inputEnd, Problem, withInput } from './state';
import { isCanonicalQuantity, quantityRoom } from './scalars';
import { maxSeconds, minSeconds, zeroSeconds } from './time';
import { number, readLength, readTag, readVarint, skipField, tag } from './wire';
import * as host from './host';

/** Fields 1 to 3: number, or address and length. */
const scalars: usize = memory.data(16 * 4, 8);

@inline
function scalarNumber(field: u32): u64 {
  return load<u64>(scalars + field * 16);
}
@inline
function scalarAt(field: u32): usize {
  return load<u32>(scalars + field * 16, 8);
}
@inline
function scalarLength(field: u32): u32 {
  return load<u32>(scalars + field * 16);
}

/** Reads fields 1 to `count`; bit n of `textual` says that field n is text, else it is a varint. */
function readScalars(p: usize, end: usize, count: u32, textual: u32): bool {
  memory.fill(scalars, 0, 64);
  while (p < end) {
    const tagAt = p;
    p = readTag(p, end);
    if (!p) return false;
    const field = tag >> 3;
    const wire = <u32>tag & 7;
    if (field > <u64>count) {
      p = skipField(p, end, wire);
      if (!p) return false;
      continue;
    }
    const isText = ((textual >> <u32>field) & 1) != 0;
    if (wire != <u32>(isText ? 2 : 0)) return fail(Problem.wire, tagAt) != 0;
    const slot = scalars + <usize>field * 16;
    p = isText ? readLength(p, end) : readVarint(p, end);
    if (!p) return false;
    store<u64>(slot, number);
    if (isText) {
      store<u32>(slot, <u32>p, 8);
      p += <usize>number;
      const bad = firstInvalid(p - <usize>number, p);
      if (bad) return fail(Problem.utf8, bad) != 0;
    }
  }
  return true;
}

export let text: usize = 0;
export let textLength: u32 = 0;

const zeroText: usize = memory.data<u8>([0x30]);

/** Canonical text in `text`. */
export function readQuantity(p: usize, end: usize): bool {
  if (!readScalars(p, end, 1, 2)) return false;
  text = scalarAt(1);
  textLength = scalarLength(1);
  if (!text) {
    text = zeroText;
    textLength = 1;
    return true;
  }
  if (isCanonicalQuantity(text, text + textLength)) return true;
  const to = allocate(quantityRoom);
  if (!to) return false;
  const n = host.quantity(<u32>text, textLength, <u32>to, false);
  if (n < 0) return fail(Problem.type, p) != 0;
  text = to;
  textLength = n;
  return true;
}

/** Raw JSON in `text`, its grammar checked unless it is `trusted`; nothing when the length is 0. */
export function readRaw(p: usize, end: usize, trusted: bool): bool {
  if (!readScalars(p, end, 1, 2)) return false;
  text = scalarAt(1);
  textLength = scalarLength(1);
  return trusted || !textLength || isJson(text, text + textLength);
}

function isJson(p: usize, end: usize): bool {
  const outer = inputEnd;
  withInput(end);
  const q = skipValue(p, 0);
  if (!q) return false;
  const rest = skipSpace(q);
  withInput(outer);
  return rest == end || syntax(rest) != 0;
}

export let seconds: i64 = 0;
export let nanos: u32 = 0;
export let isZeroTime: bool = false;

/** `seconds` and `nanos`, as far as the kind keeps them. */
export function readTime(p: usize, end: usize, micro: bool): bool {
  seconds = 0;
  nanos = 0;
  isZeroTime = p >= end;
  if (isZeroTime) return true;
  if (!readScalars(p, end, 2, 0)) return false;
  seconds = <i64>scalarNumber(1);
  if (seconds < minSeconds || seconds > maxSeconds) return fail(Problem.type, p) != 0;
  if (micro) {
    let micros = (<i32>scalarNumber(2) / 1000) * 1000;
    while (micros < 0) {
      micros += 1000000000;
      seconds--;
    }
    while (micros >= 1000000000) {
      micros -= 1000000000;
      seconds++;
    }
    if (seconds < minSeconds || seconds > maxSeconds) return fail(Problem.type, p) != 0;
    nanos = micros;
  }
  isZeroTime = seconds == zeroSeconds && nanos == 0;
  return true;
}

export let duration: i64 = 0;

export function readDuration(p: usize, end: usize): bool {
  if (!readScalars(p, end, 1, 0)) return false;
  duration = <i64>scalarNumber(1);
  return true;
}

export let isText: bool = false;
export let integer: i32 = 0;

/** `isText` and then `text`, or `integer`. */
export function readIntOrString(p: usize, end: usize): bool {
  if (!readScalars(p, end, 3, 8)) return false;
  const which = scalarNumber(1);
  if (which > 1) return fail(Problem.type, p) != 0;
  isText = which == 1;
  integer = <i32>scalarNumber(2);
  text = scalarAt(3);
  textLength = scalarLength(3);
  return true;
}
