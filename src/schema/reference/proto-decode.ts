import { CodecError } from '../codec.ts';
import type { MessageModel, TypeModel } from '../model.ts';
import { schema } from '../schema.ts';
import { canonicalQuantity } from '../values/quantity.ts';
import { instantOf, maxTimeSeconds, minTimeSeconds } from '../values/time.ts';
import { maxMessageDepth } from './json-decode.ts';
import { checkSyntax } from './json-syntax.ts';
import { malformed, ProtoReader } from './proto-reader.ts';
import { ListValue, MapValue, type MessageValue, RawJson, type SchemaOr, type Value, zeroElementOf } from './value.ts';
import { type WirePlan, wirePlan } from './wire-plan.ts';

/** Reads a message. Unknown tags are dropped; a singular message that comes twice is merged, as in Go. */
export function decodeProto(model: MessageModel, bytes: Uint8Array): MessageValue {
  const value: MessageValue = new Map();
  readMessage(new ProtoReader(bytes), wirePlan(model), value, 1);
  return value;
}

function readMessage(reader: ProtoReader, plan: WirePlan, value: MessageValue, depth: number): void {
  if (depth > maxMessageDepth) throw new CodecError('depth', 'exceeded max depth');
  while (!reader.done) {
    const { field: tag, wireType } = reader.tag();
    const entry = plan.byTag.get(tag);
    if (!entry) {
      reader.skip(wireType);
    } else if (entry.nested) {
      expect(wireType, 2, tag);
      readMessage(reader.message(), entry.nested, value, depth + 1);
    } else {
      const field = entry.field!;
      value.set(field, readField(reader, field.type, wireType, tag, value.get(field), depth));
    }
  }
}

function readField(
  reader: ProtoReader,
  type: TypeModel,
  wireType: number,
  tag: number,
  previous: Value | undefined,
  depth: number,
): Value {
  if (type.kind === 'map') {
    expect(wireType, 2, tag);
    const map = (previous as MapValue | undefined) ?? new MapValue();
    readEntry(reader.message(), type.value, map, depth);
    return map;
  }
  if (type.kind !== 'list') return readValue(reader, type, wireType, tag, previous, depth);
  const list = (previous as ListValue | undefined) ?? new ListValue();
  if (type.wrapped) {
    expect(wireType, 2, tag);
    readWrapped(reader.message(), type.item, list, depth);
  } else {
    readItem(reader, type.item, wireType, tag, list, depth);
  }
  return list;
}

/** Numbers may also come packed. */
function readItem(
  reader: ProtoReader,
  type: TypeModel,
  wireType: number,
  tag: number,
  list: ListValue,
  depth: number,
): void {
  const ownType = wireTypeOf(type);
  if (wireType !== 2 || ownType === 2) {
    list.items.push(readValue(reader, type, wireType, tag, undefined, depth));
    return;
  }
  const packed = reader.message();
  while (!packed.done) list.items.push(readValue(packed, type, ownType, tag, undefined, depth));
}

function readWrapped(reader: ProtoReader, type: TypeModel, list: ListValue, depth: number): void {
  while (!reader.done) {
    const { field, wireType } = reader.tag();
    if (field === 1) readItem(reader, type, wireType, field, list, depth);
    else reader.skip(wireType);
  }
}

function readEntry(reader: ProtoReader, type: TypeModel, map: MapValue, depth: number): void {
  let key = '';
  let value = zeroElementOf(type);
  while (!reader.done) {
    const { field, wireType } = reader.tag();
    if (field === 1) {
      expect(wireType, 2, field);
      key = reader.string();
    } else if (field === 2) {
      value = readField(reader, type, wireType, field, undefined, depth);
    } else {
      reader.skip(wireType);
    }
  }
  map.entries.set(key, value);
}

function wireTypeOf(type: TypeModel): number {
  switch (type.kind) {
    case 'bool':
    case 'int32':
    case 'uint32':
    case 'int64':
    case 'uint64':
      return 0;
    case 'double':
      return 1;
    default:
      return 2;
  }
}

