// The schema table: written by src/wasm/table.ts, which documents the layout. Both files change together.
import { equal } from '../shared/bytes';
import { inputEnd, inputStart, table } from './state';

export const enum Kind {
  none = 0, // kind and apiVersion: in JSON only
  string = 1,
  bool = 2,
  int32 = 3,
  int64 = 4,
  uint32 = 5,
  uint64 = 6,
  double = 7,
  bytes = 8,
  quantity = 9,
  time = 10,
  microTime = 11,
  duration = 12,
  intOrString = 13,
  raw = 14, // rawExtension, fieldsV1, json
  message = 15,
  schemaOrArray = 16,
  schemaOrBool = 17,
  schemaOrStringArray = 18,
}

export const enum Shape {
  single = 0,
  list = 1,
  map = 2,
  wrappedList = 3, // a message whose field 1 is the list
  mapOfWrappedLists = 4,
  mapOfLists = 5,
}

export const enum Flag {
  /** Written even when absent. */
  always = 1,
  omitEmpty = 2,
  pointer = 4,
  /** A zero value gives way to the default. */
  defaulted = 8,
  omitZero = 16,
}

export const enum Op {
  field = 0,
  open = 1, // (in reverse) the end of a nested struct: remember the position
  close = 2, // (in reverse) its beginning: write length and tag
}

/** Size of a field record. It begins with the first and the last eight bytes of the name, zero-filled. */
const fieldSize: u32 = 48;

@inline
export function at(offset: u32): usize {
  return table + offset;
}

// --- messages ---------------------------------------------------------------------------------------------------------

@inline
export function fieldCount(message: usize): u32 {
  return <u32>load<u16>(message);
}
/** 64-bit words of a presence mask. */
@inline
export function maskWords(message: usize): u32 {
  return <u32>load<u16>(message, 2);
}
@inline
export function fieldAt(message: usize, index: u32): usize {
  return at(load<u32>(message, 16)) + index * fieldSize;
}
@inline
export function opCount(message: usize): u32 {
  return load<u32>(message, 20);
}
/** Size of an operation: what and on which field; then the tag of a struct, or what stands for an absent field. */
export const opSize: u32 = 16;

@inline
export function opsAt(message: usize): usize {
  return at(load<u32>(message, 24));
}
@inline
export function containersAt(message: usize): usize {
  return at(load<u32>(message, 28));
}
@inline
export function containerCount(message: usize): u32 {
  return load<u32>(message, 36);
}
/** Mask of the fields that JSON shows even when they are absent. */
@inline
export function shownMask(message: usize): usize {
  return at(load<u32>(message, 32));
}

const mix1: u32 = 0x9e3779b1;
const mix2: u32 = 0x85ebca77;
const mix3: u32 = 0xc2b2ae3d;

/** First up to eight bytes of a name, zero-filled. The name is in the input, or in the arena below it. */
@inline
function head8(name: usize, length: u32): u64 {
  if (length >= 8) return load<u64>(name);
  if (name + 8 <= inputEnd || name < inputStart) return load<u64>(name) & (((<u64>1) << (length * 8)) - 1);
  let v: u64 = 0;
  for (let i = length; i > 0; i--) v = (v << 8) | <u64>load<u8>(name + i - 1);
  return v;
}

/** Index of the field that JSON calls by these bytes, or -1. */
@inline
export function findField(message: usize, name: usize, length: u32): i32 {
  const head = head8(name, length);
  const tail = length >= 8 ? load<u64>(name + length - 8) : head;
  let h: u32 = <u32>head ^ (<u32>(head >> 32) * mix1) ^ (<u32>tail * mix2) ^ (<u32>(tail >> 32) * mix3) ^ length;
  h = (h * load<u32>(message, 8)) >> load<u32>(message, 4);
  const found = <i32>load<u16>(at(load<u32>(message, 12)) + h * 2) - 1;
  if (found < 0) return -1;
  const field = fieldAt(message, found);
  if (nameLength(field) != length || load<u64>(field) != head || load<u64>(field, 8) != tail) return -1;
  return length <= 16 || equal(nameAt(field), name, length) ? found : -1;
}

// --- fields -----------------------------------------------------------------------------------------------------------

@inline
export function nameLength(field: usize): u32 {
  return <u32>load<u16>(field, 16);
}
/** `,"name":` */
@inline
export function keyLength(field: usize): u32 {
  return <u32>load<u16>(field, 18);
}
@inline
export function kindOf(field: usize): u32 {
  return <u32>load<u8>(field, 20);
}
@inline
export function shapeOf(field: usize): u32 {
  return <u32>load<u8>(field, 21);
}
@inline
export function flagsOf(field: usize): u32 {
  return <u32>load<u16>(field, 22);
}
@inline
export function keyAt(field: usize): usize {
  return at(load<u32>(field, 24));
}
@inline
export function nameAt(field: usize): usize {
  return keyAt(field) + 2;
}
/** Message of a field (or of its items). */
@inline
export function messageOf(field: usize): usize {
  return at(load<u32>(field, 28));
}
/** The tag's bytes, little-endian, and how many they are. */
@inline
export function tagOf(field: usize): u32 {
  return load<u32>(field, 32);
}
@inline
export function tagLength(field: usize): u32 {
  return <u32>load<u16>(field, 36);
}
/** Struct that holds the field on the wire: 0 = the message itself. */
@inline
export function containerOf(field: usize): u32 {
  return <u32>load<u16>(field, 38);
}
/** JSON of an absent field that is shown nevertheless: `,"name":null`. */
@inline
export function absentJsonAt(field: usize): usize {
  return at(load<u32>(field, 40));
}
@inline
export function absentJsonLength(field: usize): u32 {
  return load<u32>(field, 44);
}
