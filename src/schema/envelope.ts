import { CodecError } from './codec.ts';
import { ProtoReader } from './reference/proto-reader.ts';
import { ProtoWriter } from './reference/proto-writer.ts';

/** `k8s\0`: what protobuf bodies and stored values begin with. */
export const protobufMagic: Uint8Array = Uint8Array.of(0x6b, 0x38, 0x73, 0x00);

export interface Envelope {
  apiVersion: string;
  kind: string;
  /** A view of the message. */
  message: Uint8Array;
  contentEncoding: string;
  contentType: string;
}

/** True when `bytes` begins with the magic number. */
export const hasEnvelope = (bytes: Uint8Array): boolean =>
  bytes.length >= protobufMagic.length && protobufMagic.every((byte, i) => bytes[i] === byte);

/** `k8s\0` and a runtime.Unknown around the message, as upstream writes it. */
export function wrapEnvelope(gvk: { apiVersion: string; kind: string }, message: Uint8Array): Uint8Array {
  const writer = new ProtoWriter(message.length + gvk.apiVersion.length + gvk.kind.length + 64);
  const text = (tag: number, value: string): void => {
    writer.string(value);
    writer.tag(tag, 2);
  };
  text(4, '');
  text(3, '');
  writer.bytes(message);
  writer.varint(message.length);
  writer.tag(2, 2);
  writer.message(1, () => {
    text(2, gvk.kind);
    text(1, gvk.apiVersion);
  });
  writer.bytes(protobufMagic);
  return writer.finish();
}

/** Reads an envelope. Throws CodecError when the magic number is missing or the Unknown is malformed. */
export function unwrapEnvelope(bytes: Uint8Array): Envelope {
  if (!hasEnvelope(bytes)) {
    throw new CodecError(
      'syntax',
      'provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]',
    );
  }
  const envelope: Envelope = {
    apiVersion: '',
    kind: '',
    message: new Uint8Array(),
    contentEncoding: '',
    contentType: '',
  };
  const reader = new ProtoReader(bytes, protobufMagic.length);
  while (!reader.done) {
    const { field, wireType } = reader.tag();
    if (field > 4) reader.skip(wireType);
    else if (wireType !== 2) throw new CodecError('syntax', `proto: wrong wireType = ${wireType} for field ${field}`);
    else if (field === 1) readTypeMeta(reader.message(), envelope);
    else if (field === 2) envelope.message = reader.bytes();
    else if (field === 3) envelope.contentEncoding = reader.string();
    else envelope.contentType = reader.string();
  }
  return envelope;
}

function readTypeMeta(reader: ProtoReader, envelope: Envelope): void {
  while (!reader.done) {
    const { field, wireType } = reader.tag();
    if (field > 2) reader.skip(wireType);
    else if (wireType !== 2) throw new CodecError('syntax', `proto: wrong wireType = ${wireType} for field ${field}`);
    else if (field === 1) envelope.apiVersion = reader.string();
    else envelope.kind = reader.string();
  }
}
