import { access, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { totalmem } from 'node:os';
import { pageSizeName } from './resources.ts';
import type { MachineFacts } from './resources.ts';
import { commonMaskedPaths } from './security.ts';

export interface Machine extends MachineFacts {
  maskedPaths: readonly string[];
  hasAppArmor: boolean;
}

/** What containers' configurations need to know of this machine. Does not change while it runs. */
export async function probeMachine(): Promise<Machine> {
  const isUnified = await exists('/sys/fs/cgroup/cgroup.controllers');
  const [hasSwapLimit, hugePageSizes, throttles, hasAppArmor] = await Promise.all([
    isUnified ? hasSwapFile() : exists('/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes'),
    hugePages(),
    throttlePaths(),
    readFile('/sys/module/apparmor/parameters/enabled', 'utf8').then(
      (text) => text.startsWith('Y'),
      () => false,
    ),
  ]);
  return {
    memoryBytes: BigInt(totalmem()),
    isUnified,
    hasSwapLimit,
    hugePageSizes,
    maskedPaths: [...commonMaskedPaths, ...throttles],
    hasAppArmor,
  };
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}

/** In this process's own group, as the root group has none. */
async function hasSwapFile(): Promise<boolean> {
  const own = (await readFile('/proc/self/cgroup', 'utf8')).trim().split(':').at(-1) ?? '/';
  return exists(join('/sys/fs/cgroup', own, 'memory.swap.max'));
}

const namesIn = (folder: string): Promise<string[]> => readdir(folder).catch(() => []);

/** Folders are called `hugepages-2048kB`. */
async function hugePages(): Promise<string[]> {
  const names = await namesIn('/sys/kernel/mm/hugepages');
  return names.map((name) => pageSizeName(name.replace(/^hugepages-(\d+)kB$/, '$1Ki')));
}

async function throttlePaths(): Promise<string[]> {
  const cpus = (await namesIn('/sys/devices/system/cpu')).filter((name) => /^cpu\d+$/.test(name));
  const paths = cpus.map((cpu) => `/sys/devices/system/cpu/${cpu}/thermal_throttle`);
  const found = await Promise.all(paths.map(exists));
  return paths.filter((_, index) => found[index]);
}
