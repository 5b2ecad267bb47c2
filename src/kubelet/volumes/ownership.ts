import type { Stats } from 'node:fs';
import { chmod, lchown, lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Container, Pod } from '../../schema/generated/index.ts';

const setgid = 0o2000;
const folderExecute = 0o110;

/** Gives a volume to the pod's fsGroup: children first, as upstream does. */
export async function giveToGroup(path: string, group: number, readOnly: boolean): Promise<void> {
  const stats = await lstat(path);
  if (stats.isDirectory()) {
    for (const name of await readdir(path)) await giveToGroup(join(path, name), group, readOnly);
  }
  await lchown(path, -1, group);
  if (!stats.isSymbolicLink()) await chmod(path, groupMode(stats, readOnly));
}

function groupMode(stats: Stats, readOnly: boolean): number {
  const mode = (stats.mode & 0o7777) | (readOnly ? 0o440 : 0o660);
  return stats.isDirectory() ? mode | setgid | folderExecute : mode;
}

/** The user that all containers of the pod run as, when the pod says so; owns service account tokens. */
export function soleUser({ spec }: Pod): number | undefined {
  const users = containersOf(spec).map(
    ({ securityContext }) => securityContext?.runAsUser ?? spec.securityContext?.runAsUser,
  );
  return users.every((user) => user === users[0]) ? users[0] : undefined;
}

/** Of every kind, in upstream's order: init, regular, ephemeral. */
export const containersOf = (spec: Pod['spec']): Container[] => [
  ...(spec.initContainers ?? []),
  ...spec.containers,
  ...(spec.ephemeralContainers ?? []),
];
