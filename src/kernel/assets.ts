import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * Absolute path of a file that ships with the program: `hardware-profiles/nuc.yaml`, `build/codec.wasm`. Works from the
 * source tree, from the bundle in dist/ and from an installed, read-only tree: the root is the nearest folder above this
 * module that holds `hardware-profiles`.
 */
export function assetPath(relative: string): string {
  root ??= findRoot(import.meta.dirname);
  return join(root, relative);
}

let root: string | undefined;

function findRoot(from: string): string {
  for (let folder = from; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'hardware-profiles'))) return folder;
    if (folder === dirname(folder))
      throw new Error(`no hardware-profiles folder above ${from}: the installation is incomplete`);
  }
}
