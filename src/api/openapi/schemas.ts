/** Definitions of OpenAPI documents, made from the schema model. */
import { type FieldModel, type MessageName, schema, type TypeModel, zeroScalar } from '../../schema/index.ts';
import { descriptionOf } from './descriptions.ts';
import { definitionName, patchName, scalarNames } from './schema-names.ts';

/** OpenAPI 2 and 3 differ in where definitions live, in unions, and in defaults (3 only). */
export type Dialect = 'v2' | 'v3';

export type SchemaObject = Readonly<Record<string, unknown>>;

export interface GroupVersionKind {
  group: string;
  version: string;
  kind: string;
}

const refPrefix: Readonly<Record<Dialect, string>> = { v2: '#/definitions/', v3: '#/components/schemas/' };

export const refTo = (dialect: Dialect, name: string): SchemaObject => ({ $ref: refPrefix[dialect] + name });

type ScalarName = keyof typeof scalarNames;

const isNamedScalar = (kind: string): kind is ScalarName => kind in scalarNames;

/** Definitions that a document needs, collected from the messages that its paths mention. */
export class DefinitionSet {
  readonly #dialect: Dialect;
  readonly #kinds: ReadonlyMap<MessageName, readonly GroupVersionKind[]>;
  readonly #messages = new Set<MessageName>();
  readonly #scalars = new Set<ScalarName>();

  /** `kinds`: messages that are kinds of the API, with what they are called there. */
  constructor(dialect: Dialect, kinds: ReadonlyMap<MessageName, readonly GroupVersionKind[]>) {
    this.#dialect = dialect;
    this.#kinds = kinds;
  }

  /** A reference to the message; its definition will be there, with all that it refers to. */
  ref(message: MessageName): SchemaObject {
    this.#messages.add(message);
    return refTo(this.#dialect, definitionName(message));
  }

  /** Every definition with its name; more messages may turn up while it runs. */
  *entries(): Generator<readonly [string, SchemaObject]> {
    for (const message of this.#messages) yield [definitionName(message), this.#message(message)];
    for (const kind of this.#scalars) yield [scalarNames[kind], scalarSchema(kind, this.#dialect)];
    yield [patchName, { description: 'Body of a PATCH request, in the form its content type names.', type: 'object' }];
  }

  #message(message: MessageName): SchemaObject {
    const model = schema.message(message);
    const kinds = this.#kinds.get(message);
    const required = model.fields.filter((field) => field.required).map((field) => field.json);
    const description = descriptionOf(message);
    return {
      ...(description && { description }),
      type: 'object',
      ...(model.fields.length > 0 && {
        properties: Object.fromEntries(model.fields.map((field) => [field.json, this.#field(field)])),
      }),
      ...(required.length > 0 && { required }),
      ...(kinds && { 'x-kubernetes-group-version-kind': kinds }),
      ...(model.atomic && { 'x-kubernetes-map-type': 'atomic' }),
    };
  }

  #field(field: FieldModel): SchemaObject {
    const type = this.#type(field.type, field.enum);
    const fallback = this.#dialect === 'v3' ? defaultOf(field) : undefined;
    const extra = { ...(fallback !== undefined && { default: fallback }), ...extensionsOf(field) };
    if (Object.keys(extra).length === 0) return type;
    return this.#dialect === 'v3' && '$ref' in type ? { allOf: [type], ...extra } : { ...type, ...extra };
  }

  #type(type: TypeModel, values?: readonly string[]): SchemaObject {
    switch (type.kind) {
      case 'message':
        return this.ref(type.message);
      case 'list':
        return { type: 'array', items: this.#type(type.item, values) };
      case 'map':
        return { type: 'object', additionalProperties: this.#type(type.value, values) };
      case 'string':
        return values ? { type: 'string', enum: values } : { type: 'string' };
      default:
        return this.#scalar(type.kind);
    }
  }

  #scalar(kind: Exclude<TypeModel['kind'], 'message' | 'list' | 'map'>): SchemaObject {
    if (isNamedScalar(kind)) {
      this.#scalars.add(kind);
      return refTo(this.#dialect, scalarNames[kind]);
    }
    return plainTypes[kind]!;
  }
}

const plainTypes: Readonly<Record<string, SchemaObject>> = {
  string: { type: 'string' },
  duration: { type: 'string' },
  bool: { type: 'boolean' },
  int32: { type: 'integer', format: 'int32' },
  int64: { type: 'integer', format: 'int64' },
  uint32: { type: 'integer', format: 'int64' },
  uint64: { type: 'integer', format: 'int64' },
  double: { type: 'number', format: 'double' },
  bytes: { type: 'string', format: 'byte' },
};

function scalarSchema(kind: ScalarName, dialect: Dialect): SchemaObject {
  switch (kind) {
    case 'quantity':
      return dialect === 'v3' ? { oneOf: [{ type: 'string' }, { type: 'number' }] } : { type: 'string' };
    case 'intOrString':
      return dialect === 'v3'
        ? { format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] }
        : { type: 'string', format: 'int-or-string' };
    case 'time':
    case 'microTime':
      return { type: 'string', format: 'date-time' };
    case 'fieldsV1':
    case 'rawExtension':
      return { type: 'object' };
    default:
      return {};
  }
}

/** A declared default, else the zero value of what the server always writes. */
function defaultOf(field: FieldModel): unknown {
  if (field.default !== undefined) return field.default;
  if (field.type.kind === 'message') return field.pointer || field.omitZero ? undefined : {};
  if (field.pointer || field.omitEmpty) return undefined;
  return zeroScalar(field.type.kind);
}

function extensionsOf(field: FieldModel): SchemaObject {
  const isAtomicType = field.type.kind === 'message' && schema.message(field.type.message).atomic;
  const mapType = field.atomic === isAtomicType ? undefined : field.atomic ? 'atomic' : 'granular';
  return {
    ...(field.listMapKeys && { 'x-kubernetes-list-map-keys': field.listMapKeys }),
    ...(field.listType && { 'x-kubernetes-list-type': field.listType }),
    ...(mapType && { 'x-kubernetes-map-type': mapType }),
    ...(field.patchMergeKey && { 'x-kubernetes-patch-merge-key': field.patchMergeKey }),
    ...(field.patchStrategy.length > 0 && { 'x-kubernetes-patch-strategy': field.patchStrategy.join(',') }),
  };
}
