export { type ApplyRequest, type ApplyResult, applyPatch } from './apply.ts';
export type { FieldSet } from './field-set.ts';
export { deducedType, type MergeType, mergeTypeOf } from './merge-type.ts';
export { excludeFields, type FieldFilter, resetFields } from './reset-fields.ts';
export { fromScaleEntries, toScaleEntries } from './scale.ts';
export {
  keepReset,
  type ManagedUpdate,
  type MergedKind,
  updateManagedFields,
  type VersionedObject,
} from './update.ts';
