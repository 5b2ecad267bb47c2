import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { release } from 'node:os';
import { promisify } from 'node:util';
import { mountPointOf } from '../mountinfo.ts';

/** Mounts of this process's mount namespace. Node has no mount system call: each change is a short-lived process. */
export interface Mounter {
  /** `mode` and `gid` are of the file system's root folder. */
  tmpfs(path: string, options: TmpfsOptions): Promise<void>;
  /** `source` may be a `/proc/<pid>/fd/<n>` link: it is not resolved before the kernel does. */
  bind(source: string, target: string): Promise<void>;
  unmount(path: string): Promise<void>;
  /** Mount points at or below `folder`, in the order in which they were mounted. */
  below(folder: string): Promise<string[]>;
}

export interface TmpfsOptions {
  sizeBytes: bigint;
  mode: number;
  gid?: number | undefined;
}

const run = promisify(execFile);
const timeoutMs = 30_000;

/** tmpfs knows `noswap` since Linux 6.4. */
const knowsNoswap = (kernel: string): boolean => {
  const [major = 0, minor = 0] = kernel.split('.').map(Number);
  return major > 6 || (major === 6 && minor >= 4);
};

export const systemMounter: Mounter = {
  tmpfs: (path, options) => command('mount', ['-t', 'tmpfs', '-o', tmpfsOptions(options, release()), 'tmpfs', path]),
  bind: (source, target) => command('mount', ['--no-canonicalize', '--bind', source, target]),
  unmount: (path) => command('umount', [path]),
  below: async (folder) => mountPointsBelow(await readFile('/proc/self/mountinfo', 'utf8'), folder),
};

/** What follows `-o`. */
export function tmpfsOptions({ sizeBytes, mode, gid }: TmpfsOptions, kernel: string): string {
  return [
    `size=${sizeBytes}`,
    `mode=${mode.toString(8)}`,
    ...(gid === undefined ? [] : [`gid=${gid}`]),
    ...(knowsNoswap(kernel) ? ['noswap'] : []),
  ].join(',');
}

async function command(name: 'mount' | 'umount', args: readonly string[]): Promise<void> {
  try {
    await run(name, args, { timeout: timeoutMs, env: { ...process.env, LC_ALL: 'C' } });
  } catch (error) {
    const { stderr = '' } = error as { stderr?: string };
    throw new Error(`${name} failed: ${stderr.trim() || String(error)}`, { cause: error });
  }
}

export const mountPointsBelow = (mountinfo: string, folder: string): string[] =>
  mountinfo
    .split('\n')
    .map(mountPointOf)
    .filter((path) => path === folder || path.startsWith(`${folder}/`));
