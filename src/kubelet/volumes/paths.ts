import { join } from 'node:path';

/** Volume kinds that have a folder, by upstream's plugin names (`/` escaped as `~`). */
export type Plugin =
  | 'kubernetes.io~empty-dir'
  | 'kubernetes.io~configmap'
  | 'kubernetes.io~secret'
  | 'kubernetes.io~downward-api'
  | 'kubernetes.io~projected';

/** Everything of a pod that may touch the disk. */
export const podFolder = (root: string, podUid: string): string => join(root, 'pods', podUid);

/** The one tmpfs for what must not reach the disk, shared by all pods. */
export const memoryRoot = (root: string): string => join(root, 'memory');

export const memoryPodFolder = (root: string, podUid: string): string => join(memoryRoot(root), podUid);

/** Bind mounts of sub-paths: <volume>/<container>/<index of the mount>. */
export const subPathFolder = (root: string, podUid: string): string => join(podFolder(root, podUid), 'volume-subpaths');

export const diskVolume = (root: string, podUid: string, plugin: Plugin, name: string): string =>
  join(podFolder(root, podUid), 'volumes', plugin, name);

export const memoryVolume = (root: string, podUid: string, plugin: Plugin, name: string): string =>
  join(memoryPodFolder(root, podUid), plugin, name);
