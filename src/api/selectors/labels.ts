/** Labels read straight from storage bytes: matching a selector must not make an object. */

const encoder = new TextEncoder();
const metadataTag = 0x0a;
const labelsTag = 0x5a;
const mapKeyTag = 0x0a;
const mapValueTag = 0x12;

/** A label's name with its bytes, made once for many records. */
export interface LabelKey {
  name: string;
  bytes: Uint8Array;
}

export const labelKey = (name: string): LabelKey => ({ name, bytes: encoder.encode(name) });

/** True when the record is a JSON document (a custom resource), not protobuf. */
export const isJsonRecord = (bytes: Uint8Array): boolean => bytes[0] === 0x7b;

/**
 * Those of metadata.labels of a protobuf record that are among `keys`. `bytes` is canonical: metadata is field 1 and
 * comes first, labels is field 11 of it.
 */
export function readLabels(bytes: Uint8Array, keys: readonly LabelKey[]): Record<string, string> {
  const found: Record<string, string> = {};
  if (bytes[0] !== metadataTag) return found;
  const cursor = { at: 1 };
  const metadataEnd = readVarint(bytes, cursor) + cursor.at;
  while (cursor.at < metadataEnd) {
    const tag = readVarint(bytes, cursor);
    const isBytes = (tag & 7) === 2;
    const length = isBytes ? readVarint(bytes, cursor) : 0;
    if (tag === labelsTag) matchEntry(bytes, cursor.at, cursor.at + length, keys, found);
    else if (tag > labelsTag) break;
    else if (!isBytes) readVarint(bytes, cursor);
    cursor.at += length;
  }
  return found;
}

function matchEntry(
  bytes: Uint8Array,
  start: number,
  end: number,
  keys: readonly LabelKey[],
  found: Record<string, string>,
): void {
  const cursor = { at: start };
  let keyAt = -1;
  let keyLength = 0;
  let value = '';
  while (cursor.at < end) {
    const tag = readVarint(bytes, cursor);
    const length = readVarint(bytes, cursor);
    if (tag === mapKeyTag) {
      keyAt = cursor.at;
      keyLength = length;
    } else if (tag === mapValueTag) {
      value = latin1(bytes, cursor.at, length);
    }
    cursor.at += length;
  }
  for (const key of keys) {
    if (sameBytes(key.bytes, bytes, keyAt, keyLength)) found[key.name] = value;
  }
}

function sameBytes(wanted: Uint8Array, bytes: Uint8Array, start: number, length: number): boolean {
  if (wanted.length !== length) return false;
  for (let index = 0; index < length; index++) if (wanted[index] !== bytes[start + index]) return false;
  return true;
}

/** Label values are ASCII by validation. */
function latin1(bytes: Uint8Array, start: number, length: number): string {
  let text = '';
  for (let at = start; at < start + length; at++) text += String.fromCharCode(bytes[at]!);
  return text;
}

function readVarint(bytes: Uint8Array, cursor: { at: number }): number {
  let result = 0;
  let scale = 1;
  for (;;) {
    const byte = bytes[cursor.at++]!;
    result += (byte & 0x7f) * scale;
    if (byte < 0x80) return result;
    scale *= 128;
  }
}
