import type { FieldModel, TypeModel } from '../model.ts';

/** A message between two encodings: the fields that are set. Zero values of fields that are not pointers may be absent. */
export type MessageValue = Map<FieldModel, Value>;

/** One of the "this or that" parts of JSONSchemaProps. */
export interface SchemaOr {
  allows?: boolean;
  schema?: MessageValue;
  schemas?: MessageValue[];
  property?: string[];
}

export interface Time {
  seconds: bigint;
  nanos: number;
}

/** JSON text as it was written, but for white space between tokens. */
export class RawJson {
  readonly text: string;
  constructor(text: string) {
    this.text = compactJson(text);
  }
}

function compactJson(text: string): string {
  return /[ \t\r\n]/.test(text) ? text.replace(tokens, (token) => (token[0] === '"' ? token : '')) : text;
}

const tokens = /"[^"\\]*(?:\\.[^"\\]*)*"|[ \t\r\n]+/g;

/**
 * string; quantity: its canonical text; bool; int32, uint32 and double: number; int64, uint64 and duration: bigint;
 * bytes; intOrString: number or string; null: a zero time, no raw JSON, no bytes in a map or list.
 */
export type Value =
  | string
  | boolean
  | number
  | bigint
  | Uint8Array
  | null
  | RawJson
  | Time
  | SchemaOr
  | MessageValue
  | ListValue
  | MapValue;

export class ListValue {
  readonly items: Value[] = [];
}

export class MapValue {
  readonly entries = new Map<string, Value>();
}

/** What Go has in a field of this type that nobody set. Lists, maps and bytes have none (nil). */
export function zeroOf(type: TypeModel): Value | undefined {
  switch (type.kind) {
    case 'string':
      return '';
    case 'bool':
      return false;
    case 'int32':
    case 'uint32':
    case 'double':
    case 'intOrString':
      return 0;
    case 'int64':
    case 'uint64':
    case 'duration':
      return 0n;
    case 'quantity':
      return '0';
    case 'time':
    case 'microTime':
    case 'rawExtension':
    case 'fieldsV1':
    case 'json':
      return null;
    case 'message':
      return new Map();
    case 'schemaOrArray':
    case 'schemaOrBool':
    case 'schemaOrStringArray':
      return {};
    case 'bytes':
    case 'list':
    case 'map':
      return undefined;
  }
}

/** What Go has in an item of a list or a value of a map that is null or not there. Bytes have none (nil). */
export const zeroElementOf = (type: TypeModel): Value =>
  type.kind === 'list' ? new ListValue() : (zeroOf(type) ?? null);

/** Go's "empty" for omitempty: false, 0, '' and nothing in it. */
export function isEmpty(type: TypeModel, value: Value): boolean {
  switch (type.kind) {
    case 'string':
      return value === '';
    case 'bool':
      return value === false;
    case 'int32':
    case 'uint32':
    case 'double':
      return value === 0;
    case 'int64':
    case 'uint64':
      return value === 0n;
    case 'bytes':
      return (value as Uint8Array).length === 0;
    case 'list':
      return (value as ListValue).items.length === 0;
    case 'map':
      return (value as MapValue).entries.size === 0;
    default:
      return false;
  }
}

/** Go's order of strings: by bytes of UTF-8, which is by code point. */
export function compareUtf8(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    let left = a.charCodeAt(i);
    let right = b.charCodeAt(i);
    if (left === right) continue;
    if (left >= 0xd800 && right >= 0xd800) {
      // Surrogates stand for code points above all others of 16 bits.
      left = left >= 0xe000 ? left - 0x800 : left + 0x2000;
      right = right >= 0xe000 ? right - 0x800 : right + 0x2000;
    }
    return left - right;
  }
  return a.length - b.length;
}
