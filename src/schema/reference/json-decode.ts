import { CodecError, type FieldProblem } from '../codec.ts';
import type { FieldModel, MessageModel, TypeModel } from '../model.ts';
import { goTypeOf, schema } from '../schema.ts';
import { parseDuration } from '../values/duration.ts';
import { canonicalQuantity } from '../values/quantity.ts';
import { type Instant, parseMicroTime, parseTime } from '../values/time.ts';
import { JsonCursor, type JsonKind } from './json-cursor.ts';
import { ListValue, MapValue, type MessageValue, RawJson, type SchemaOr, type Value, zeroElementOf } from './value.ts';

const maxProblems = 100;
/** Messages within messages. Only JSONSchemaProps nests without end. */
export const maxMessageDepth = 500;

export interface DecodedJson {
  value: MessageValue;
  problems: FieldProblem[];
  apiVersion?: string;
  kind?: string;
}

/** Reads `text`, whose syntax has been checked, as a message. Throws CodecError on values of a wrong type. */
export function decodeJson(model: MessageModel, text: string): DecodedJson {
  const decoder = new JsonDecoder(new JsonCursor(text), 0);
  try {
    const value = decoder.top(model);
    return { value, problems: decoder.problems, ...typeMetaOf(model, value) };
  } catch (error) {
    throw error instanceof TypeMismatch ? error.toCodecError() : error;
  }
}

function typeMetaOf(model: MessageModel, value: MessageValue): { apiVersion?: string; kind?: string } {
  const typeMeta: { apiVersion?: string; kind?: string } = {};
  if (!model.isKind) return typeMeta;
  for (const name of ['apiVersion', 'kind'] as const) {
    const text = value.get(model.byJson.get(name)!);
    if (typeof text === 'string' && text) typeMeta[name] = text;
  }
  return typeMeta;
}

/** Reads a value of any type, for constants such as defaults. */
export function decodeJsonValue(type: TypeModel, text: string): Value | undefined {
  return new JsonDecoder(new JsonCursor(text), 0).value(type, false);
}

/** A value of a wrong type. Where it stands is filled in on the way up. */
class TypeMismatch extends Error {
  readonly found: string;
  readonly goType: string;
  struct = '';
  fieldStack: readonly string[] = [];
  path: string | undefined;

  constructor(found: string, goType: string) {
    super();
    this.found = found;
    this.goType = goType;
  }

  toCodecError(): CodecError {
    const place = this.fieldStack.length ? `struct field ${this.struct}.${this.fieldStack.join('.')}` : 'value';
    const message = `json: cannot unmarshal ${this.found} into Go ${place} of type ${this.goType}`;
    return new CodecError('type', message, this.path);
  }
}

const int64Min = -(1n << 63n);
const int64Max = (1n << 63n) - 1n;
const integerRanges = {
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  uint32: [0n, 2n ** 32n - 1n],
  int64: [int64Min, int64Max],
  uint64: [0n, 2n ** 64n - 1n],
} as const;

class JsonDecoder {
  readonly problems: FieldProblem[] = [];
  readonly #cursor: JsonCursor;
  readonly #seenProblems = new Set<string>();
  /** Go names of the struct and its fields down to the value, for messages. */
  #struct = '';
  #fieldStack: string[] = [];
  /** Path as strict decoding prints it, with indexes and keys. */
  #path = '';
  #depth: number;
  /** The first wrong type: reported when everything has been read, as Go does. */
  #firstError: TypeMismatch | CodecError | undefined;

  constructor(cursor: JsonCursor, depth: number) {
    this.#cursor = cursor;
    this.#depth = depth;
  }

