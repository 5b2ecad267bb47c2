import type { FieldModel, MessageModel, TypeModel } from '../model.ts';
import { schema } from '../schema.ts';
import { ProtoWriter } from './proto-writer.ts';
import {
  compareUtf8,
  type ListValue,
  type MapValue,
  type MessageValue,
  type RawJson,
  type SchemaOr,
  type Time,
  type Value,
  zeroOf,
} from './value.ts';
import { type WirePlan, wirePlan } from './wire-plan.ts';

const varintType = 0;
const fixed64Type = 1;
const bytesType = 2;

/** A message in upstream's canonical form: tags ascending, maps sorted, zero values of what is not a pointer written. */
export function encodeProto(model: MessageModel, value: MessageValue): Uint8Array {
  const writer = new ProtoWriter();
  writeMessage(writer, wirePlan(model), value);
  return writer.finish();
}

function writeMessage(writer: ProtoWriter, plan: WirePlan, value: MessageValue): void {
  for (const { tag, field, nested } of plan.entries.toReversed()) {
    if (field) writeField(writer, tag, field, value.get(field));
    else writer.message(tag, () => writeMessage(writer, nested!, value));
  }
}

function writeField(writer: ProtoWriter, tag: number, field: FieldModel, set: Value | undefined): void {
  const value = set === undefined && !field.pointer ? zeroOf(field.type) : set;
  if (value !== undefined) writeValue(writer, tag, field.type, value);
}

function writeValue(writer: ProtoWriter, tag: number, type: TypeModel, value: Value): void {
  switch (type.kind) {
    case 'string':
      writer.string(value as string);
      writer.tag(tag, bytesType);
      break;
    case 'bool':
      writer.varint(value ? 1 : 0);
      writer.tag(tag, varintType);
      break;
    case 'int32':
    case 'uint32':
      writeInteger(writer, value as number);
      writer.tag(tag, varintType);
      break;
    case 'int64':
    case 'uint64':
      writer.varint64(value as bigint);
      writer.tag(tag, varintType);
      break;
    case 'double':
      writer.double(value as number);
      writer.tag(tag, fixed64Type);
      break;
    case 'bytes':
      if (value !== null) writeBytes(writer, tag, value as Uint8Array);
      break;
    case 'list':
      writeList(writer, tag, type, value as ListValue);
      break;
    case 'map':
      writeMap(writer, tag, type.value, value as MapValue);
      break;
    default:
      writer.message(tag, () => writeNamed(writer, type, value));
      break;
  }
}

function writeBytes(writer: ProtoWriter, tag: number, value: Uint8Array): void {
  writer.bytes(value);
  writer.varint(value.length);
  writer.tag(tag, bytesType);
}

function writeInteger(writer: ProtoWriter, value: number): void {
  if (value < 0) writer.varint64(BigInt(value));
  else writer.varint(value);
}

function writeList(
  writer: ProtoWriter,
  tag: number,
  type: Extract<TypeModel, { kind: 'list' }>,
  list: ListValue,
): void {
  if (type.wrapped) writer.message(tag, () => writeItems(writer, 1, type.item, list));
  else writeItems(writer, tag, type.item, list);
}

function writeItems(writer: ProtoWriter, tag: number, type: TypeModel, list: ListValue): void {
  for (const item of list.items.toReversed()) {
    // An item cannot be left out, so that no bytes are empty bytes.
    writeValue(writer, tag, type, item === null && type.kind === 'bytes' ? new Uint8Array() : item);
  }
}

function writeMap(writer: ProtoWriter, tag: number, type: TypeModel, map: MapValue): void {
  for (const key of [...map.entries.keys()].sort(compareUtf8).reverse()) {
    const value = map.entries.get(key)!;
    writer.message(tag, () => {
      writeValue(writer, 2, type, value);
      writer.string(key);
      writer.tag(1, bytesType);
    });
  }
}

/** The body of a message, or of a scalar that is a message on the wire. */
function writeNamed(writer: ProtoWriter, type: TypeModel, value: Value): void {
  switch (type.kind) {
    case 'message':
      writeMessage(writer, wirePlan(schema.message(type.message)), value as MessageValue);
      break;
    case 'quantity':
      writeValue(writer, 1, { kind: 'string' }, value);
      break;
    case 'time':
    case 'microTime':
      writeTime(writer, type.kind, value as Time | null);
      break;
    case 'duration':
      writeValue(writer, 1, { kind: 'int64' }, value);
      break;
    case 'intOrString':
      writeIntOrString(writer, value as number | string);
      break;
    case 'rawExtension':
    case 'fieldsV1':
    case 'json':
      if (value !== null) writeValue(writer, 1, { kind: 'string' }, (value as RawJson).text);
      break;
    case 'schemaOrArray':
    case 'schemaOrBool':
    case 'schemaOrStringArray':
      writeSchemaOr(writer, type, value as SchemaOr);
      break;
  }
}

function writeTime(writer: ProtoWriter, kind: 'time' | 'microTime', time: Time | null): void {
  if (!time) return;
  const nanos = kind === 'time' ? 0 : Math.trunc(time.nanos / 1000) * 1000;
  writeValue(writer, 2, { kind: 'int32' }, nanos);
  writeValue(writer, 1, { kind: 'int64' }, time.seconds);
}

function writeIntOrString(writer: ProtoWriter, value: number | string): void {
  const isString = typeof value === 'string';
  writeValue(writer, 3, { kind: 'string' }, isString ? value : '');
  writeValue(writer, 2, { kind: 'int32' }, isString ? 0 : value);
  writeValue(writer, 1, { kind: 'int32' }, isString ? 1 : 0);
}

function writeSchemaOr(writer: ProtoWriter, type: Extract<TypeModel, { message: string }>, value: SchemaOr): void {
  const message: TypeModel = { kind: 'message', message: type.message };
  if (type.kind === 'schemaOrBool') {
    if (value.schema) writeValue(writer, 2, message, value.schema);
    writeValue(writer, 1, { kind: 'bool' }, value.allows ?? false);
    return;
  }
  for (const item of (value.schemas ?? []).toReversed()) writeValue(writer, 2, message, item);
  for (const item of (value.property ?? []).toReversed()) writeValue(writer, 2, { kind: 'string' }, item);
  if (value.schema) writeValue(writer, 1, message, value.schema);
}
