import type { MessageName } from './codec.ts';
import type { FieldModel, MessageModel, ScalarKind, Schema, TypeModel } from './model.ts';
import { enumTable } from './tables/enums.ts';
import { fieldTable } from './tables/fields.ts';

const scalarKinds: ReadonlySet<string> = new Set<ScalarKind>([
  'string',
  'bool',
  'int32',
  'int64',
  'uint32',
  'uint64',
  'double',
  'bytes',
]);

type NamedKind = Exclude<TypeModel['kind'], ScalarKind | 'message' | 'list' | 'map' | SchemaOrKind>;
type SchemaOrKind = 'schemaOrArray' | 'schemaOrBool' | 'schemaOrStringArray';

const namedKinds: ReadonlySet<string> = new Set<NamedKind>([
  'quantity',
  'time',
  'microTime',
  'duration',
  'intOrString',
  'rawExtension',
  'fieldsV1',
  'json',
]);

/** Where a field stands within inlined structs. */
interface Nesting {
  wire: readonly number[];
  embedded: readonly string[];
}

/** The field tables, read lazily: one scan finds where each message begins, a model is built when first asked for. */
class TableSchema implements Schema {
  readonly #table: string;
  #starts: Map<MessageName, number> | undefined;
  #enums: Map<string, readonly string[]> | undefined;
  readonly #models = new Map<MessageName, MessageModel>();

  constructor(table: string) {
    this.#table = table;
  }

  message(name: MessageName): MessageModel {
    const known = this.#models.get(name);
    if (known) return known;
    const model = this.#build(name);
    this.#models.set(name, model);
    return model;
  }

  has(name: MessageName): boolean {
    return this.#index().has(name);
  }

  names(): readonly MessageName[] {
    return [...this.#index().keys()];
  }

  #index(): Map<MessageName, number> {
    if (this.#starts) return this.#starts;
    const starts = new Map<MessageName, number>();
    for (let at = this.#table.indexOf('\n#'); at >= 0; at = this.#table.indexOf('\n#', at + 1)) {
      const endOfLine = this.#table.indexOf('\n', at + 1);
      const space = this.#table.indexOf(' ', at);
      starts.set(this.#table.slice(at + 2, space >= 0 && space < endOfLine ? space : endOfLine), at + 2);
    }
    this.#starts = starts;
    return starts;
  }

  /** Header words and field rows of a message. */
  #block(name: MessageName): { head: string[]; rows: string[] } {
    const start = this.#index().get(name);
    if (start === undefined) throw new Error(`no message ${name} in the field tables`);
    const next = this.#table.indexOf('\n#', start);
    const [head, ...rows] = this.#table
      .slice(start, next < 0 ? undefined : next)
      .trimEnd()
      .split('\n');
    return { head: head!.split(' '), rows };
  }

  #build(name: MessageName): MessageModel {
    const { head, rows } = this.#block(name);
    const isKind = head.includes('kind');
    const fields = [...(isKind ? typeMetaFields : []), ...this.#fields(name, rows, { wire: [], embedded: [] })];
    return {
      name,
      isKind,
      fields,
      byJson: new Map(fields.map((field) => [field.json, field])),
      atomic: head.includes('atomic'),
    };
  }

  #fields(owner: MessageName, rows: readonly string[], outer: Nesting): FieldModel[] {
    const pkg = owner.slice(0, owner.lastIndexOf('.'));
    return rows.flatMap((row) => {
      const [json, tag, type, flags = '', list = '', patch = '', fallback = ''] = row.split('\t');
      const wire = tag ? [...outer.wire, Number(tag)] : [];
      if (json!.startsWith('>')) {
        const inlined = qualify(pkg, type!);
        return this.#fields(inlined, this.#block(inlined).rows, {
          wire,
          embedded: [...outer.embedded, json!.slice(1)],
        });
      }
      const place = { wire, embedded: outer.embedded };
      return [this.#field(json!, parseType(pkg, type!), place, { flags, list, patch, fallback, type: type! })];
    });
  }

  #field(
    json: string,
    type: TypeModel,
    place: Nesting,
    cells: { flags: string; list: string; patch: string; fallback: string; type: string },
  ): FieldModel {
    const [listType, listMapKeys] = cells.list.split(':');
    const [strategies, patchMergeKey] = cells.patch.split(':');
    const enumeration = this.#enum(cells.type);
    return {
      json,
      type,
      wire: place.wire,
      ...(place.embedded.length > 0 && { embedded: place.embedded }),
      pointer: cells.flags.includes('p'),
      omitEmpty: cells.flags.includes('e'),
      omitZero: cells.flags.includes('z'),
      required: cells.flags.includes('r'),
      ...(listType && { listType: listType as 'atomic' | 'set' | 'map' }),
      ...(listMapKeys && { listMapKeys: listMapKeys.split(',') }),
      atomic: this.#isAtomic(type, cells.flags),
      patchStrategy: strategies ? (strategies.split(',') as FieldModel['patchStrategy']) : [],
      ...(patchMergeKey && { patchMergeKey }),
      ...(cells.fallback && { default: JSON.parse(cells.fallback) as unknown }),
      ...(enumeration && { enum: enumeration }),
    };
  }

  #isAtomic(type: TypeModel, flags: string): boolean {
    if (flags.includes('a')) return true;
    if (flags.includes('g')) return false;
    return type.kind === 'message' && this.#block(type.message).head.includes('atomic');
  }

  #enum(type: string): readonly string[] | undefined {
    this.#enums ??= new Map(
      enumTable
        .trim()
        .split('\n')
        .map((line) => line.split('\t'))
        .map(([name, values]) => [name!, values!.split('|')]),
    );
    return this.#enums.get(type.slice(type.lastIndexOf(':') + 1));
  }
}

