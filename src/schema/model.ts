import type { MessageName } from './codec.ts';

/**
 * Type of a field's value in JSON. Named scalars (Quantity, Time …) have a spelling of their own on the wire:
 *
 * | kind | protobuf |
 * |---|---|
 * | string, bytes | length-delimited |
 * | bool, int32, int64, uint32, uint64 | varint (negative numbers sign-extended to ten bytes) |
 * | double | fixed64 |
 * | quantity | message { 1 string }, canonical text |
 * | time, microTime | message { 1 int64 seconds, 2 int32 nanos }; a zero time is the empty message, else both are written |
 * | duration | message { 1 int64 nanoseconds } |
 * | intOrString | message { 1 int64 type (0 int, 1 string), 2 int32, 3 string }, all three always written |
 * | rawExtension, fieldsV1, json | message { 1 bytes raw JSON without white space between tokens; absent when null } |
 * | schemaOrArray | message { 1 JSONSchemaProps, 2 repeated JSONSchemaProps } |
 * | schemaOrBool | message { 1 bool, always written; 2 JSONSchemaProps } |
 * | schemaOrStringArray | message { 1 JSONSchemaProps, 2 repeated string } |
 * | list | repeated, never packed; `wrapped`: a message whose field 1 repeats the items, present when not null |
 * | map | repeated { 1 string key, 2 value }, sorted by key, both always written (bytes: when not null) |
 *
 * `goType` is the name that Go's messages print (`v1.Protocol`), where it does not follow from the kind.
 */
export type TypeModel =
  | { kind: ScalarKind; goType?: string }
  | { kind: 'quantity' | 'time' | 'microTime' | 'duration' | 'intOrString' | 'rawExtension' | 'fieldsV1' | 'json' }
  | { kind: 'schemaOrArray' | 'schemaOrBool' | 'schemaOrStringArray'; message: MessageName }
  | { kind: 'message'; message: MessageName }
  | { kind: 'list'; item: TypeModel; wrapped?: boolean; goType?: string }
  | { kind: 'map'; value: TypeModel; goType?: string };

export type ScalarKind = 'string' | 'bool' | 'int32' | 'int64' | 'uint32' | 'uint64' | 'double' | 'bytes';

/**
 * One field as JSON sees it. Inlined Go structs are flattened into their parent; `wire` tells how they nest.
 *
 * On the wire a field that is not a pointer is always written, zero or not; exceptions: lists and maps without
 * elements, and null bytes. A pointer is written when set. The messages of an inlined struct are always written.
 */
export interface FieldModel {
  json: string;
  type: TypeModel;
  /**
   * Protobuf tags from the message down: `[5]`, or `[1, 3]` when the field sits in an inlined struct that nests on the
   * wire. Empty: JSON only (`kind` and `apiVersion` of kinds; everything in a Table).
   */
  wire: readonly number[];
  /** Go names of the inlined structs on the way: Go's error texts name them. Absent when there are none. */
  embedded?: readonly string[];
  pointer: boolean;
  /** Left out of JSON when nil, false, 0, '' or without elements. Says nothing for messages and times that are not pointers. */
  omitEmpty: boolean;
  /** Go's `omitzero`: a time that is not a pointer is left out of JSON when zero, instead of printed as null. */
  omitZero: boolean;
  required: boolean;
  /** Server-side apply: how a list merges. */
  listType?: 'atomic' | 'set' | 'map';
  listMapKeys?: readonly string[];
  /** Server-side apply: an atomic struct or map is owned as a whole. The field's own marker goes before its message's. */
  atomic: boolean;
  /** Strategic merge patch. */
  patchStrategy: readonly ('merge' | 'replace' | 'retainKeys')[];
  patchMergeKey?: string;
  /** JSON value of a `+default` marker or a constant default of defaults.go. */
  default?: unknown;
  enum?: readonly string[];
}

export interface MessageModel {
  name: MessageName;
  /** A kind of its own: `fields` begins with `kind` and `apiVersion` (Go's TypeMeta). */
  isKind: boolean;
  /** In the order in which Go prints them. */
  fields: readonly FieldModel[];
  byJson: ReadonlyMap<string, FieldModel>;
  /** The struct as a whole is atomic for server-side apply. */
  atomic: boolean;
}

/** Finds a message's model; throws for a name that is not in the tables. `index.ts` exports the loaded one as `schema`. */
export interface Schema {
  message(name: MessageName): MessageModel;
  has(name: MessageName): boolean;
  names(): readonly MessageName[];
}
