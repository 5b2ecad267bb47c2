import { constants } from 'node:fs';
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type CgroupLayout, readCgroupLayout, unwritableRoot } from '../cgroups/index.ts';
import { RuntimeError } from './errors.ts';

/** What of this machine decides how a containerd of our own is run. */
export interface Machine {
  isRoot: boolean;
  isSystemd: boolean;
  cgroups: CgroupLayout;
  /** A hierarchy that cannot be written. */
  unwritableCgroup?: string;
  /** CAP_SYS_RESOURCE: without it oom_score_adj can only be raised. */
  canLowerOomScore: boolean;
  /** Full paths, of those that were found. */
  programs: Readonly<Partial<Record<Program, string>>>;
  cniBinDir?: string;
  /** Of the plugins that our network configuration needs. */
  missingPlugins: readonly string[];
}

const programs = ['containerd', 'runc', 'crun', 'unshare', 'nsenter', 'systemd-run'] as const;
export type Program = (typeof programs)[number];

export interface ProbePaths {
  search: readonly string[];
  cniBinDirs: readonly string[];
}

const systemPath = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

export const probePaths = (): ProbePaths => ({
  search: [...new Set([...(process.env['PATH'] ?? '').split(':').filter(Boolean), ...systemPath])],
  cniBinDirs: ['/opt/cni/bin', '/usr/lib/cni', '/usr/libexec/cni'],
});

const neededPlugins = ['bridge', 'host-local', 'loopback', 'portmap'];

export async function probeMachine({ search, cniBinDirs }: ProbePaths = probePaths()): Promise<Machine> {
  const cgroups = await readCgroupLayout();
  const unwritableCgroup = await unwritableRoot(cgroups);
  const found = await Promise.all(programs.map(async (name) => [name, await find(name, search)] as const));
  const plugins = await findPlugins(cniBinDirs);
  return {
    isRoot: process.geteuid?.() === 0,
    isSystemd: (await text('/proc/1/comm')).trim() === 'systemd',
    cgroups,
    ...(unwritableCgroup && { unwritableCgroup }),
    canLowerOomScore: hasSysResource(await text('/proc/self/status')),
    programs: Object.fromEntries(found.filter(([, path]) => path)),
    ...plugins,
  };
}

/** Throws RuntimeError when this machine cannot run a containerd of our own. */
export function requireMachine({
  isRoot,
  cgroups,
  unwritableCgroup,
  programs,
  missingPlugins,
  cniBinDir,
}: Machine): void {
  const elsewhere = 'or name a running runtime (kubelet.containerRuntimeEndpoint), or set runtime.mode to none';
  if (!isRoot) throw new RuntimeError(`running containers needs root: start nanoshift as root, ${elsewhere}`);
  const lacks = (what: string, debian: string): RuntimeError =>
    new RuntimeError(`${what}: install the package ${debian}, ${elsewhere}`);
  if (!programs.containerd) throw lacks('the program containerd was not found', 'containerd');
  if (!programs.runc && !programs.crun) throw lacks('neither runc nor crun was found', 'runc or crun');
  if (!cniBinDir) throw lacks('no CNI plugins were found', 'containernetworking-plugins');
  if (missingPlugins.length > 0) {
    throw lacks(`${cniBinDir} lacks the CNI plugin ${missingPlugins.join(', ')}`, 'containernetworking-plugins');
  }
  if (cgroups.kind === 'none') throw new RuntimeError('no control groups are mounted in /sys/fs/cgroup');
  if (unwritableCgroup) throw new RuntimeError(`the control groups in ${unwritableCgroup} cannot be written`);
}

async function find(name: string, folders: readonly string[]): Promise<string | undefined> {
  for (const folder of folders) {
    if (await isExecutable(join(folder, name))) return join(folder, name);
  }
  return undefined;
}

/** The folder that has the most of what is needed; the first among equals. */
async function findPlugins(folders: readonly string[]): Promise<Pick<Machine, 'cniBinDir' | 'missingPlugins'>> {
  const looked = await Promise.all(
    folders.map(async (folder) => {
      const has = await Promise.all(neededPlugins.map((plugin) => isExecutable(join(folder, plugin))));
      return { cniBinDir: folder, missingPlugins: neededPlugins.filter((_, index) => !has[index]) };
    }),
  );
  const [best] = looked.sort((a, b) => a.missingPlugins.length - b.missingPlugins.length);
  return best && best.missingPlugins.length < neededPlugins.length ? best : { missingPlugins: neededPlugins };
}

const isExecutable = (path: string): Promise<boolean> =>
  access(path, constants.X_OK).then(
    () => true,
    () => false,
  );

const text = (path: string): Promise<string> => readFile(path, 'utf8').catch(() => '');

const sysResource = 1n << 24n;

/** From the text of /proc/self/status. */
export function hasSysResource(status: string): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  return effective !== undefined && (BigInt(`0x${effective}`) & sysResource) !== 0n;
}
