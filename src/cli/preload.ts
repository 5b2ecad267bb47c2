/** Image archives that lie in a folder of the device are in the runtime before the first pod asks for them. */
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Logger } from '../kernel/index.ts';
import { importImage } from '../kubelet/index.ts';

export interface PreloadOptions {
  /** Every *.tar in them is imported, in order of name. A folder that does not exist is empty. */
  folders: readonly string[];
  /** Remembers what was imported: path, size and time of change. Belongs with the runtime's image store. */
  record: string;
  /** Of containerd. */
  socketPath: string;
  log: Logger;
}

/** Imports what is new or has changed. A bad archive is told of and stands in nobody's way. Never rejects. */
export async function preloadImages(options: PreloadOptions): Promise<void> {
  try {
    await importFresh(options);
  } catch (error) {
    options.log.warn('not all image archives could be looked at or remembered', { error: String(error) });
  }
}

async function importFresh({ folders, record, socketPath, log }: PreloadOptions): Promise<void> {
  const known = await readRecord(record);
  const found = (await Promise.all(folders.map(archivesIn))).flat();
  const fresh = found.filter(({ file, version }) => known[file] !== version);
  for (const { file, version } of fresh) {
    try {
      const names = await importImage(socketPath, file);
      known[file] = version;
      log.info('images imported', { file, names });
    } catch (error) {
      log.warn('an image archive cannot be imported', { file, error: String(error) });
    }
  }
  if (fresh.length === 0) return;
  const present = found.filter(({ file, version }) => known[file] === version);
  await mkdir(dirname(record), { recursive: true });
  await writeFile(record, JSON.stringify(Object.fromEntries(present.map(({ file, version }) => [file, version]))));
}

async function archivesIn(folder: string): Promise<{ file: string; version: string }[]> {
  const names = await readdir(folder).catch(() => []);
  const files = names.filter((name) => name.endsWith('.tar')).sort();
  return Promise.all(
    files.map(async (name) => {
      const file = join(folder, name);
      const { size, mtimeMs } = await stat(file);
      return { file, version: `${size} ${mtimeMs}` };
    }),
  );
}

async function readRecord(record: string): Promise<Record<string, string>> {
  try {
    return JSON.parse(await readFile(record, 'utf8')) as Record<string, string>;
  } catch {
    return {};
  }
}
