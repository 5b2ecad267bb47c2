import { Buffer } from 'node:buffer';
import { ProtoReader, ProtoWriter } from '../../schema/index.ts';
import { type CriMessages, criEnums, criFields } from './generated/messages.ts';
import type { Init } from './types.ts';

/**
 * Protobuf codec of CRI's messages, driven by the generated field table and compiled a message when it is first used.
 * It reads what newer runtimes send: unknown fields are passed over, an unknown enumeration value is read as its
 * number's text, and text that is not UTF-8 does not make a whole list unreadable.
 */
type Value = unknown;
type Message = Record<string, Value>;

interface Kind {
  wireType: number;
  /** Proto3's value of a field that is not sent; undefined for messages. */
  zero: Value;
  write(writer: ProtoWriter, value: Value): void;
  read(reader: ProtoReader): Value;
}

interface Field {
  name: string;
  number: number;
  kind: Kind;
  label: 'single' | 'list' | 'map';
  /** Of a map's keys. */
  key?: Kind;
}

interface Compiled {
  fields: readonly Field[];
  byNumber: ReadonlyMap<number, Field>;
}

export function encodeMessage<Name extends keyof CriMessages>(
  name: Name,
  message: Init<CriMessages[Name]>,
): Uint8Array {
  const writer = new ProtoWriter(256);
  writeMessage(writer, compiled(name), message as Message);
  return writer.finish();
}

export function decodeMessage<Name extends keyof CriMessages>(name: Name, bytes: Uint8Array): CriMessages[Name] {
  return readMessage(new ProtoReader(bytes), compiled(name)) as unknown as CriMessages[Name];
}

// --- scalars ------------------------------------------------------------------------------------------------------

const signed = (reader: ProtoReader): number => Number(BigInt.asIntN(64, reader.varint64()));

const integer: Kind = {
  wireType: 0,
  zero: 0,
  write: (writer, value) =>
    (value as number) < 0 ? writer.varint64(BigInt(value as number)) : writer.varint(value as number),
  read: signed,
};

const kinds: Readonly<Record<string, Kind>> = {
  int32: { ...integer, read: (reader) => signed(reader) | 0 },
  uint32: { ...integer, read: (reader) => signed(reader) >>> 0 },
  int64: integer,
  uint64: { ...integer, read: (reader) => Number(reader.varint64()) },
  bool: {
    wireType: 0,
    zero: false,
    write: (writer, value) => writer.varint(value ? 1 : 0),
    read: (reader) => reader.varint64() !== 0n,
  },
  double: {
    wireType: 1,
    zero: 0,
    write: (writer, value) => writer.double(value as number),
    read: (reader) => reader.double(),
  },
  string: {
    wireType: 2,
    zero: '',
    write: (writer, value) => writer.string(value as string),
    read(reader) {
      const bytes = reader.bytes();
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString();
    },
  },
  bytes: {
    wireType: 2,
    zero: new Uint8Array(0),
    write(writer, value) {
      writer.bytes(value as Uint8Array);
      writer.varint((value as Uint8Array).length);
    },
    read: (reader) => reader.bytes(),
  },
};

function enumKind(name: string, numbers: Readonly<Record<string, number>>): Kind {
  const names = new Map(Object.entries(numbers).map(([member, number]) => [number, member]));
  return {
    wireType: 0,
    zero: names.get(0),
    write(writer, value) {
      const number = numbers[value as string];
      if (number === undefined) throw new TypeError(`${name} has no member ${String(value)}`);
      writer.varint(number);
    },
    read(reader) {
      const number = signed(reader) | 0;
      return names.get(number) ?? String(number);
    },
  };
}

const messageKind = (name: keyof CriMessages): Kind => ({
  wireType: 2,
  zero: undefined,
  write(writer, value) {
    const before = writer.size;
    writeMessage(writer, compiled(name), value as Message);
    writer.varint(writer.size - before);
  },
  read: (reader) => readMessage(reader.message(), compiled(name)),
});

// --- messages -----------------------------------------------------------------------------------------------------

const cache = new Map<string, Compiled>();

