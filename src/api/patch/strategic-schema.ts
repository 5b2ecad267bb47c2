/** Patch strategies and merge keys, looked up in the schema model as upstream looks them up in Go structs. */
import { type MessageModel, type MessageName, schema, type TypeModel } from '../../schema/index.ts';
import { PatchFormatError } from './strategic-errors.ts';

export interface PatchType {
  /** Go's kind, for messages. */
  goKind: string;
  /** Go's struct name, for messages. */
  goName: string;
  model: MessageModel | undefined;
}

export interface PatchedField {
  /** Of the map, or of the list's items. */
  type: PatchType;
  strategy: '' | 'merge' | 'replace';
  mergeKey: string;
}

export const messagePatchType = (message: MessageName): PatchType => patchTypeOf({ kind: 'message', message });

function patchTypeOf(type: TypeModel): PatchType {
  switch (type.kind) {
    case 'message':
      return { goKind: 'struct', goName: afterDot(type.message), model: schema.message(type.message) };
    case 'list':
      return { goKind: 'slice', goName: '', model: undefined };
    case 'map':
      return { goKind: 'map', goName: '', model: undefined };
    case 'rawExtension':
      return { goKind: 'struct', goName: 'RawExtension', model: undefined };
    case 'fieldsV1':
      return { goKind: 'struct', goName: 'FieldsV1', model: undefined };
    case 'json':
      return { goKind: 'struct', goName: 'JSON', model: undefined };
    case 'schemaOrArray':
    case 'schemaOrBool':
    case 'schemaOrStringArray':
      return { goKind: 'struct', goName: `JSONSchemaProps${type.kind.slice('schema'.length)}`, model: undefined };
    default:
      return { goKind: type.kind, goName: type.kind, model: undefined };
  }
}

const afterDot = (name: string): string => name.slice(name.lastIndexOf('.') + 1);

/** A field whose value is a map. */
export function lookupMap(type: PatchType, name: string): PatchedField {
  const { field, strategy } = find(type, name);
  return { type: patchTypeOf(field.type), strategy, mergeKey: field.patchMergeKey ?? '' };
}

/** A field whose value is a list. */
export function lookupList(type: PatchType, name: string): PatchedField {
  const { field, strategy } = find(type, name);
  if (field.type.kind !== 'list') {
    throw new PatchFormatError(`expected slice or array type, but got: ${type.goKind}`);
  }
  const { item } = field.type;
  if (item.kind === 'list') throw new PatchFormatError('unexpected slice of slice');
  return { type: patchTypeOf(item), strategy, mergeKey: field.patchMergeKey ?? '' };
}

function find(type: PatchType, name: string) {
  if (type.goKind !== 'struct') {
    throw new PatchFormatError(`merging an object in json but data type is not struct, instead is: ${type.goKind}`);
  }
  const field = type.model?.byJson.get(name);
  if (!field) {
    throw new PatchFormatError(
      `unable to find api field in struct ${type.goName} for the json field ${JSON.stringify(name)}`,
    );
  }
  const strategy = field.patchStrategy.find((word) => word !== 'retainKeys') ?? '';
  return { field, strategy: strategy as PatchedField['strategy'] };
}
