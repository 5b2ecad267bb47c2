import { mkdir, open, stat } from 'node:fs/promises';
import type { Stats } from 'node:fs';
import type { HostPathVolumeSource } from '../../schema/generated/index.ts';
import { orMissing } from './errors.ts';

interface Check {
  is(stats: Stats): boolean;
  /** Ends `hostPath type check failed: <path> is not a …`. */
  what: string;
  make?(path: string): Promise<unknown>;
}

const folder = { is: (stats: Stats) => stats.isDirectory(), what: 'directory' };
const file = { is: (stats: Stats) => stats.isFile(), what: 'file' };

const checks: Readonly<Record<string, Check>> = {
  DirectoryOrCreate: { ...folder, make: (path) => mkdir(path, { recursive: true, mode: 0o755 }) },
  Directory: folder,
  FileOrCreate: { ...file, make: async (path) => (await open(path, 'a', 0o644)).close() },
  File: file,
  Socket: { is: (stats) => stats.isSocket(), what: 'socket file' },
  CharDevice: { is: (stats) => stats.isCharacterDevice(), what: 'character device' },
  BlockDevice: { is: (stats) => stats.isBlockDevice(), what: 'block device' },
};

/** Checks that the path is what its type says, and makes it when the type says so. Throws with upstream's text. */
export async function checkHostPath({ path, type = '' }: HostPathVolumeSource): Promise<void> {
  if (path.split('/').includes('..')) throw new Error(`invalid HostPath \`${path}\`: must not contain '..'`);
  if (type === '') return;
  const check = checks[type];
  if (!check) throw new Error(`${type} is an invalid volume type`);
  const stats = await orMissing(stat(path));
  if (!stats && check.make) await check.make(path);
  else if (!stats || !check.is(stats)) throw new Error(`hostPath type check failed: ${path} is not a ${check.what}`);
}
