import { Buffer } from 'node:buffer';
import type { Codec, FieldModel, MessageModel } from '../schema/index.ts';

/** What stands for a field that nobody set. */
export interface AbsentValue {
  /** Storage bytes with tag, without and with the table's defaults. */
  bytes: Uint8Array;
  withDefaults: Uint8Array;
  /** JSON with comma and key, when it is shown nevertheless. */
  json: Uint8Array;
}

/** Asks `codec` what it makes of an empty message, and takes the answers apart by field. */
export function absentValues(codec: Codec, model: MessageModel): ReadonlyMap<string, AbsentValue> {
  const nothing = Buffer.from('{}');
  const bytes = codec.fromJson(model.name, nothing, { defaults: false }).bytes;
  const withDefaults = codec.fromJson(model.name, nothing, { defaults: true }).bytes;
  const json = JSON.parse(Buffer.from(codec.toJson(model.name, new Uint8Array())).toString()) as Record<
    string,
    unknown
  >;
  const onWire = model.fields.filter((field) => field.wire.length > 0);
  return new Map(
    onWire.map((field) => [
      field.json,
      {
        bytes: fieldBytes(bytes, field),
        withDefaults: fieldBytes(withDefaults, field),
        json: Buffer.from(
          field.json in json ? `,${JSON.stringify(field.json)}:${JSON.stringify(json[field.json])}` : '',
        ),
      },
    ]),
  );
}

/** All occurrences of a field in canonical bytes, tags included. */
function fieldBytes(message: Uint8Array, field: FieldModel): Uint8Array {
  return field.wire.reduce(
    (within, number, depth) => occurrences(within, number, depth === field.wire.length - 1),
    message,
  );
}

function occurrences(message: Uint8Array, wanted: number, withTag: boolean): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < message.length; ) {
    const tag = varint(message, at);
    const wireType = tag.value & 7;
    let start = tag.end;
    let end: number;
    if (wireType === 2) {
      const length = varint(message, start);
      start = length.end;
      end = start + length.value;
    } else {
      end = wireType === 1 ? start + 8 : varint(message, start).end;
    }
    if (tag.value >> 3 === wanted) parts.push(message.subarray(withTag ? at : start, end));
    at = end;
  }
  return Buffer.concat(parts);
}

function varint(bytes: Uint8Array, start: number): { value: number; end: number } {
  let value = 0;
  for (let at = start, shift = 1; ; at++, shift *= 128) {
    const byte = bytes[at]!;
    value += (byte & 0x7f) * shift;
    if (byte < 0x80) return { value, end: at + 1 };
  }
}