const qualify = (pkg: string, name: string): MessageName => (name.includes('/') ? name : `${pkg}.${name}`);

/** `core/v1.Protocol` → `v1.Protocol`, as Go prints it. */
const goName = (name: string): string => name.slice(name.lastIndexOf('/') + 1);

/** Reads a type cell: see tables/README.md. */
function parseType(pkg: string, text: string): TypeModel {
  if (text.startsWith('[')) {
    const end = text.indexOf(']');
    const mark = text.slice(1, end);
    const item = parseType(pkg, text.slice(end + 1));
    if (!mark) return { kind: 'list', item };
    if (mark.startsWith('=')) return { kind: 'list', item, goType: goName(mark.slice(1)) };
    return { kind: 'list', item, wrapped: true, goType: goName(mark) };
  }
  if (text.startsWith('{')) {
    const end = text.indexOf('}');
    const mark = text.slice(1, end);
    const value = parseType(pkg, text.slice(end + 1));
    if (!mark) return { kind: 'map', value };
    const goType = mark.startsWith('=') ? goName(mark.slice(1)) : `map[${goName(mark)}]${goTypeOf(value)}`;
    return { kind: 'map', value, goType };
  }
  const [name, detail] = text.split(':') as [string, string?];
  if (scalarKinds.has(name)) return { kind: name as ScalarKind, ...(detail && { goType: goName(detail) }) };
  if (namedKinds.has(name)) return { kind: name as NamedKind };
  if (name.startsWith('schemaOr')) return { kind: name as SchemaOrKind, message: detail! };
  return { kind: 'message', message: qualify(pkg, name) };
}

const goTypes: Readonly<Record<ScalarKind | NamedKind | SchemaOrKind, string>> = {
  string: 'string',
  bool: 'bool',
  int32: 'int32',
  int64: 'int64',
  uint32: 'uint32',
  uint64: 'uint64',
  double: 'float64',
  bytes: '[]uint8',
  quantity: 'resource.Quantity',
  time: 'v1.Time',
  microTime: 'v1.MicroTime',
  duration: 'v1.Duration',
  intOrString: 'intstr.IntOrString',
  rawExtension: 'runtime.RawExtension',
  fieldsV1: 'v1.FieldsV1',
  json: 'v1.JSON',
  schemaOrArray: 'v1.JSONSchemaPropsOrArray',
  schemaOrBool: 'v1.JSONSchemaPropsOrBool',
  schemaOrStringArray: 'v1.JSONSchemaPropsOrStringArray',
};

/** A type's name as Go's reflection prints it: `[]v1.Container`, `map[string]string`, `v1.Protocol`. */
export function goTypeOf(type: TypeModel): string {
  switch (type.kind) {
    case 'message':
      return goName(type.message);
    case 'list':
      return type.goType ?? `[]${goTypeOf(type.item)}`;
    case 'map':
      return type.goType ?? `map[string]${goTypeOf(type.value)}`;
    default:
      return ('goType' in type && type.goType) || goTypes[type.kind];
  }
}

const typeMetaField = (json: string): FieldModel => ({
  json,
  type: { kind: 'string' },
  wire: [],
  embedded: ['TypeMeta'],
  pointer: false,
  omitEmpty: true,
  omitZero: false,
  required: false,
  atomic: false,
  patchStrategy: [],
});
const typeMetaFields: readonly FieldModel[] = [typeMetaField('kind'), typeMetaField('apiVersion')];

/** All messages of the built-in API. */
export const schema: Schema = new TableSchema(fieldTable);
