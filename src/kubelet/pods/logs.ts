/** Log files of containers: the runtime writes them, the kubelet takes them away. */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pod } from '../../schema/generated/index.ts';
import { podLogFolder } from '../config/index.ts';

export interface PodLogs {
  /** Of one instance of a container, those that were rotated away among them. */
  removeInstance(pod: Pod, container: string, restartCount: number): Promise<void>;
  removePod(pod: Pod): Promise<void>;
  /** Folders of pods of which `isKnown` says that they are gone. */
  removeOthers(isKnown: (podUid: string) => boolean): Promise<void>;
}

/** `<root>/<namespace>_<name>_<uid>/<container>/<restartCount>.log` */
export function podLogs(root: string): PodLogs {
  return {
    async removeInstance(pod, container, restartCount) {
      const folder = join(podLogFolder(root, pod), container);
      const files = await readdir(folder).catch(() => []);
      const own = files.filter((file) => file.startsWith(`${restartCount}.log`));
      await Promise.all(own.map((file) => rm(join(folder, file), { force: true })));
    },
    removePod: (pod) => rm(podLogFolder(root, pod), { recursive: true, force: true }),
    async removeOthers(isKnown) {
      for (const folder of await readdir(root).catch(() => [])) {
        const uid = folder.slice(folder.lastIndexOf('_') + 1);
        if (!isKnown(uid)) await rm(join(root, folder), { recursive: true, force: true });
      }
    },
  };
}
