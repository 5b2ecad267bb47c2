export type { Codec, Decoded, DecodeOptions, FieldProblem, MessageName } from './codec.ts';
export { CodecError } from './codec.ts';
export type { FieldModel, MessageModel, ScalarKind, Schema, TypeModel } from './model.ts';
export { messageOf, packageOf } from './names.ts';
export type {
  FieldRequirement,
  KubeObject,
  LabelRequirement,
  ManagedFieldsEntry,
  ObjectMeta,
  OwnerReference,
} from './object.ts';
export { goTypeOf, schema } from './schema.ts';
