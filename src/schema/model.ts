import type { MessageName } from './codec.ts';

/** Type of a field's value in JSON. Named scalars (Quantity, Time …) have a spelling of their own on the wire. */
export type TypeModel =
  | { kind: 'string' | 'bool' | 'int32' | 'int64' | 'uint32' | 'uint64' | 'double' | 'bytes' }
  | { kind: 'quantity' | 'time' | 'microTime' | 'duration' | 'intOrString' | 'rawExtension' | 'fieldsV1' | 'json' }
  | { kind: 'message'; message: MessageName }
  | { kind: 'list'; item: TypeModel }
  | { kind: 'map'; value: TypeModel };

/** One field as JSON sees it. Inlined Go structs are flattened into their parent; `wire` tells how they nest. */
export interface FieldModel {
  json: string;
  type: TypeModel;
  /** Protobuf tags from the message down: `[5]`, or `[1, 3]` when the field sits in an inlined struct that nests on the wire. */
  wire: readonly number[];
  pointer: boolean;
  omitEmpty: boolean;
  required: boolean;
  /** Server-side apply: how a list merges. */
  listType?: 'atomic' | 'set' | 'map';
  listMapKeys?: readonly string[];
  /** Server-side apply: an atomic struct or map is owned as a whole. */
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
  fields: readonly FieldModel[];
  byJson: ReadonlyMap<string, FieldModel>;
  /** The struct as a whole is atomic for server-side apply. */
  atomic: boolean;
}

/** Finds a message's model. `index.ts` exports the loaded one as `schema`. */
export interface Schema {
  message(name: MessageName): MessageModel;
  has(name: MessageName): boolean;
  names(): readonly MessageName[];
}
