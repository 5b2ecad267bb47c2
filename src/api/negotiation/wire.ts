/** The few protobuf messages that wrap storage bytes on their way out: envelope, list, watch event. */

const textEncoder = new TextEncoder();
const textDecoder = new TextDecoder();
const magic = [0x6b, 0x38, 0x73, 0x00];

export const utf8 = (text: string): Uint8Array => textEncoder.encode(text);
export const fromUtf8 = (bytes: Uint8Array): string => textDecoder.decode(bytes);

export function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 128)) length++;
  return length;
}

function writeVarint(target: Uint8Array, at: number, value: number): number {
  let rest = value;
  let position = at;
  while (rest >= 0x80) {
    target[position++] = (rest % 128) | 0x80;
    rest = Math.floor(rest / 128);
  }
  target[position++] = rest;
  return position;
}

/** Joins pieces into bytes of their own. */
export function concat(pieces: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const piece of pieces) length += piece.length;
  const result = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    result.set(piece, at);
    at += piece.length;
  }
  return result;
}

/** Tag and length of a length-delimited field below 16. */
export function fieldHead(field: number, length: number): Uint8Array {
  const head = new Uint8Array(1 + varintLength(length));
  head[0] = (field << 3) | 2;
  writeVarint(head, 1, length);
  return head;
}

export function bytesField(field: number, value: Uint8Array): Uint8Array {
  return concat([fieldHead(field, value.length), value]);
}

export const stringField = (field: number, value: string): Uint8Array => bytesField(field, utf8(value));

function varintField(field: number, value: number): Uint8Array {
  const bytes = new Uint8Array(1 + varintLength(value));
  bytes[0] = field << 3;
  writeVarint(bytes, 1, value);
  return bytes;
}

/** What precedes and follows `rawLength` message bytes in the `k8s\0` envelope (runtime.Unknown). */
export function envelopeAround(
  gvk: { apiVersion: string; kind: string },
  rawLength: number,
): { head: Uint8Array; tail: Uint8Array } {
  const typeMeta = concat([stringField(1, gvk.apiVersion), stringField(2, gvk.kind)]);
  return {
    head: concat([new Uint8Array(magic), bytesField(1, typeMeta), fieldHead(2, rawLength)]),
    tail: concat([fieldHead(3, 0), fieldHead(4, 0)]),
  };
}

/** Wraps one message. Copies `raw`. */
export function envelope(gvk: { apiVersion: string; kind: string }, raw: Uint8Array): Uint8Array {
  const { head, tail } = envelopeAround(gvk, raw.length);
  return concat([head, raw, tail]);
}

export interface ListMeta {
  resourceVersion: string;
  continue?: string | undefined;
  remainingItemCount?: number | undefined;
}

/** ListMeta as field 1 of a list message. */
export function listMetaField(meta: ListMeta): Uint8Array {
  const parts = [stringField(1, ''), stringField(2, meta.resourceVersion), stringField(3, meta.continue ?? '')];
  if (meta.remainingItemCount !== undefined) parts.push(varintField(4, meta.remainingItemCount));
  return bytesField(1, concat(parts));
}

/** One length-prefixed meta/v1 WatchEvent; `object` is an envelope. */
export function protobufFrame(type: string, object: Uint8Array): Uint8Array {
  const extension = concat([fieldHead(1, object.length), object]);
  const event = concat([stringField(1, type), fieldHead(2, extension.length), extension]);
  const frame = new Uint8Array(4 + event.length);
  new DataView(frame.buffer).setUint32(0, event.length);
  frame.set(event, 4);
  return frame;
}

/** The metadata field at the head of a record: a PartialObjectMetadata message. */
export function metadataPrefix(record: Uint8Array): Uint8Array {
  let at = 1;
  let length = 0;
  for (let scale = 1; ; scale *= 128) {
    const byte = record[at++]!;
    length += (byte & 0x7f) * scale;
    if (byte < 0x80) break;
  }
  return record.subarray(0, at + length);
}
