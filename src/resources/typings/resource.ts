import type { resourceV1 as generated } from '../../schema/generated/index.ts';
import type { Unchecked } from './unchecked.ts';

export type AllocatedDeviceStatus = Unchecked<generated.AllocatedDeviceStatus>;
export type Device = Unchecked<generated.Device>;
export type DeviceClaim = Unchecked<generated.DeviceClaim>;
export type DeviceClass = Unchecked<generated.DeviceClass>;
export type DeviceRequest = Unchecked<generated.DeviceRequest>;
export type DeviceSelector = Unchecked<generated.DeviceSelector>;
export type DeviceSubRequest = Unchecked<generated.DeviceSubRequest>;
export type OpaqueDeviceConfiguration = Unchecked<generated.OpaqueDeviceConfiguration>;
export type ResourceClaim = Unchecked<generated.ResourceClaim>;
export type ResourceClaimTemplate = Unchecked<generated.ResourceClaimTemplate>;
export type ResourceSlice = Unchecked<generated.ResourceSlice>;
export type ResourceSliceSpec = Unchecked<generated.ResourceSliceSpec>;
