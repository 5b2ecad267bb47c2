import { CodecError } from '../schema/index.ts';

const metadataTag = 0x0a;
const resourceVersionNumber = 6;
const resourceVersionTag = (resourceVersionNumber << 3) | 2;

/** See Codec.stampRevision. Works on canonical bytes: tags ascend, and field 1 is the metadata. */
export function stampRevision(bytes: Uint8Array, revision: number): Uint8Array {
  const text = revision === 0 ? '' : String(revision);
  let start = 0;
  let end = 0;
  if (bytes.length > 0) {
    if (bytes[0] !== metadataTag) throw new CodecError('syntax', 'message does not begin with metadata');
    const length = readVarint(bytes, 1, bytes.length);
    start = length.end;
    end = start + length.value;
    if (end > bytes.length) throw truncated();
  }
  const { headEnd, tailStart } = findRevision(bytes, start, end);
  const metadataLength = headEnd - start + 2 + text.length + (end - tailStart);
  const stamped = new Uint8Array(1 + varintLength(metadataLength) + metadataLength + bytes.length - end);
  stamped[0] = metadataTag;
  let at = writeVarint(stamped, 1, metadataLength);
  stamped.set(bytes.subarray(start, headEnd), at);
  at += headEnd - start;
  stamped[at++] = resourceVersionTag;
  stamped[at++] = text.length;
  for (let i = 0; i < text.length; i++) stamped[at++] = text.charCodeAt(i);
  stamped.set(bytes.subarray(tailStart), at);
  return stamped;
}

/** Where the fields before resourceVersion end, and where those after it begin. */
function findRevision(bytes: Uint8Array, start: number, end: number): { headEnd: number; tailStart: number } {
  let headEnd = start;
  for (let at = start; at < end; ) {
    const tag = readVarint(bytes, at, end);
    if (tag.value >> 3 > resourceVersionNumber) return { headEnd, tailStart: at };
    at = skip(bytes, tag.end, end, tag.value & 7);
    if (tag.value >> 3 < resourceVersionNumber) headEnd = at;
  }
  return { headEnd, tailStart: end };
}

function skip(bytes: Uint8Array, at: number, end: number, wireType: number): number {
  if (wireType === 0) return readVarint(bytes, at, end).end;
  if (wireType !== 2) throw new CodecError('syntax', `proto: illegal wireType ${wireType}`);
  const length = readVarint(bytes, at, end);
  if (length.end + length.value > end) throw truncated();
  return length.end + length.value;
}

function readVarint(bytes: Uint8Array, start: number, limit: number): { value: number; end: number } {
  let value = 0;
  let scale = 1;
  for (let at = start; at < limit && at < start + 10; at++, scale *= 128) {
    const byte = bytes[at]!;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return { value, end: at + 1 };
  }
  throw truncated();
}

const truncated = (): CodecError => new CodecError('syntax', 'unexpected EOF');

function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest > 0x7f; rest = Math.floor(rest / 128)) length++;
  return length;
}

function writeVarint(bytes: Uint8Array, start: number, value: number): number {
  let at = start;
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes[at++] = (rest & 0x7f) | 0x80;
  bytes[at++] = rest;
  return at;
}
