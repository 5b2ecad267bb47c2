import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface SmallDisk {
  path: string;
  /** Takes all the space that is left. */
  fill(): void;
  /** Gives back what `fill` took. */
  makeRoom(): void;
  dispose(): void;
}

/** A file system of its own of `mib` MiB; undefined when it cannot be mounted. */
export function smallDisk(mib: number): SmallDisk | undefined {
  const path = mkdtempSync(join(tmpdir(), 'nanoshift-disk-'));
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${mib}m`, 'tmpfs', path]).status !== 0) {
    rmSync(path, { recursive: true });
    return undefined;
  }
  const ballast = (number: number): string => join(path, `ballast-${number}`);
  return {
    path,
    fill() {
      for (const [number, bytes] of [mib << 20, 1 << 16, 1 << 12].entries()) take(ballast(number), bytes);
    },
    makeRoom() {
      for (const number of [0, 1, 2]) rmSync(ballast(number), { force: true });
    },
    dispose() {
      spawnSync('umount', ['--lazy', path]);
      rmSync(path, { recursive: true, force: true });
    },
  };
}

export const skipWithoutMount = 'a small file system cannot be mounted (needs root)';

function take(file: string, bytes: number): void {
  try {
    writeFileSync(file, Buffer.alloc(bytes));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  }
}
