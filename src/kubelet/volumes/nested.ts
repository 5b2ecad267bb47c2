import { join, normalize } from 'node:path';
import type { Pod } from '../../schema/generated/index.ts';
import { containersOf } from './ownership.ts';

/**
 * Folders that must exist inside a volume because another volume is mounted below it: a read-only volume cannot be
 * given them later. Only the outermost ones. Upstream: pkg/volume/util/nested_volumes.go.
 */
export function nestedMountPoints(pod: Pod, volume: string): string[] {
  const nested = new Set<string>();
  for (const { volumeMounts = [] } of containersOf(pod.spec)) {
    const all = volumeMounts.map(({ mountPath }) => clean(mountPath)).sort();
    for (const { name, mountPath } of volumeMounts) {
      if (name === volume) for (const path of outermostBelow(clean(mountPath), all)) nested.add(path);
    }
  }
  return [...nested];
}

function outermostBelow(mine: string, all: readonly string[]): string[] {
  if (mine.startsWith('../')) throw new Error(`invalid container mount point ${mine}`);
  const prefix = join(mine, '/');
  const found: string[] = [];
  for (const path of all) {
    if (path.startsWith(prefix) && path !== prefix && !found.some((outer) => path.startsWith(`${outer}/`)))
      found.push(path);
  }
  return found.map((path) => path.slice(prefix.length));
}

const clean = (path: string): string => normalize(path).replace(/(?<=.)\/$/, '');