  top(model: MessageModel): MessageValue {
    const value = this.value({ kind: 'message', message: model.name }, true) ?? new Map();
    if (this.#firstError) throw this.#firstError;
    return value as MessageValue;
  }

  items(item: TypeModel): Value[] {
    const list = this.#list(item);
    if (this.#firstError) throw this.#firstError;
    return list.items;
  }

  #message(model: MessageModel): MessageValue {
    if (++this.#depth > maxMessageDepth) throw new CodecError('depth', 'exceeded max depth', this.#path);
    const value: MessageValue = new Map();
    const seen = new Set<FieldModel>();
    const outer = { struct: this.#struct, stackLength: this.#fieldStack.length, path: this.#path };
    const goName = goTypeOf({ kind: 'message', message: model.name });
    const structName = goName.slice(goName.indexOf('.') + 1);
    this.#cursor.object((key) => {
      const field = model.byJson.get(key);
      const path = outer.path ? `${outer.path}.${key}` : key;
      if (!field) {
        this.#problem('unknown', path);
        this.#cursor.skip();
        return;
      }
      if (seen.has(field)) this.#problem('duplicate', path);
      seen.add(field);
      this.#struct = structName;
      this.#fieldStack.push(...(field.embedded ?? []), key);
      this.#path = path;
      const member = this.value(field.type, field.pointer);
      if (member === undefined) value.delete(field);
      else value.set(field, member);
      this.#struct = outer.struct;
      this.#fieldStack.length = outer.stackLength;
      this.#path = outer.path;
    });
    this.#depth--;
    return value;
  }

  /** Undefined: null, or not of the type (then the error is kept). */
  value(type: TypeModel, pointer: boolean): Value | undefined {
    const found = this.#cursor.kind();
    if (found === 'null' && (pointer || type.kind !== 'duration')) {
      this.#cursor.null();
      return undefined;
    }
    switch (type.kind) {
      case 'message':
        return found === 'object' ? this.#message(schema.message(type.message)) : this.#mismatch(type, found);
      case 'list':
        return found === 'array' ? this.#list(type.item) : this.#mismatch(type, found);
      case 'map':
        return found === 'object' ? this.#map(type.value) : this.#mismatch(type, found);
      case 'string':
        return found === 'string' ? this.#cursor.string() : this.#mismatch(type, found);
      case 'bool':
        return found === 'bool' ? this.#cursor.bool() : this.#mismatch(type, found);
      case 'int32':
      case 'uint32':
      case 'int64':
      case 'uint64':
        return this.#integer(type, type.kind, found);
      case 'double':
        return this.#double(type, found);
      case 'bytes':
        return this.#bytes(type, found);
      default:
        return this.#custom(type);
    }
  }

  #list(item: TypeModel): ListValue {
    const list = new ListValue();
    const outer = this.#path;
    this.#cursor.array((index) => {
      this.#path = `${outer}[${index}]`;
      list.items.push(this.value(item, false) ?? zeroElementOf(item));
    });
    this.#path = outer;
    return list;
  }

  #map(type: TypeModel): MapValue {
    const map = new MapValue();
    const outer = this.#path;
    this.#cursor.object((key) => {
      const path = outer ? `${outer}.${key}` : key;
      if (map.entries.has(key)) this.#problem('duplicate', path);
      this.#path = path;
      map.entries.set(key, this.value(type, false) ?? zeroElementOf(type));
    });
    this.#path = outer;
    return map;
  }

  #integer(type: TypeModel, kind: keyof typeof integerRanges, found: JsonKind): Value | undefined {
    if (found !== 'number') return this.#mismatch(type, found);
    const text = this.#cursor.number();
    const value = parseInteger(text, kind);
    if (value === undefined) return this.#report(new TypeMismatch(`number ${text}`, goTypeOf(type)));
    return kind === 'int64' || kind === 'uint64' ? value : Number(value);
  }

  #double(type: TypeModel, found: JsonKind): Value | undefined {
    if (found !== 'number') return this.#mismatch(type, found);
    const text = this.#cursor.number();
    const value = Number(text);
    return Number.isFinite(value) ? value : this.#report(new TypeMismatch(`number ${text}`, goTypeOf(type)));
  }

  #bytes(type: TypeModel, found: JsonKind): Value | undefined {
    if (found === 'array') {
      const bytes = this.#list({ kind: 'uint32', goType: 'uint8' }).items as number[];
      const tooLarge = bytes.find((byte) => byte > 255);
      if (tooLarge !== undefined) return this.#report(new TypeMismatch(`number ${tooLarge}`, 'uint8'));
      return Uint8Array.from(bytes);
    }
    if (found !== 'string') return this.#mismatch(type, found);
    const text = this.#cursor.string();
    const illegal = illegalBase64At(text);
    if (illegal < 0) return new Uint8Array(Buffer.from(text, 'base64'));
    this.#firstError ??= new CodecError('type', `illegal base64 data at input byte ${illegal}`, this.#path);
    return undefined;
  }

  /** Types that read their own JSON. Their errors end the decoding at once, as in Go. */
  #custom(type: TypeModel): Value | undefined {
    const found = this.#cursor.kind();
    const text = this.#cursor.raw();
    try {
      return decodeCustom(type, found, text, this.#depth);
    } catch (error) {
      if (error instanceof TypeMismatch) throw this.#locate(error);
      if (error instanceof CodecError) throw error;
      throw new CodecError('type', (error as Error).message, this.#path);
    }
  }

  #mismatch(type: TypeModel, found: JsonKind): undefined {
    this.#cursor.skip();
    return this.#report(new TypeMismatch(found, goTypeOf(type)));
  }

  #report(mismatch: TypeMismatch): undefined {
    this.#firstError ??= this.#locate(mismatch);
    return undefined;
  }

  #locate(mismatch: TypeMismatch): TypeMismatch {
    if (this.#fieldStack.length) {
      mismatch.struct = this.#struct;
      mismatch.fieldStack = [...this.#fieldStack, ...mismatch.fieldStack];
    }
    mismatch.path = mismatch.path === undefined ? this.#path : joinPaths(this.#path, mismatch.path);
    return mismatch;
  }

  #problem(type: FieldProblem['type'], path: string): void {
    const key = `${type} ${path}`;
    if (this.problems.length >= maxProblems || this.#seenProblems.has(key)) return;
    this.#seenProblems.add(key);
    this.problems.push({ type, path });
  }
}

