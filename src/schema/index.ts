export type { Codec, Decoded, DecodeOptions, FieldProblem, MessageName } from './codec.ts';
export { CodecError } from './codec.ts';
export { type Envelope, hasEnvelope, protobufMagic, unwrapEnvelope, wrapEnvelope } from './envelope.ts';
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
export { referenceCodec } from './reference-codec.ts';
export { goTypeOf, schema } from './schema.ts';
