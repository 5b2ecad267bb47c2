/** The node's agent: pods of this machine, from the API's wish to running containers and back. */
export { type CriClientOptions, createCriClient } from './cri/index.ts';
export { ensurePauseImage, importImage, pauseImage, pauseNames } from './images/index.ts';
export { type Kubelet, type KubeletOptions, startKubelet } from './kubelet.ts';
export { cleanupRuntime, openRuntime, type OpenRuntimeOptions, type Runtime, RuntimeError } from './runtime/index.ts';
export { createStreaming, type Streaming, type StreamingOptions } from './streaming/index.ts';
export type * from './types.ts';
export { PodStartError, runtimeAnnotations, runtimeLabels } from './types.ts';