function compiled(name: keyof CriMessages): Compiled {
  const known = cache.get(name);
  if (known) return known;
  const fields = criFields[name].split(',').filter(Boolean).map(parseField);
  const fresh = { fields, byNumber: new Map(fields.map((field) => [field.number, field])) };
  cache.set(name, fresh);
  return fresh;
}

function parseField(text: string): Field {
  const [name = '', number = '', type = ''] = text.split(' ');
  const [first = '', second] = type.replace('*', '').split(':');
  const base = { name, number: Number(number) };
  if (second) return { ...base, kind: kindOf(second), label: 'map', key: kindOf(first) };
  return { ...base, kind: kindOf(first), label: type.startsWith('*') ? 'list' : 'single' };
}

function kindOf(type: string): Kind {
  const scalar = kinds[type];
  if (scalar) return scalar;
  const numbers = (criEnums as Readonly<Record<string, Readonly<Record<string, number>>>>)[type];
  return numbers ? enumKind(type, numbers) : messageKind(type as keyof CriMessages);
}

/** The writer goes from the end to the beginning, so fields and items are written last first. */
function writeMessage(writer: ProtoWriter, { fields }: Compiled, message: Message): void {
  for (const field of fields.toReversed()) {
    const value = message[field.name];
    if (value === undefined || value === null) continue;
    if (field.label === 'list') writeList(writer, field, value as readonly Value[]);
    else if (field.label === 'map') writeMap(writer, field, value as Message);
    else if (!isZero(field.kind, value)) writeField(writer, field.number, field.kind, value);
  }
}

const isZero = (kind: Kind, value: Value): boolean =>
  value instanceof Uint8Array ? value.length === 0 : value === kind.zero;

function writeField(writer: ProtoWriter, number: number, kind: Kind, value: Value): void {
  kind.write(writer, value);
  writer.tag(number, kind.wireType);
}

function writeList(writer: ProtoWriter, { number, kind }: Field, items: readonly Value[]): void {
  if (items.length === 0) return;
  if (kind.wireType === 2) {
    for (const item of items.toReversed()) writeField(writer, number, kind, item);
    return;
  }
  writer.message(number, () => {
    for (const item of items.toReversed()) kind.write(writer, item);
  });
}

function writeMap(writer: ProtoWriter, { number, kind, key }: Field, entries: Message): void {
  for (const [name, value] of Object.entries(entries).reverse()) {
    if (value === undefined) continue;
    writer.message(number, () => {
      writeField(writer, 2, kind, value);
      writeField(writer, 1, key as Kind, name);
    });
  }
}

function readMessage(reader: ProtoReader, { fields, byNumber }: Compiled): Message {
  const message: Message = {};
  for (const { name, label, kind } of fields) {
    if (label === 'list') message[name] = [];
    else if (label === 'map') message[name] = {};
    else if (kind.zero !== undefined) message[name] = kind.zero;
  }
  while (!reader.done) {
    const { field: number, wireType } = reader.tag();
    const field = byNumber.get(number);
    if (!field) reader.skip(wireType);
    else if (field.label === 'map') readEntry(reader.message(), field, message[field.name] as Message);
    else if (field.label === 'list') readItems(reader, field, wireType, message[field.name] as Value[]);
    else if (field.kind.wireType !== wireType) reader.skip(wireType);
    else message[field.name] = field.kind.read(reader);
  }
  return message;
}

function readItems(reader: ProtoReader, { kind }: Field, wireType: number, items: Value[]): void {
  if (wireType === kind.wireType) {
    items.push(kind.read(reader));
    return;
  }
  if (wireType !== 2) {
    reader.skip(wireType);
    return;
  }
  const packed = reader.message();
  while (!packed.done) items.push(kind.read(packed));
}

function readEntry(reader: ProtoReader, { kind, key }: Field, entries: Message): void {
  let name: Value = '';
  let value = kind.zero;
  while (!reader.done) {
    const { field, wireType } = reader.tag();
    if (field === 1) name = (key as Kind).read(reader);
    else if (field === 2) value = kind.read(reader);
    else reader.skip(wireType);
  }
  Object.defineProperty(entries, String(name), { value, enumerable: true, configurable: true, writable: true });
}
