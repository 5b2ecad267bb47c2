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
export { checkSyntax } from './reference/json-syntax.ts';
export { ProtoReader } from './reference/proto-reader.ts';
export { ProtoWriter } from './reference/proto-writer.ts';
export { goTypeOf, schema } from './schema.ts';
export {
  FieldSelectorError,
  parseFieldSelector,
} from './selectors/field-selector.ts';
export { labelKeyProblems, labelValueProblems } from './selectors/label-names.ts';
export { LabelSelectorError, parseLabelSelector } from './selectors/label-parser.ts';
export {
  formatLabelSelector,
  type LabelRequirements,
  type LabelSelectorSpec,
  matchesLabels,
  requirementsOfLabels,
  requirementsOfSelector,
} from './selectors/label-selector.ts';
export { DurationError, formatDuration, parseDuration } from './values/duration.ts';
export {
  type IntOrString,
  parseIntOrString,
  scaledIntOrPercent,
} from './values/int-or-string.ts';
export { parseJsonObject, stringifyObject } from './values/json-object.ts';
export {
  addQuantity,
  canonicalQuantity,
  compareQuantity,
  formatQuantity,
  parseQuantity,
  type Quantity,
  QuantityError,
  type QuantityFormat,
  quantityFromInteger,
  quantityFromMilli,
  quantityMilliValue,
  quantityValue,
  zeroQuantity,
} from './values/quantity.ts';
export {
  formatInstant,
  formatMicroInstant,
  type Instant,
  instantOf,
  parseMicroTime,
  parseTime,
  TimeError,
  timeToMs,
} from './values/time.ts';
export { zeroScalar } from './values/zero.ts';
