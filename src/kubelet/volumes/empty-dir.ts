import { chmod, lchown, mkdir, rename, rm, stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { EmptyDirVolumeSource, Pod } from '../../schema/generated/index.ts';
import { parseQuantity, quantityValue } from '../../schema/index.ts';
import { orMissing } from './errors.ts';
import type { Mounter } from './mounter.ts';
import { podMemoryLimit } from './pod-resources.ts';

/** Of a volume's folder: on disk, and in memory, where it is that of a fresh tmpfs. */
export const diskMode = 0o777;
export const memoryMode = 0o1777;
const setgid = 0o2000;
/** Of the folders above: only containers get at volumes, by mounts of their own. */
const parentMode = 0o750;
const tmpfsMagic = 0x01021994;

/**
 * A folder that anybody may write to. It is made under another name first: once it has its name it is complete, and its
 * owner may change what he likes about it.
 */
export async function makeFolder(path: string, mode: number, fsGroup?: number): Promise<void> {
  if (await orMissing(stat(path))) return;
  const draft = `${path}.new`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(dirname(path), { recursive: true, mode: parentMode });
  await mkdir(draft);
  if (fsGroup !== undefined) await lchown(draft, -1, fsGroup);
  await chmod(draft, groupMode(mode, fsGroup));
  await rename(draft, path);
}

/** A file system in memory that anybody may write to, mounted with its owner and mode. */
export async function makeMemory(
  path: string,
  options: { sizeBytes: bigint; fsGroup: number | undefined },
  mounter: Mounter,
): Promise<void> {
  const { sizeBytes, fsGroup } = options;
  await mkdir(path, { recursive: true, mode: parentMode });
  if (await isTmpfsRoot(path)) return;
  await mounter.tmpfs(path, { sizeBytes, mode: groupMode(memoryMode, fsGroup), gid: fsGroup });
}

const groupMode = (mode: number, fsGroup: number | undefined): number => (fsGroup === undefined ? mode : mode | setgid);

export const isTmpfs = async (path: string): Promise<boolean> => (await statfs(path)).type === tmpfsMagic;

async function isTmpfsRoot(path: string): Promise<boolean> {
  const [own, parent] = await Promise.all([stat(path), stat(dirname(path))]);
  return own.dev !== parent.dev && isTmpfs(path);
}

/** The least of what the node has to give, the pod's memory limit and the volume's own limit. */
export function memorySize(pod: Pod, { sizeLimit }: EmptyDirVolumeSource, allocatableBytes: bigint): bigint {
  const limits = [podMemoryLimit(pod), sizeLimit === undefined ? undefined : quantityValue(parseQuantity(sizeLimit))];
  return limits.reduce<bigint>(
    (least, limit) => (limit && limit > 0n && limit < least ? limit : least),
    allocatableBytes,
  );
}
