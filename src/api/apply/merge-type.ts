/** How values merge under server-side apply, read from the schema model. Custom resources will bring types of their own. */
import {
  type FieldModel,
  type MessageModel,
  type MessageName,
  schema,
  type TypeModel,
  zeroScalar,
} from '../../schema/index.ts';

export type MergeType = ScalarType | ListType | StructType | MapType | AnyType;

export interface ScalarType {
  readonly kind: 'scalar';
  readonly scalar: 'string' | 'numeric' | 'boolean' | 'untyped';
}

export interface ListType {
  readonly kind: 'list';
  readonly relation: 'atomic' | 'set' | 'map';
  /** Sorted names of the key fields (relation `map`). */
  readonly keys: readonly string[];
  /** Values of absent key fields; undefined = the key is left out. */
  readonly keyDefaults: readonly unknown[];
  readonly item: MergeType;
}

/** Named fields only: anything else is not declared. */
export interface StructType {
  readonly kind: 'struct';
  readonly atomic: boolean;
  field(name: string): MergeType | undefined;
}

export interface MapType {
  readonly kind: 'map';
  readonly atomic: boolean;
  readonly value: MergeType;
}

/** Without a schema: scalars, atomic lists, and maps that are atomic or granular. */
export interface AnyType {
  readonly kind: 'any';
  readonly atomic: boolean;
}

/** Type of what nobody described: granular maps, everything else atomic. Custom resources without a schema have it. */
export const deducedType: AnyType = { kind: 'any', atomic: false };
const atomicType: AnyType = { kind: 'any', atomic: true };

const untyped: ScalarType = { kind: 'scalar', scalar: 'untyped' };
const text: ScalarType = { kind: 'scalar', scalar: 'string' };
const numeric: ScalarType = { kind: 'scalar', scalar: 'numeric' };
const boolean: ScalarType = { kind: 'scalar', scalar: 'boolean' };

const structs = new Map<string, StructType>();

/** The type of a field of a map-like value; undefined = not declared. */
export function fieldType(type: MergeType, name: string): MergeType | undefined {
  switch (type.kind) {
    case 'struct':
      return type.field(name);
    case 'map':
      return type.value;
    case 'any':
      return type;
    default:
      return undefined;
  }
}

/** The merge type of a message. Fields are resolved when first met. */
export function mergeTypeOf(message: MessageName): StructType {
  return structOf(message, schema.message(message).atomic);
}

function structOf(message: MessageName, atomic: boolean): StructType {
  const id = `${message}${atomic ? '!' : ''}`;
  let type = structs.get(id);
  if (!type) {
    type = new MessageType(schema.message(message), atomic);
    structs.set(id, type);
  }
  return type;
}

class MessageType implements StructType {
  readonly kind = 'struct';
  readonly atomic: boolean;
  readonly #model: MessageModel;
  readonly #fields = new Map<string, MergeType | undefined>();

  constructor(model: MessageModel, atomic: boolean) {
    this.#model = model;
    this.atomic = atomic;
  }

  field(name: string): MergeType | undefined {
    const known = this.#fields.get(name);
    if (known) return known;
    const model = this.#model.byJson.get(name);
    if (!model) return undefined;
    const type = typeOfField(model);
    this.#fields.set(name, type);
    return type;
  }
}

function typeOfField(field: FieldModel): MergeType {
  const { type } = field;
  switch (type.kind) {
    case 'list':
      return listOf(type.item, field);
    case 'map':
      return { kind: 'map', atomic: field.atomic, value: typeOf(type.value) };
    case 'message':
      return structOf(type.message, field.atomic);
    default:
      return typeOf(type);
  }
}

function typeOf(type: TypeModel): MergeType {
  switch (type.kind) {
    case 'list':
      return listOf(type.item, undefined);
    case 'map':
      return { kind: 'map', atomic: false, value: typeOf(type.value) };
    case 'message':
      return mergeTypeOf(type.message);
    case 'string':
    case 'bytes':
    case 'duration':
      return text;
    case 'bool':
      return boolean;
    case 'int32':
    case 'int64':
    case 'uint32':
    case 'uint64':
    case 'double':
      return numeric;
    case 'rawExtension':
      return atomicType;
    case 'json':
    case 'fieldsV1':
    case 'schemaOrArray':
    case 'schemaOrBool':
    case 'schemaOrStringArray':
      return deducedType;
    default:
      return untyped;
  }
}

function listOf(item: TypeModel, field: FieldModel | undefined): ListType {
  const { relation, keys } = relationOf(field);
  return { kind: 'list', relation, keys, keyDefaults: keys.map((key) => keyDefault(item, key)), item: typeOf(item) };
}

/** listType, else the merge strategy of strategic merge patch, else atomic. */
function relationOf(field: FieldModel | undefined): { relation: ListType['relation']; keys: readonly string[] } {
  if (field?.listType === 'map') return { relation: 'map', keys: [...(field.listMapKeys ?? [])].sort() };
  if (field?.listType) return { relation: field.listType, keys: [] };
  if (!field?.patchStrategy.includes('merge')) return { relation: 'atomic', keys: [] };
  return field.patchMergeKey ? { relation: 'map', keys: [field.patchMergeKey] } : { relation: 'set', keys: [] };
}

/**
 * As OpenAPI tells it: a declared default, or the zero value of a field that is always written. The name of a
 * LocalObjectReference has a declared default too, the empty string, which the field tables do not carry.
 */
function keyDefault(item: TypeModel, key: string): unknown {
  const field = item.kind === 'message' ? schema.message(item.message).byJson.get(key) : undefined;
  if (!field) return undefined;
  if (field.default !== undefined) return field.default;
  const isEmptyByDefault = item.kind === 'message' && item.message === 'core/v1.LocalObjectReference';
  return (field.pointer || field.omitEmpty) && !isEmptyByDefault ? undefined : zeroOf(field);
}

/**
 * What Go prints for a new object of this message without kind and apiVersion: the state that a creation is compared
 * with, so that `spec` of a Pod is no addition but `spec.nodeName` is.
 */
export function emptyObject(message: MessageName): Record<string, unknown> {
  let object = emptyObjects.get(message);
  if (!object) {
    object = zeroMessage(message);
    emptyObjects.set(message, object);
  }
  return object;
}

const emptyObjects = new Map<MessageName, Record<string, unknown>>();

function zeroMessage(message: MessageName): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  for (const field of schema.message(message).fields) {
    if (field.pointer && field.omitEmpty) continue;
    const isStruct = field.type.kind === 'message' || field.type.kind === 'time' || field.type.kind === 'microTime';
    if (field.omitZero || (field.omitEmpty && !isStruct)) continue;
    object[field.json] = field.pointer ? null : zeroOf(field);
  }
  return object;
}

function zeroOf(field: FieldModel): unknown {
  switch (field.type.kind) {
    case 'intOrString':
      return 0;
    case 'quantity':
      return '0';
    case 'duration':
      return '0s';
    case 'message':
      return zeroMessage(field.type.message);
    default:
      return zeroScalar(field.type.kind) ?? null;
  }
}
