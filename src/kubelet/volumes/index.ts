/** Volumes of pods: made, filled, kept up to date and taken away. Also what of a pod can be read as text. */
export { allocatableOf } from './allocatable.ts';
export { splitSubscript, goQuote, metadataField } from './field-ref.ts';
export { createVolumeManager, type Volumes } from './manager.ts';
export { type Mounter, systemMounter } from './mounter.ts';
export { podFolder } from './paths.ts';
export { podTotal } from './pod-resources.ts';
export { containerNamed, resourceField } from './resource-ref.ts';
export { makeSubPath, prepareSubPath } from './subpath.ts';
