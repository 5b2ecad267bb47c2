import type { FieldModel, MessageModel, TypeModel } from '../model.ts';
import { schema } from '../schema.ts';
import { formatDuration } from '../values/duration.ts';
import { formatInstant, formatMicroInstant } from '../values/time.ts';
import {
  compareUtf8,
  isEmpty,
  type ListValue,
  type MapValue,
  type MessageValue,
  type RawJson,
  type SchemaOr,
  type Time,
  type Value,
  zeroOf,
} from './value.ts';

/** A message as Go's encoding/json prints it: compact, HTML-escaped, maps sorted by key. */
export function encodeJson(
  model: MessageModel,
  value: MessageValue,
  gvk?: { apiVersion: string; kind: string },
): string {
  const members: string[] = [];
  if (gvk?.kind) members.push(`"kind":${quote(gvk.kind)}`);
  if (gvk?.apiVersion) members.push(`"apiVersion":${quote(gvk.apiVersion)}`);
  for (const field of model.fields) {
    if (field.wire.length === 0) continue;
    const text = fieldText(field, value.get(field));
    if (text !== undefined) members.push(`${quote(field.json)}:${text}`);
  }
  return `{${members.join(',')}}`;
}

/** Undefined: left out. */
function fieldText(field: FieldModel, set: Value | undefined): string | undefined {
  const value = set === undefined && !field.pointer ? zeroOf(field.type) : set;
  if (value === undefined) return field.omitEmpty ? undefined : 'null';
  if (field.omitEmpty && !field.pointer && isEmpty(field.type, value)) return undefined;
  if (field.omitZero && value === null) return undefined;
  return encodeValue(field.type, value);
}

function encodeValue(type: TypeModel, value: Value): string {
  switch (type.kind) {
    case 'string':
    case 'quantity':
      return quote(value as string);
    case 'bool':
    case 'int32':
    case 'uint32':
    case 'int64':
    case 'uint64':
      return String(value);
    case 'double':
      return Object.is(value, -0) ? '-0' : String(value);
    case 'bytes':
      return `"${Buffer.from((value as Uint8Array | null) ?? []).toString('base64')}"`;
    case 'duration':
      return quote(formatDuration(value as bigint));
    case 'intOrString':
      return typeof value === 'string' ? quote(value) : String(value);
    case 'time':
    case 'microTime':
      return value === null ? 'null' : timeText(type.kind, value as Time);
    case 'rawExtension':
    case 'fieldsV1':
    case 'json':
      return value === null ? 'null' : escapeHtml((value as RawJson).text);
    case 'message':
      return encodeJson(schema.message(type.message), value as MessageValue);
    case 'list':
      return `[${(value as ListValue).items.map((item) => encodeValue(type.item, item)).join(',')}]`;
    case 'map':
      return mapText(type.value, value as MapValue);
    default:
      return schemaOrText(type, value as SchemaOr);
  }
}

function mapText(type: TypeModel, map: MapValue): string {
  const keys = [...map.entries.keys()].sort(compareUtf8);
  return `{${keys.map((key) => `${quote(key)}:${encodeValue(type, map.entries.get(key)!)}`).join(',')}}`;
}

function timeText(kind: 'time' | 'microTime', { seconds, nanos }: Time): string {
  const instant = { seconds: Number(seconds), nanos };
  return `"${kind === 'time' ? formatInstant(instant) : formatMicroInstant(instant)}"`;
}

function schemaOrText(type: Extract<TypeModel, { message: string }>, value: SchemaOr): string {
  const one = (schemaValue: MessageValue): string => encodeJson(schema.message(type.message), schemaValue);
  if (value.schemas?.length) return `[${value.schemas.map(one).join(',')}]`;
  if (value.property?.length) return `[${value.property.map(quote).join(',')}]`;
  if (value.schema) return one(value.schema);
  return type.kind === 'schemaOrBool' ? String(value.allows ?? false) : 'null';
}

const htmlUnsafe = /[<>&\u2028\u2029]/g;

const escapeHtml = (text: string): string =>
  text.replace(htmlUnsafe, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);

const quote = (text: string): string => escapeHtml(JSON.stringify(text));
