/** Pods: from what is wanted and what the runtime has to what runs. */
export { createPodManager, type PodManager, type PodManagerOptions } from './manager.ts';
