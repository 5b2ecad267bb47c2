/**
 * Writes the schema table that the codec module reads (asm/codec/table.ts has the same offsets). All numbers are
 * little-endian; offsets count from the beginning of the table.
 *
 * | part | content |
 * |---|---|
 * | header | magic, number of messages, offset and length of their names (text, one a line), size of the table |
 * | messages | one record of 48 bytes each |
 * | data | field records, lookup tables, operations and texts that the messages refer to |
 */
import { Buffer } from 'node:buffer';
import {
  type Codec,
  type FieldModel,
  type MessageName,
  referenceCodec,
  type Schema,
  type TypeModel,
} from '../schema/index.ts';
import { perfectHash } from './perfect-hash.ts';
import { absentValues, type AbsentValue } from './table-absent.ts';

/** Bytes of memory that a table may take: enough for all messages there are. */
export const tableRoomBytes = 1 << 20;
export const tableMagic = 0x3143_534e;
export const headerSize = 32;
export const messageSize = 48;
const fieldSize = 48;
const knownBits = { container: 1 << 15, wireShift: 16, repeated: 1 << 19, merging: 1 << 20 } as const;

const kinds: Readonly<Record<Exclude<TypeModel['kind'], 'list' | 'map'>, number>> = {
  string: 1,
  bool: 2,
  int32: 3,
  int64: 4,
  uint32: 5,
  uint64: 6,
  double: 7,
  bytes: 8,
  quantity: 9,
  time: 10,
  microTime: 11,
  duration: 12,
  intOrString: 13,
  rawExtension: 14,
  fieldsV1: 14,
  json: 14,
  message: 15,
  schemaOrArray: 16,
  schemaOrBool: 17,
  schemaOrStringArray: 18,
};
const kindNone = 0;
const shapes = { single: 0, list: 1, map: 2, wrappedList: 3, mapOfWrappedLists: 4 } as const;
const flagBits = { omitEmpty: 2, pointer: 4, defaulted: 8, omitZero: 16 } as const;
const ops = { field: 0, open: 1, close: 2 } as const;

/** The unions of JSON Schema as messages of two fields. */
const unions: Readonly<Record<string, (message: MessageName) => readonly FieldModel[]>> = {
  schemaOrArray: (message) => [
    plainField('schema', 1, { kind: 'message', message }, true),
    plainField('jSONSchemas', 2, { kind: 'list', item: { kind: 'message', message } }),
  ],
  schemaOrBool: (message) => [
    plainField('allows', 1, { kind: 'bool' }),
    plainField('schema', 2, { kind: 'message', message }, true),
  ],
  schemaOrStringArray: (message) => [
    plainField('schema', 1, { kind: 'message', message }, true),
    plainField('property', 2, { kind: 'list', item: { kind: 'string' } }),
  ],
};

function plainField(json: string, tag: number, type: TypeModel, pointer = false): FieldModel {
  return {
    json,
    type,
    wire: [tag],
    pointer,
    omitEmpty: true,
    omitZero: false,
    required: false,
    atomic: false,
    patchStrategy: [],
  };
}

/** Names of the messages that `names` need, themselves included, in a stable order. */
export function closure(schema: Schema, names: Iterable<MessageName>): MessageName[] {
  const found = new Set<MessageName>();
  const visit = (name: MessageName): void => {
    if (found.has(name)) return;
    found.add(name);
    for (const field of schema.message(name).fields) {
      const { message } = describe(field.type);
      if (message) visit(message);
    }
  };
  for (const name of names) visit(name);
  return [...found].sort();
}

/** The table for `names` and all that they contain. `codec` knows what stands for a field that nobody set. */
export function writeTable(schema: Schema, names: Iterable<MessageName>, codec: Codec = referenceCodec): Uint8Array {
  return new TableWriter(schema, closure(schema, names), codec).finish();
}

