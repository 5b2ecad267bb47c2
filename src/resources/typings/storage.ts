import type { storageV1 as generated } from '../../schema/generated/index.ts';
import type { Unchecked } from './unchecked.ts';

export type CSIDriver = Unchecked<generated.CSIDriver>;
export type CSINode = Unchecked<generated.CSINode>;
export type CSIStorageCapacity = Unchecked<generated.CSIStorageCapacity>;
export type StorageClass = Unchecked<generated.StorageClass>;
export type VolumeAttachment = Unchecked<generated.VolumeAttachment>;
export type VolumeAttributesClass = Unchecked<generated.VolumeAttributesClass>;