const joinPaths = (outer: string, inner: string): string =>
  !outer || !inner || inner.startsWith('[') ? outer + inner : `${outer}.${inner}`;

function parseInteger(text: string, kind: keyof typeof integerRanges): bigint | undefined {
  if (!/^-?[0-9]{1,20}$/.test(text)) return undefined;
  const [min, max] = integerRanges[kind];
  const value = BigInt(text);
  return value < min || value > max ? undefined : value;
}

function decodeCustom(type: TypeModel, found: JsonKind, text: string, depth: number): Value | undefined {
  switch (type.kind) {
    case 'quantity':
      return canonicalQuantity((text.startsWith('"') ? text.slice(1, -1) : text).trim());
    case 'time':
      return timeValue(parseTime(plainString(found, text)));
    case 'microTime':
      return timeValue(parseMicroTime(plainString(found, text)));
    case 'duration':
      return parseDuration(found === 'null' ? '' : plainString(found, text));
    case 'intOrString':
      return intOrString(found, text);
    case 'schemaOrArray':
    case 'schemaOrBool':
    case 'schemaOrStringArray':
      return schemaOr(type, found, text, depth);
    default:
      return new RawJson(text);
  }
}

function plainString(found: JsonKind, text: string): string {
  if (found !== 'string') throw new TypeMismatch(found, 'string');
  return new JsonCursor(text).string();
}

const timeValue = (instant: Instant | undefined): Value =>
  instant ? { seconds: BigInt(instant.seconds), nanos: instant.nanos } : null;

function intOrString(found: JsonKind, text: string): Value {
  if (found === 'string') return new JsonCursor(text).string();
  if (found !== 'number') throw new TypeMismatch(found, 'int32');
  const value = parseInteger(text, 'int32');
  if (value === undefined) throw new TypeMismatch(`number ${text}`, 'int32');
  return Number(value);
}

/** A schema within "schema or …" is read on its own: its unknown fields are dropped without a problem, as upstream. */
function schemaOr(
  type: Extract<TypeModel, { kind: SchemaOrKind }>,
  found: JsonKind,
  text: string,
  depth: number,
): SchemaOr {
  const decoder = new JsonDecoder(new JsonCursor(text), depth);
  if (found === 'object') {
    const schemaValue = decoder.top(schema.message(type.message));
    return type.kind === 'schemaOrBool' ? { allows: true, schema: schemaValue } : { schema: schemaValue };
  }
  if (type.kind === 'schemaOrBool') {
    if (found !== 'bool') throw new Error('boolean or JSON schema expected');
    return { allows: text === 'true' };
  }
  if (found !== 'array') return {};
  if (type.kind === 'schemaOrStringArray') return { property: decoder.items({ kind: 'string' }) as string[] };
  return { schemas: decoder.items({ kind: 'message', message: type.message }) as MessageValue[] };
}

type SchemaOrKind = 'schemaOrArray' | 'schemaOrBool' | 'schemaOrStringArray';

/** Position of the character that Go's base64.StdEncoding complains about; -1 when there is none. */
function illegalBase64At(text: string): number {
  const newLines = /[\r\n]/;
  let inQuantum = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!;
    if (newLines.test(char)) continue;
    if (char === '=') return inQuantum < 2 ? at : illegalPaddingAt(text, at, inQuantum);
    if (!/[A-Za-z0-9+/]/.test(char)) return at;
    inQuantum = (inQuantum + 1) % 4;
  }
  return inQuantum === 0 ? -1 : text.length - inQuantum;
}

function illegalPaddingAt(text: string, start: number, inQuantum: number): number {
  const skipNewLines = (from: number): number => from + /^[\r\n]*/.exec(text.slice(from))![0].length;
  let at = skipNewLines(start + 1);
  if (inQuantum === 2) {
    if (at === text.length) return at;
    if (text[at] !== '=') return at - 1;
    at = skipNewLines(at + 1);
  }
  return at < text.length ? at : -1;
}
