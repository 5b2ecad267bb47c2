import { execFile } from 'node:child_process';
import { mkdir, readFile, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mountPointOf } from '../mountinfo.ts';
import { RuntimeError } from './errors.ts';

/** One row of /proc/self/mountinfo (proc(5)). */
export interface Mount {
  path: string;
  isShared: boolean;
}

/** The mounts in the order in which they were made: of two with one path the later one covers the other. */
export function parseMounts(mountinfo: string): Mount[] {
  return mountinfo
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const fields = (line.split(' - ')[0] ?? '').split(' ');
      return { path: mountPointOf(line), isShared: fields.slice(6).some((tag) => tag.startsWith('shared:')) };
    });
}

const readMounts = async (): Promise<Mount[]> => parseMounts(await readFile('/proc/self/mountinfo', 'utf8'));

/** The mount that `path` lies on. */
export function mountOf(mounts: readonly Mount[], path: string): Mount | undefined {
  const holds = ({ path: point }: Mount): boolean => point === '/' || path === point || path.startsWith(`${point}/`);
  return mounts
    .filter(holds)
    .reduce<Mount | undefined>((best, m) => (!best || m.path.length >= best.path.length ? m : best), undefined);
}

/** Makes `path` a folder whose mounts pods and host share, which is what mountPropagation needs. */
export async function makeShared(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o750 });
  const on = mountOf(await readMounts(), path);
  if (on?.isShared) return;
  if (on?.path !== path) await run('mount', ['--bind', path, path]);
  await run('mount', ['--make-rshared', path]);
}

const nsfsMagic = 0x6e736673;

/**
 * A mount namespace that outlives its processes, kept by a mount on a file in `folder`. The file's folder is a private
 * mount of its own, as the kernel wants it. Tells whether the namespace is there already.
 */
export async function prepareNamespaceFile(folder: string): Promise<{ file: string; exists: boolean }> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const on = mountOf(await readMounts(), folder);
  if (on?.path !== folder) {
    await run('mount', ['--bind', folder, folder]);
    await run('mount', ['--make-private', folder]);
  }
  const file = join(folder, 'mnt');
  const type = await statfs(file).then(
    (found) => found.type,
    () => undefined,
  );
  if (type === undefined) await writeFile(file, '');
  return { file, exists: type === nsfsMagic };
}

/** Unmounts everything at and below `path`, the innermost first. */
export async function unmountAll(path: string): Promise<void> {
  const inside = (await readMounts()).filter((mount) => mount.path === path || mount.path.startsWith(`${path}/`));
  for (const mount of inside.reverse()) await run('umount', ['--lazy', mount.path]);
}

const overlayMagic = 0x794c7630;

/** An overlay cannot lie on another one: where the folder is on one, layers are copied. */
export const snapshotterFor = async (folder: string): Promise<'overlayfs' | 'native'> =>
  (await statfs(folder)).type === overlayMagic ? 'native' : 'overlayfs';

const limitMs = 30_000;

function run(program: string, args: readonly string[]): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  execFile(program, [...args], { timeout: limitMs }, (error, _stdout, stderr) => {
    if (!error) return resolve();
    reject(new RuntimeError(`${program} ${args.join(' ')}: ${stderr.trim().split('\n').at(-1) || error.message}`));
  });
  return promise;
}
