/** The container runtime: one that is found, or a containerd of our own that is started, adopted and watched over. */
export { cleanupRuntime } from './cleanup.ts';
export { RuntimeError } from './errors.ts';
export { findRuntimeSocket } from './find-runtime.ts';
export { type OpenRuntimeOptions, openRuntime, type Runtime } from './open.ts';
