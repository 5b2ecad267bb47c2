export { type ApplyRequest, type ApplyResult, applyPatch } from './apply.ts';
export { unknownServerError } from '../patch/index.ts';
export type { FieldSet } from './field-set.ts';
export { deducedType, type MergeType, mergeTypeOf } from './merge-type.ts';
export { excludeFields, type FieldFilter, includeFields, resetFields } from './reset-fields.ts';
export {
  hasEmptyManagedFields,
  type ManagedUpdate,
  type MergedKind,
  updateManagedFields,
  type VersionedObject,
} from './update.ts';
