/** Reads single fields straight from storage bytes, by the tags that the field tables give. */
import type { MessageName } from '../schema/codec.ts';
import type { FieldModel, Schema, TypeModel } from '../schema/model.ts';

/** A field path compiled to protobuf tags. */
export interface ProtobufPath {
  readonly tags: readonly number[];
  readonly type: 'string' | 'bool' | 'int';
}

// These are the same in every kind.
/** `metadata.uid` */
export const uidPath: ProtobufPath = { tags: [1, 5], type: 'string' };
/** `metadata.ownerReferences.uid` */
export const ownerUidPath: ProtobufPath = { tags: [1, 13, 4], type: 'string' };
/** `metadata.finalizers` */
export const finalizersPath: ProtobufPath = { tags: [1, 14], type: 'string' };

/** Compiles `spec.nodeName`. A path may lead through lists; it ends in a string, a bool or a whole number. */
export function compilePath(schema: Pick<Schema, 'message'>, message: MessageName, path: string): ProtobufPath {
  const tags: number[] = [];
  let type: TypeModel = { kind: 'message', message };
  for (const step of path.split('.')) {
    const field: FieldModel | undefined =
      type.kind === 'message' ? schema.message(type.message).byJson.get(step) : undefined;
    if (!field) throw new Error(`${message} has no field ${path}`);
    tags.push(...field.wire);
    type = field.type.kind === 'list' ? field.type.item : field.type;
  }
  return { tags, type: endType(type, `${message} ${path}`) };
}

function endType(type: TypeModel, where: string): ProtobufPath['type'] {
  if (type.kind === 'string' || type.kind === 'bool') return type.kind;
  if (type.kind === 'int32' || type.kind === 'int64') return 'int';
  throw new Error(`${where} is a ${type.kind}; only strings, bools and whole numbers can be indexed`);
}

const decoder = new TextDecoder();

/** The field's values; several when the path leads through a list, none when it is absent. */
export function readPath(bytes: Uint8Array, path: ProtobufPath): string[] {
  const found: string[] = [];
  collect(bytes, 0, bytes.length, path, 0, found);
  return found;
}

function collect(
  bytes: Uint8Array,
  from: number,
  to: number,
  path: ProtobufPath,
  depth: number,
  found: string[],
): void {
  const wanted = path.tags[depth]!;
  const isEnd = depth === path.tags.length - 1;
  const cursor = { at: from };
  while (cursor.at < to) {
    const key = readVarint(bytes, cursor);
    const wireType = key % 8;
    const isWanted = Math.floor(key / 8) === wanted;
    if (wireType === 2) {
      const length = readVarint(bytes, cursor);
      const start = cursor.at;
      cursor.at += length;
      if (!isWanted) continue;
      if (!isEnd) collect(bytes, start, cursor.at, path, depth + 1, found);
      else if (path.type === 'string') found.push(decoder.decode(bytes.subarray(start, cursor.at)));
    } else if (wireType === 0) {
      const start = cursor.at;
      readVarint(bytes, cursor);
      if (isWanted && isEnd) found.push(varintText(bytes, start, path.type));
    } else cursor.at += wireType === 1 ? 8 : 4;
  }
}

/** Lengths and keys: never above 2^32 in what we wrote. */
function readVarint(bytes: Uint8Array, cursor: { at: number }): number {
  let value = 0;
  for (let scale = 1; ; scale *= 128) {
    const byte = bytes[cursor.at++];
    if (byte === undefined) throw new Error('storage bytes are truncated');
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return value;
  }
}

function varintText(bytes: Uint8Array, start: number, type: ProtobufPath['type']): string {
  let value = 0n;
  let shift = 0n;
  for (let at = start; ; at++, shift += 7n) {
    value |= BigInt(bytes[at]! & 0x7f) << shift;
    if (bytes[at]! < 0x80) break;
  }
  return type === 'bool' ? String(value !== 0n) : String(BigInt.asIntN(64, value));
}
