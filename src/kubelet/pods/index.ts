/** Pods: from what is wanted and what the runtime has to what runs. */
export { type PodLogs, podLogs } from './logs.ts';
export { createPodManager, type PodManager, type PodManagerOptions } from './manager.ts';
