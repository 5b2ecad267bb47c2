import { constants, type Stats } from 'node:fs';
import { type FileHandle, chmod, lstat, mkdir, open, realpath, rmdir, stat, unlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isMissing, orMissing } from './errors.ts';
import type { Mounter } from './mounter.ts';
import { subPathFolder } from './paths.ts';

export interface SubPath {
  root: string;
  podUid: string;
  container: string;
  volume: string;
  /** Where the mount stands in the container's list. */
  index: number;
  volumePath: string;
  /** Relative, without `..`. */
  path: string;
}

/** Linux: open the thing itself, whatever it is, for nothing but naming it. */
const openPath = 0o10000000;
const noFollow = openPath | constants.O_NOFOLLOW;

/**
 * Makes the sub-path of a volume when it is missing, and a bind mount of it. The container could swap any part of the path
 * for a link while we look: each step is opened from the step before without following links, and what is mounted is the
 * descriptor, not the name. Upstream: pkg/volume/util/subpath.
 * @returns the bind mount, for the container.
 */
export async function prepareSubPath(sub: SubPath, mounter: Mounter): Promise<string> {
  const base = await realpath(sub.volumePath);
  const resolved = await resolveInside(base, sub.path);
  await using source = await openStepwise(base, resolved);
  const target = join(subPathFolder(sub.root, sub.podUid), sub.volume, sub.container, String(sub.index));
  if (await isBoundTo(target, await source.stat(), mounter)) return target;
  await makeTarget(target, await source.stat());
  await mounter.bind(`/proc/${process.pid}/fd/${source.fd}`, target);
  return target;
}

/** Makes the folders of a sub-path that are missing, with the volume's own mode. */
export async function makeSubPath(volumePath: string, path: string): Promise<void> {
  const base = await realpath(volumePath);
  if (await orMissing(stat(join(base, path)))) return;
  const { mode } = await stat(base);
  const names = path.split('/').filter((name) => name !== '' && name !== '.');
  let existing = base;
  let depth = 0;
  for (; depth < names.length; depth++) {
    const next = await orMissing(realpath(join(existing, names[depth]!)));
    if (!next) break;
    existing = next;
  }
  assertWithin(existing, base);
  const handles = [await openStepwise(base, existing)];
  try {
    for (const name of names.slice(depth)) {
      const child = `/proc/self/fd/${handles.at(-1)!.fd}/${name}`;
      await mkdir(child);
      handles.push(await open(child, noFollow));
      await chmod(`/proc/self/fd/${handles.at(-1)!.fd}`, mode & 0o7777);
    }
  } finally {
    for (const handle of handles) await handle.close();
  }
}

async function resolveInside(base: string, path: string): Promise<string> {
  const resolved = await realpath(join(base, path));
  assertWithin(resolved, base);
  return resolved;
}

function assertWithin(path: string, base: string): void {
  if (path !== base && !path.startsWith(`${base}/`)) {
    throw new Error(`subpath ${JSON.stringify(path)} not within volume path ${JSON.stringify(base)}`);
  }
}

/** Opens `path`, a resolved path at or below `base`, one name at a time, following no link. */
async function openStepwise(base: string, path: string): Promise<FileHandle> {
  let handle = await open(base, noFollow);
  for (const name of path.slice(base.length).split('/').filter(Boolean)) {
    try {
      const next = await open(`/proc/self/fd/${handle.fd}/${name}`, noFollow);
      if ((await next.stat()).isSymbolicLink()) {
        await next.close();
        throw new Error(`unexpected symlink found ${JSON.stringify(path)}`);
      }
      await handle.close();
      handle = next;
    } catch (error) {
      await handle.close();
      throw error;
    }
  }
  return handle;
}

/** Unmounts the target when something else is mounted there: the volume's content has been replaced since. */
async function isBoundTo(target: string, source: Stats, mounter: Mounter): Promise<boolean> {
  if (!(await mounter.below(target)).includes(target)) return false;
  const { dev, ino } = await lstat(target);
  if (dev === source.dev && ino === source.ino) return true;
  await mounter.unmount(target);
  return false;
}

async function makeTarget(target: string, source: Stats): Promise<void> {
  await mkdir(dirname(target), { recursive: true, mode: 0o750 });
  try {
    const present = await lstat(target);
    if (present.isDirectory() === source.isDirectory()) return;
    await (present.isDirectory() ? rmdir(target) : unlink(target));
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  if (source.isDirectory()) await mkdir(target, { mode: 0o750 });
  else await writeFile(target, '', { mode: 0o640 });
}
