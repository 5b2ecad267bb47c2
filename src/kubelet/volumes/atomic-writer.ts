import {
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  symlink,
  chmod,
  lchown,
  writeFile,
} from 'node:fs/promises';
import { basename, dirname, join, normalize } from 'node:path';
import { codeOf, orMissing } from './errors.ts';

/** One file of a volume. */
export interface FileProjection {
  data: Uint8Array;
  mode: number;
  /** Owner; root when absent. */
  user?: number;
}

/** Files by their path inside the volume. */
export type Payload = ReadonlyMap<string, FileProjection>;

export interface WriteOptions {
  nowMs: number;
  /** Gives the new files their ownership before anybody can see them. */
  setPermissions?: () => Promise<void>;
}

const dataLink = '..data';
const nextDataLink = '..data_tmp';
const maxNameLength = 255;
const maxPathLength = 4096;

/**
 * Makes the visible contents of `target` the payload, all at once: files live in a timestamped folder, `..data` is a link
 * to it that is swapped by a rename, and what users see are links through `..data`. Nothing is written when nothing has
 * changed. What a killed predecessor left behind is cleared away. Layout: pkg/volume/util/atomic_writer.go.
 * @returns whether anything was written.
 */
export async function writeAtomically(target: string, payload: Payload, options: WriteOptions): Promise<boolean> {
  const files = cleanPayload(payload);
  const present = await orMissing(readlink(join(target, dataLink)));
  const presentFolder = present && join(target, present);
  const obsolete = presentFolder ? await obsoletePaths(files, presentFolder) : [];
  const changed = !presentFolder || obsolete.length > 0 || (await differs(files, presentFolder));
  if (changed) await publish(target, files, options);
  await linkVisible(target, files);
  for (const path of obsolete) if (!path.includes('/')) await rm(join(target, path), { force: true });
  if (changed) await sweep(target);
  return changed;
}

async function publish(target: string, files: Payload, { nowMs, setPermissions }: WriteOptions): Promise<void> {
  const folder = await mkdtemp(join(target, timestamp(nowMs)));
  await chmod(folder, 0o755);
  for (const [path, file] of files) await writeOne(join(folder, path), file);
  await setPermissions?.();
  await rm(join(target, nextDataLink), { force: true });
  await symlink(basename(folder), join(target, nextDataLink));
  await rename(join(target, nextDataLink), join(target, dataLink));
}

async function writeOne(path: string, { data, mode, user }: FileProjection): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, data, { mode });
  await chmod(path, mode);
  if (user !== undefined) await lchown(path, user, -1);
}

/** Links for first path elements that have none. What is there and no link (a mount point of another volume) stays. */
async function linkVisible(target: string, files: Payload): Promise<void> {
  const owners = new Map<string, number | undefined>();
  for (const [path, { user }] of files) owners.set(path.split('/', 1)[0]!, user);
  for (const [name, user] of owners) {
    const visible = join(target, name);
    if (await orMissing(lstat(visible))) continue;
    await symlink(join(dataLink, name), visible);
    if (user !== undefined) await lchown(visible, user, -1);
  }
}

/** Removes data folders that `..data` does not lead to: the previous one, and those of writers that were killed. */
async function sweep(target: string): Promise<void> {
  const current = await readlink(join(target, dataLink));
  for (const name of await readdir(target)) {
    if (!name.startsWith('..') || name === dataLink || name === current) continue;
    await rm(join(target, name), { recursive: true, force: true });
  }
}

async function differs(files: Payload, folder: string): Promise<boolean> {
  for (const [path, { data }] of files) {
    const present = await readOrUndefined(join(folder, path));
    if (!present || Buffer.compare(present, data) !== 0) return true;
  }
  return false;
}

async function readOrUndefined(path: string): Promise<Buffer | undefined> {
  try {
    return await orMissing(readFile(path));
  } catch (error) {
    if (codeOf(error) === 'EISDIR') return undefined;
    throw error;
  }
}

/** Files and folders in `folder` that the payload has no use for. */
async function obsoletePaths(files: Payload, folder: string): Promise<string[]> {
  const wanted = new Set<string>();
  for (const path of files.keys()) {
    for (let part = path; part !== '.'; part = dirname(part)) wanted.add(part);
  }
  const present = (await orMissing(readdir(folder, { recursive: true }))) ?? [];
  return present.filter((path) => !wanted.has(path));
}

function cleanPayload(payload: Payload): Payload {
  const clean = new Map<string, FileProjection>();
  for (const [path, file] of payload) {
    const problem = pathProblem(path);
    if (problem) throw new Error(`invalid path: ${problem}`);
    clean.set(normalize(path).replace(/\/$/, ''), file);
  }
  return clean;
}

function pathProblem(path: string): string | undefined {
  if (path === '') return 'must not be empty: ""';
  if (path.startsWith('/')) return `must be relative path: ${path}`;
  if (Buffer.byteLength(path) > maxPathLength) return `must be less than or equal to ${maxPathLength} characters`;
  const names = path.split('/');
  for (const name of names) {
    if (name === '..') return `must not contain '..': ${path}`;
    if (Buffer.byteLength(name) > maxNameLength) {
      return `filenames must be less than or equal to ${maxNameLength} characters`;
    }
  }
  return names[0]!.startsWith('..') ? `must not start with '..': ${path}` : undefined;
}

/** `..2006_01_02_15_04_05.` */
const timestamp = (nowMs: number): string => `..${new Date(nowMs).toISOString().slice(0, 19).replace(/[-T:]/g, '_')}.`;
