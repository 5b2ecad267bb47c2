/**
 * The codec in plain TypeScript, driven by the field tables. It favours being right over being fast: it is the oracle
 * that the WASM codec is held against, and stands in where that is not loaded.
 */
import { type Codec, CodecError, type Decoded, type DecodeOptions, type MessageName } from './codec.ts';
import type { MessageModel } from './model.ts';
import { applyDefaults } from './reference/defaults.ts';
import { decodeJson } from './reference/json-decode.ts';
import { encodeJson } from './reference/json-encode.ts';
import { checkSyntax } from './reference/json-syntax.ts';
import { decodeProto } from './reference/proto-decode.ts';
import { encodeProto } from './reference/proto-encode.ts';
import { ProtoReader } from './reference/proto-reader.ts';
import { ProtoWriter } from './reference/proto-writer.ts';
import type { MessageValue } from './reference/value.ts';
import { schema } from './schema.ts';

const utf8Decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const utf8Encoder = new TextEncoder();

export const referenceCodec: Codec = {
  fromJson(message: MessageName, json: Uint8Array, options: DecodeOptions): Decoded {
    const model = schema.message(message);
    const text = decodeUtf8(json);
    checkSyntax(text);
    const { value, ...found } = decodeJson(model, text);
    return { bytes: toStorage(model, value, options), ...found };
  },

  fromProto(message: MessageName, proto: Uint8Array, options: DecodeOptions): Decoded {
    const model = schema.message(message);
    return { bytes: toStorage(model, decodeProto(model, proto), options), problems: [] };
  },

  toJson(message: MessageName, bytes: Uint8Array, gvk?: { apiVersion: string; kind: string }): Uint8Array {
    const model = schema.message(message);
    return utf8Encoder.encode(encodeJson(model, decodeProto(model, bytes), gvk));
  },

  stampRevision(bytes: Uint8Array, revision: number): Uint8Array {
    const { metadata, after } = splitMetadata(bytes);
    const writer = new ProtoWriter(bytes.length + 32);
    writer.bytes(after);
    writer.message(1, () => writeStamped(writer, metadata, revision === 0 ? '' : String(revision)));
    return writer.finish();
  },
};

function toStorage(model: MessageModel, value: MessageValue, options: DecodeOptions): Uint8Array {
  if (options.defaults) applyDefaults(model, value);
  return encodeProto(model, value);
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return utf8Decoder.decode(bytes);
  } catch {
    throw new CodecError('utf8', 'invalid UTF-8 in JSON input');
  }
}

const resourceVersionTag = 6;

/** The content of field 1, with which every kind begins, and what follows it. */
function splitMetadata(bytes: Uint8Array): { metadata: Uint8Array; after: Uint8Array } {
  const reader = new ProtoReader(bytes);
  if (reader.done) return { metadata: bytes, after: bytes };
  const { field, wireType } = reader.tag();
  if (field !== 1 || wireType !== 2) throw new CodecError('syntax', 'message does not begin with metadata');
  const metadata = reader.bytes();
  return { metadata, after: bytes.subarray(reader.position) };
}

/** Writes the metadata with its resourceVersion replaced, tags ascending. */
function writeStamped(writer: ProtoWriter, metadata: Uint8Array, revision: string): void {
  let headEnd = 0;
  let tailStart = metadata.length;
  const reader = new ProtoReader(metadata);
  while (!reader.done) {
    const start = reader.position;
    const { field, wireType } = reader.tag();
    if (field > resourceVersionTag) {
      tailStart = start;
      break;
    }
    reader.skip(wireType);
    if (field < resourceVersionTag) headEnd = reader.position;
  }
  writer.bytes(metadata.subarray(tailStart));
  writer.string(revision);
  writer.tag(resourceVersionTag, 2);
  writer.bytes(metadata.subarray(0, headEnd));
}
