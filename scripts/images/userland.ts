/** Files for images from the Debian packages that are installed on this machine. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { TarEntry } from '../../src/kubelet/images/index.ts';

/** A program that is not installed; the message names the package. */
export class MissingProgramError extends Error {
  override readonly name = 'MissingProgramError';
}

const packageOf: Readonly<Record<string, string>> = {
  busybox: 'busybox-static',
  dig: 'bind9-dnsutils',
  nc: 'netcat-openbsd',
  'nc.openbsd': 'netcat-openbsd',
  ip: 'iproute2',
  ss: 'iproute2',
  nginx: 'nginx-light',
  getent: 'libc-bin',
  ipcs: 'util-linux',
};

const searchPath = ['/usr/local/bin', '/usr/bin', '/usr/sbin', '/bin', '/sbin'];

/** Where a program is, links followed. Throws MissingProgramError. */
export function programFile(name: string): string {
  const found = searchPath.map((folder) => join(folder, name)).find((file) => existsSync(file));
  if (found) return realpathSync(found);
  throw new MissingProgramError(`${name} is not installed: apt-get install ${packageOf[name] ?? name}`);
}

export const file = (path: string, content: string | Uint8Array, mode = 0o644): TarEntry => ({
  type: 'file',
  path: strip(path),
  mode,
  content: typeof content === 'string' ? Buffer.from(content) : content,
});

export const folder = (path: string, mode = 0o755, uid = 0): TarEntry => ({
  type: 'folder',
  path: strip(path),
  mode,
  uid,
  gid: uid,
});

export const link = (path: string, target: string): TarEntry => ({ type: 'symlink', path: strip(path), target });

/** One file of this machine. */
export const copy = (from: string, to: string, mode = statSync(from).mode & 0o7777): TarEntry => ({
  type: 'file',
  path: strip(to),
  mode,
  content: { path: from, sizeBytes: statSync(from).size },
});

const strip = (path: string): string => path.replace(/^\/+/, '');

/** The folders and links that every system has, and its users. */
export function skeleton(users: readonly string[] = [], groups: readonly string[] = []): TarEntry[] {
  const passwd = ['root:x:0:0:root:/root:/bin/sh', ...users, 'nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin'];
  const group = ['root:x:0:', 'tty:x:5:', ...groups, 'nogroup:x:65534:'];
  return [
    ...['etc', 'usr', 'usr/bin', 'usr/sbin', 'usr/lib', 'usr/lib64', 'usr/local', 'usr/local/bin', 'var'].map((path) =>
      folder(path),
    ),
    ...['var/log', 'var/lib', 'run', 'proc', 'sys', 'dev', 'home', 'mnt'].map((path) => folder(path)),
    folder('root', 0o700),
    folder('tmp', 0o1777),
    folder('var/tmp', 0o1777),
    ...['bin', 'sbin', 'lib', 'lib64'].map((path) => link(path, `usr/${path}`)),
    link('var/run', '../run'),
    file('etc/passwd', `${passwd.join('\n')}\n`),
    file('etc/group', `${group.join('\n')}\n`),
    file('etc/nsswitch.conf', 'passwd: files\ngroup: files\nhosts: files dns\n'),
    file('etc/os-release', readFileSync('/etc/os-release', 'utf8')),
  ];
}

/** busybox and a link for each of its programs, but those in `without`. */
export function busybox(without: readonly string[] = []): TarEntry[] {
  const program = programFile('busybox');
  const applets = execFileSync(program, ['--list'], { encoding: 'utf8' }).trim().split('\n').sort();
  return [
    copy(program, 'usr/bin/busybox', 0o755),
    ...applets
      .filter((name) => name !== 'busybox' && !without.includes(name))
      .map((name) => link(`usr/bin/${name}`, 'busybox')),
  ];
}

/** Programs with the libraries that they load. `names`: file in the image by program's name here. */
export function programs(names: Readonly<Record<string, string>>): TarEntry[] {
  const files = Object.entries(names).map(([name, path]) => ({ from: programFile(name), path }));
  const libraries = [...new Set(files.flatMap(({ from }) => librariesOf(from)))].sort();
  return [...files.map(({ from, path }) => copy(from, path, 0o755)), ...libraryEntries(libraries)];
}

/** Library files of this machine, below the image's usr/lib. */
export function libraryEntries(libraries: readonly string[]): TarEntry[] {
  const folders = [...new Set(libraries.map((path) => dirname(inUsr(path))))].filter(
    (path) => !/^usr\/lib(64)?$/.test(path),
  );
  return [
    ...folders.sort().map((path) => folder(path)),
    ...libraries.map((path) => copy(realpathSync(path), inUsr(path))),
  ];
}

/** `/lib` and `/lib64` are links in the image. */
const inUsr = (path: string): string => strip(path).replace(/^lib/, 'usr/lib');

function librariesOf(program: string): string[] {
  let text: string;
  try {
    text = execFileSync('ldd', [program], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  } catch {
    return []; // static
  }
  return [...text.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map((match) => match[1] as string);
}

/** What glibc loads to look names up, where it is not built in. */
export function nameServiceLibraries(): string[] {
  const [libc] = librariesOf(programFile('getent')).filter((path) => basename(path).startsWith('libc.so'));
  if (!libc) return [];
  const home = dirname(libc);
  const wanted = /^(libnss_(files|dns)|libresolv)\.so\.\d+$/;
  return readdirSync(home)
    .filter((name) => wanted.test(name))
    .sort()
    .map((name) => join(home, name));
}

/** Entries without those that come again later: the last one of a path counts. */
export function merged(...lists: readonly (readonly TarEntry[])[]): TarEntry[] {
  const byPath = new Map<string, TarEntry>();
  for (const entry of lists.flat()) {
    // A folder that is there already stays in its place, before what is in it.
    if (entry.type !== 'folder') byPath.delete(entry.path);
    byPath.set(entry.path, entry);
  }
  return [...byPath.values()];
}
