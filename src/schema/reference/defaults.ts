import type { FieldModel, MessageModel, TypeModel } from '../model.ts';
import { schema } from '../schema.ts';
import { decodeJsonValue } from './json-decode.ts';
import { isEmpty, ListValue, MapValue, type MessageValue, type Value } from './value.ts';

/**
 * Sets the table's constant defaults, in place: on a pointer, list, map or bytes that is absent, and on any other field
 * that is zero. Messages that are absent behind a pointer stay absent.
 */
export function applyDefaults(model: MessageModel, value: MessageValue): void {
  if (!hasDefaults(model)) return;
  for (const field of model.fields) {
    if (field.default !== undefined && isUnset(field, value.get(field))) {
      value.set(field, decodeJsonValue(field.type, JSON.stringify(field.default))!);
    }
    applyWithin(field, value);
  }
}

function isUnset(field: FieldModel, value: Value | undefined): boolean {
  if (value === undefined) return true;
  return !field.pointer && isEmpty(field.type, value);
}

function applyWithin(field: FieldModel, value: MessageValue): void {
  const set = value.get(field);
  if (set !== undefined) applyToValue(field.type, set);
  if (set !== undefined || field.pointer || field.type.kind !== 'message') return;
  const inner: MessageValue = new Map();
  applyDefaults(schema.message(field.type.message), inner);
  if (inner.size > 0) value.set(field, inner);
}

function applyToValue(type: TypeModel, value: Value): void {
  if (type.kind === 'message') {
    applyDefaults(schema.message(type.message), value as MessageValue);
  } else if (type.kind === 'list' && value instanceof ListValue) {
    for (const item of value.items) applyToValue(type.item, item);
  } else if (type.kind === 'map' && value instanceof MapValue) {
    for (const item of value.entries.values()) applyToValue(type.value, item);
  }
}

const known = new WeakMap<MessageModel, boolean>();

/** Whether the message or one within it has defaults. */
function hasDefaults(model: MessageModel): boolean {
  const answer = known.get(model);
  if (answer !== undefined) return answer;
  known.set(model, false);
  const found = model.fields.some((field) => field.default !== undefined || typeHasDefaults(field.type));
  known.set(model, found);
  return found;
}

function typeHasDefaults(type: TypeModel): boolean {
  if (type.kind === 'message') return hasDefaults(schema.message(type.message));
  if (type.kind === 'list') return typeHasDefaults(type.item);
  return type.kind === 'map' && typeHasDefaults(type.value);
}
