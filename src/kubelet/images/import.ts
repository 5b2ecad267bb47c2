/** Image archives into containerd, by the `ctr` that comes with it. CRI itself has no way to import. */
import { execFile } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../../kernel/index.ts';
import type { CriClient } from '../cri/types.ts';
import { ownArchitecture, writeImage } from './oci.ts';
import { pauseImage, pauseNames } from './pause.ts';

/** An import that cannot be done or has failed; one line that says why. */
export class ImageImportError extends Error {
  override readonly name = 'ImageImportError';
}

/** The namespace in containerd that CRI's images live in. */
const criNamespace = 'k8s.io';
const importLimitMs = 10 * 60_000;

/** Imports an OCI or Docker archive; resolves with the names of the images in it. Throws ImageImportError. */
export async function importImage(socketPath: string, file: string): Promise<string[]> {
  const output = await ctr(['-a', socketPath, '-n', criNamespace, 'images', 'import', file]);
  return [...output.matchAll(/^unpacking (\S+) /gm)].map((match) => match[1] as string);
}

function ctr(args: readonly string[]): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const options = { timeout: importLimitMs, maxBuffer: 1 << 20, env: { ...process.env, PATH: searchPath() } };
  execFile('ctr', [...args], options, (error, stdout, stderr) => {
    if (!error) return resolve(stdout);
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    const lastLine = stderr.trim().split('\n').at(-1) || error.message;
    reject(new ImageImportError(missing ? 'the program ctr, a part of containerd, was not found' : lastLine));
  });
  return promise;
}

const searchPath = (): string => `${process.env['PATH'] ?? ''}:/usr/local/bin:/usr/bin:/usr/sbin`;

export interface PauseOptions {
  cri: CriClient;
  /** Of containerd. */
  socketPath: string;
  /** For the archive, while it is imported. */
  folder: string;
  log: Logger;
}

/** Sees to it that the runtime has the sandbox image, which then never needs a registry. */
export async function ensurePauseImage({ cri, socketPath, folder, log }: PauseOptions): Promise<void> {
  const answers = await Promise.all(pauseNames.map((image) => cri.call('ImageStatus', { image: { image } })));
  if (answers.every(({ image }) => image)) return;
  const { runtimeName } = await cri.call('Version', {});
  if (runtimeName !== 'containerd') {
    throw new ImageImportError(
      `importing images into ${runtimeName} is not supported; load ${pauseNames[0]} into it by podman or skopeo`,
    );
  }
  const architecture = ownArchitecture();
  if (!architecture) throw new ImageImportError(`there is no sandbox image for ${process.arch}`);
  await mkdir(folder, { recursive: true });
  const file = join(folder, `pause-${process.pid}.tar`);
  try {
    await writeImage(pauseImage(architecture), file);
    await importImage(socketPath, file);
    log.info('sandbox image imported', { names: pauseNames });
  } finally {
    await rm(file, { force: true });
  }
}