/** Offsets of the messages in a table, by name. Throws when it is none. */
export function readDirectory(table: Uint8Array): Map<MessageName, number> {
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
  if (view.getUint32(0, true) !== tableMagic || view.getUint32(16, true) !== table.byteLength) {
    throw new Error('not a schema table of this version');
  }
  const start = view.getUint32(8, true);
  const names = new TextDecoder().decode(table.subarray(start, start + view.getUint32(12, true)));
  return new Map(names.split('\n').map((name, index) => [name, headerSize + index * messageSize]));
}

interface Described {
  kind: number;
  shape: number;
  /** Message, or name of the union, that the value (or an item) is. */
  message?: MessageName;
  union?: { kind: string; message: MessageName };
}

/** How the module sees a type. */
function describe(type: TypeModel): Described {
  if (type.kind === 'list') {
    return { ...describeItem(type.item), shape: type.wrapped ? shapes.wrappedList : shapes.list };
  }
  if (type.kind === 'map') {
    if (type.value.kind !== 'list') return { ...describeItem(type.value), shape: shapes.map };
    return { ...describeItem(type.value.item), shape: shapes.mapOfWrappedLists };
  }
  return describeItem(type);
}

function describeItem(type: TypeModel): Described {
  if (type.kind === 'list' || type.kind === 'map') throw new Error('a list or map within a list cannot be on the wire');
  const described = { kind: kinds[type.kind], shape: shapes.single };
  if (type.kind === 'message') return { ...described, message: type.message };
  if (type.kind in unions && 'message' in type) {
    return { ...described, message: type.message, union: { kind: type.kind, message: type.message } };
  }
  return described;
}

const unionName = (union: { kind: string; message: MessageName }): string => `${union.kind}:${union.message}`;

class TableWriter {
  readonly #schema: Schema;
  readonly #codec: Codec;
  readonly #names: string[];
  readonly #offsets: Map<string, number>;
  #data: Buffer;
  #size: number;

  constructor(schema: Schema, messages: readonly MessageName[], codec: Codec) {
    this.#schema = schema;
    this.#codec = codec;
    const used = new Map<string, { kind: string; message: MessageName }>();
    for (const name of messages) {
      for (const field of schema.message(name).fields) {
        const { union } = describe(field.type);
        if (union) used.set(unionName(union), union);
      }
    }
    this.#names = [...messages, ...[...used.keys()].sort()];
    this.#offsets = new Map(this.#names.map((name, index) => [name, headerSize + index * messageSize]));
    this.#size = headerSize + this.#names.length * messageSize;
    this.#data = Buffer.alloc(Math.max(65_536, this.#size * 4));
  }