function readValue(
  reader: ProtoReader,
  type: TypeModel,
  wireType: number,
  tag: number,
  previous: Value | undefined,
  depth: number,
): Value {
  expect(wireType, wireTypeOf(type), tag);
  switch (type.kind) {
    case 'string':
      return reader.string();
    case 'bytes':
      return reader.bytes().slice();
    case 'bool':
      return reader.varint64() !== 0n;
    case 'int32':
      return Number(BigInt.asIntN(32, reader.varint64()));
    case 'uint32':
      return Number(BigInt.asUintN(32, reader.varint64()));
    case 'int64':
      return BigInt.asIntN(64, reader.varint64());
    case 'uint64':
      return reader.varint64();
    case 'double':
      return reader.double();
    case 'message': {
      const message = (previous as MessageValue | undefined) ?? new Map();
      readMessage(reader.message(), wirePlan(schema.message(type.message)), message, depth + 1);
      return message;
    }
    default:
      return readNamed(reader.message(), type, depth);
  }
}

/** Scalars that are messages on the wire. */
function readNamed(reader: ProtoReader, type: TypeModel, depth: number): Value {
  switch (type.kind) {
    case 'quantity':
      return quantityText(readScalars(reader, { 1: { kind: 'string' } })[1] as string | undefined);
    case 'time':
    case 'microTime':
      return readTime(reader, type.kind);
    case 'duration':
      return readScalars(reader, { 1: { kind: 'int64' } })[1] ?? 0n;
    case 'intOrString': {
      const { 1: which, 2: int, 3: text } = readScalars(reader, intOrStringFields);
      return which === 1n ? (text ?? '') : which === undefined || which === 0n ? (int ?? 0) : badIntOrString();
    }
    case 'schemaOrArray':
    case 'schemaOrBool':
    case 'schemaOrStringArray':
      return readSchemaOr(reader, type, depth);
    default:
      return rawJson(readScalars(reader, { 1: { kind: 'string' } })[1] as string | undefined);
  }
}

const intOrStringFields = { 1: { kind: 'int64' }, 2: { kind: 'int32' }, 3: { kind: 'string' } } as const;

function badIntOrString(): never {
  throw new CodecError('type', 'impossible IntOrString.Type');
}

function readScalars(reader: ProtoReader, fields: Readonly<Record<number, TypeModel>>): Record<number, Value> {
  const values: Record<number, Value> = {};
  while (!reader.done) {
    const { field, wireType } = reader.tag();
    const type = fields[field];
    if (type) values[field] = readValue(reader, type, wireType, field, undefined, 0);
    else reader.skip(wireType);
  }
  return values;
}

function quantityText(text: string | undefined): string {
  try {
    return canonicalQuantity(text ?? '0');
  } catch (error) {
    throw new CodecError('type', (error as Error).message);
  }
}

function readTime(reader: ProtoReader, kind: 'time' | 'microTime'): Value {
  if (reader.done) return null;
  const { 1: seconds = 0n, 2: nanos = 0 } = readScalars(reader, { 1: { kind: 'int64' }, 2: { kind: 'int32' } });
  if ((seconds as bigint) < minTimeSeconds || (seconds as bigint) > maxTimeSeconds) {
    throw new CodecError('type', `time out of range: ${seconds} seconds`);
  }
  const micros = kind === 'time' ? 0 : Math.trunc((nanos as number) / 1000) * 1000;
  const instant = instantOf(Number(seconds), micros);
  return instant ? { seconds: BigInt(instant.seconds), nanos: instant.nanos } : null;
}

function rawJson(text: string | undefined): Value {
  if (!text) return null;
  checkSyntax(text);
  return new RawJson(text);
}

function readSchemaOr(reader: ProtoReader, type: Extract<TypeModel, { message: string }>, depth: number): SchemaOr {
  const message: TypeModel = { kind: 'message', message: type.message };
  const value: SchemaOr = {};
  const isBool = type.kind === 'schemaOrBool';
  while (!reader.done) {
    const { field, wireType } = reader.tag();
    if (isBool && field === 1) {
      value.allows = readValue(reader, { kind: 'bool' }, wireType, field, undefined, depth) as boolean;
    } else if (field === (isBool ? 2 : 1)) {
      value.schema = readValue(reader, message, wireType, field, value.schema, depth) as MessageValue;
    } else if (field === 2 && type.kind === 'schemaOrArray') {
      value.schemas ??= [];
      value.schemas.push(readValue(reader, message, wireType, field, undefined, depth) as MessageValue);
    } else if (field === 2) {
      value.property ??= [];
      value.property.push(readValue(reader, { kind: 'string' }, wireType, field, undefined, depth) as string);
    } else {
      reader.skip(wireType);
    }
  }
  return value;
}

function expect(actual: number, wanted: number, tag: number): void {
  if (actual !== wanted) throw malformed(`proto: wrong wireType = ${actual} for field ${tag}`);
}