  finish(): Uint8Array {
    for (const name of this.#names) this.#message(name);
    const names = this.#append(Buffer.from(this.#names.join('\n')));
    const namesEnd = this.#size;
    // the module may read sixteen bytes where a text has fewer
    const size = Math.ceil(namesEnd / 16) * 16 + 16;
    this.#reserve(size - namesEnd);
    const header = [tableMagic, this.#names.length, names, namesEnd - names, size];
    for (const [i, word] of header.entries()) this.#data.writeUInt32LE(word, i * 4);
    return Uint8Array.prototype.slice.call(this.#data, 0, size);
  }

  #message(name: string): void {
    const [unionKind, of] = name.split(':') as [string, string?];
    const fields = of ? unions[unionKind]!(of) : this.#schema.message(name).fields;
    const plan = planWire(fields);
    const absent = of ? unionAbsent(unionKind) : absentValues(this.#codec, this.#schema.message(name));
    const hash = perfectHash(fields.map((field) => field.json));
    const words = Math.max(1, Math.ceil(fields.length / 64));
    const at = this.#offsets.get(name)!;
    const record = [
      fields.length | (words << 16),
      hash.shift,
      hash.seed,
      this.#append(Buffer.from(Uint16Array.from(hash.slots).buffer)),
      this.#fields(fields, plan, absent),
      plan.ops.length,
      this.#append(this.#ops(fields, plan, absent)),
      this.#containers(plan),
      this.#append(shownMask(fields, absent, words)),
      plan.containers.length,
    ];
    for (const [i, word] of record.entries()) this.#data.writeUInt32LE(word >>> 0, at + i * 4);
  }

  #fields(fields: readonly FieldModel[], plan: WirePlan, absent: ReadonlyMap<string, AbsentValue>): number {
    const records = Buffer.alloc(fields.length * fieldSize);
    fields.forEach((field, index) => {
      const record = records.subarray(index * fieldSize, (index + 1) * fieldSize);
      const name = Buffer.from(field.json);
      const key = Buffer.from(`,${JSON.stringify(field.json)}:`);
      if (key.length !== name.length + 4) throw new Error(`field name ${field.json} needs escapes`);
      name.copy(record, 0, 0, 8);
      name.copy(record, 8, Math.max(0, name.length - 8));
      record.writeUInt16LE(name.length, 16);
      record.writeUInt16LE(key.length, 18);
      record.writeUInt32LE(this.#append(key), 24);
      if (field.wire.length === 0) {
        record.writeUInt8(kindNone, 20);
        return;
      }
      const type = describe(field.type);
      record.writeUInt8(type.kind, 20);
      record.writeUInt8(type.shape, 21);
      record.writeUInt16LE(flagsOf(field), 22);
      record.writeUInt16LE(plan.containerOf[index]!, 38);
      const message = type.union ? unionName(type.union) : type.message;
      if (message) record.writeUInt32LE(this.#offsets.get(message)!, 28);
      this.#tag(record, tagOf(field, type));
      const json = absent.get(field.json)?.json;
      if (!json) return;
      record.writeUInt32LE(this.#append(json), 40);
      record.writeUInt32LE(json.length, 44);
    });
    return this.#append(records);
  }

  #tag(record: Buffer, value: number): void {
    const length = value < 0x80 ? 1 : 2;
    if (value >= 0x4000) throw new Error('field number is too large for the table');
    record.writeUInt32LE(length === 1 ? value : (value & 0x7f) | 0x80 | ((value >> 7) << 8), 32);
    record.writeUInt16LE(length, 36);
  }

  /** What the module writes, in its order: operation and field; tag, or what stands for the field when it is absent. */
  #ops(fields: readonly FieldModel[], plan: WirePlan, absent: ReadonlyMap<string, AbsentValue>): Buffer {
    const records = plan.ops.map(({ op, index, tag }) => {
      const value = op === ops.field ? absent.get(fields[index]!.json) : undefined;
      if (!value) return [op | (index << 8), tag, 0, 0];
      const { bytes, withDefaults } = value;
      const lengths = bytes.length | (withDefaults.length << 16);
      return [op | (index << 8), this.#inlined(bytes), this.#inlined(withDefaults), lengths];
    });
    return words32(records.flat());
  }

  /** Up to four bytes as the upper ones of a number, more as their offset. */
  #inlined(bytes: Uint8Array): number {
    if (bytes.length > 0xffff) throw new Error('a default is too long for the table');
    if (bytes.length > 4) return this.#append(bytes);
    return Buffer.concat([Buffer.alloc(4 - bytes.length), bytes]).readUInt32LE();
  }

  #containers(plan: WirePlan): number {
    const tables = plan.containers.map(({ byNumber }) => {
      const limit = byNumber.length;
      return [limit, this.#append(words32(byNumber))];
    });
    return this.#append(words32([...tables.flat(), ...plan.containers.map(({ parent }) => parent)]));
  }

  /** Adds bytes, aligned to eight. Returns their offset. */
  #append(bytes: Uint8Array): number {
    this.#reserve(-this.#size & 7);
    const at = this.#size;
    this.#reserve(bytes.length);
    this.#data.set(bytes, at);
    return at;
  }

  #reserve(length: number): void {
    if (this.#size + length > this.#data.length)
      this.#data = Buffer.concat([this.#data, Buffer.alloc(this.#data.length + length)]);
    this.#size += length;
  }
}

const words32 = (words: readonly number[]): Buffer => Buffer.from(Uint32Array.from(words).buffer);

function flagsOf(field: FieldModel): number {
  return (
    (field.omitEmpty ? flagBits.omitEmpty : 0) |
    (field.pointer ? flagBits.pointer : 0) |
    (field.default !== undefined && !field.pointer ? flagBits.defaulted : 0) |
    (field.omitZero ? flagBits.omitZero : 0)
  );
}

const tagOf = (field: FieldModel, { kind, shape }: Described): number =>
  field.wire.at(-1)! * 8 + wireTypeOf(kind, shape);

function wireTypeOf(kind: number, shape: number): number {
  if (shape !== shapes.single && shape !== shapes.list) return 2;
  if (kind === kinds.double) return 1;
  return kind >= kinds.bool && kind <= kinds.uint64 ? 0 : 2;
}

function shownMask(fields: readonly FieldModel[], absent: ReadonlyMap<string, AbsentValue>, words: number): Buffer {
  const mask = Buffer.alloc(words * 8);
  for (const [index, field] of fields.entries()) {
    if (absent.get(field.json)?.json.length) mask[index >> 3] = mask[index >> 3]! | (1 << (index & 7));
  }
  return mask;
}

/** Only `allows` of a union is written when absent; none is shown, the module prints unions itself. */
function unionAbsent(unionKind: string): ReadonlyMap<string, AbsentValue> {
  if (unionKind !== 'schemaOrBool') return new Map();
  const bytes = Uint8Array.of(8, 0);
  return new Map([['allows', { bytes, withDefaults: bytes, json: new Uint8Array() }]]);
}

// --- the wire ---------------------------------------------------------------------------------------------------------

interface WirePlan {
  /** In the order in which the module writes: backwards. */
  ops: { op: number; index: number; tag: number }[];
  /** The message itself, and the structs that nest in it on the wire only. `byNumber`: see asm/codec/file.ts. */
  containers: { parent: number; byNumber: number[] }[];
  /** Container of each field. */
  containerOf: number[];
}

/** What filing needs to know of a field: asm/codec/file.ts. */
function knownField(field: FieldModel): number {
  const { kind, shape } = describe(field.type);
  const single = shape === shapes.single || shape === shapes.wrappedList;
  const merges = shape === shapes.wrappedList || kind === kinds.message;
  return (
    (wireTypeOf(kind, shape) << knownBits.wireShift) |
    (single ? 0 : knownBits.repeated) |
    (single && merges ? knownBits.merging : 0)
  );
}

/** Nesting that the module keeps track of while it writes. */
const maxNesting = 2;

function planWire(fields: readonly FieldModel[]): WirePlan {
  const plan: WirePlan = { ops: [], containers: [], containerOf: [] };
  const indexes = fields.map((_, index) => index).filter((index) => fields[index]!.wire.length > 0);
  planStruct(plan, fields, indexes, 0, 0);
  return plan;
}

function planStruct(
  plan: WirePlan,
  fields: readonly FieldModel[],
  indexes: number[],
  depth: number,
  parent: number,
): number {
  if (depth > maxNesting) throw new Error('structs nest too deeply for the table');
  const container = plan.containers.push({ parent, byNumber: [] }) - 1;
  const { byNumber } = plan.containers[container]!;
  const groups = Map.groupBy(indexes, (index) => fields[index]!.wire[depth]!);
  const last = Math.max(-1, ...groups.keys());
  for (let number = 0; number <= last; number++) byNumber.push(0);
  for (const number of [...groups.keys()].sort((a, b) => b - a)) {
    const group = groups.get(number)!;
    const index = group[0]!;
    if (fields[index]!.wire.length === depth + 1) {
      plan.ops.push({ op: ops.field, index, tag: 0 });
      plan.containerOf[index] = container;
      byNumber[number] = (index + 1) | knownField(fields[index]!);
    } else {
      plan.ops.push({ op: ops.open, index: 0, tag: 0 });
      const nested = planStruct(plan, fields, group, depth + 1, container);
      byNumber[number] = nested | knownBits.container | (2 << knownBits.wireShift) | knownBits.merging;
      plan.ops.push({ op: ops.close, index: 0, tag: number * 8 + 2 });
    }
  }
  return container;
}
