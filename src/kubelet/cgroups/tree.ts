/** Folders of control groups: made, written, emptied and removed. */
import { access, mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Clock } from '../../kernel/index.ts';
import { type CgroupLayout, groupRoots, type Hierarchy } from './layout.ts';
import { cpuPeriodUs } from '../config/index.ts';
import { type CgroupLimits, sharesToWeight, weightToShares } from './pod-limits.ts';

/** Makes the group, and those above it where they are missing, in every hierarchy. */
export async function makeGroup(layout: CgroupLayout, path: string): Promise<void> {
  await Promise.all(groupRoots(layout).map((root) => makeFolder(layout, root, path)));
}

async function makeFolder(layout: CgroupLayout, root: Hierarchy, path: string): Promise<void> {
  const folder = join(root.path, path);
  const above = dirname(folder);
  if (layout.kind === 'v2' && (await isThere(above))) await enableControllers(above);
  try {
    await mkdir(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EEXIST' && (code !== 'ENOENT' || path === '/')) throw error;
    if (code === 'ENOENT') {
      await makeFolder(layout, root, dirname(path));
      return makeFolder(layout, root, path);
    }
  }
  if (root.controllers.includes('cpuset')) await inheritCpuset(above, folder);
}

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

const wantedControllers = ['cpu', 'cpuset', 'io', 'memory', 'pids', 'hugetlb'];

/** Whether the group is there in every hierarchy. */
export async function hasGroup(layout: CgroupLayout, path: string): Promise<boolean> {
  const found = await Promise.all(groupRoots(layout).map((root) => isThere(join(root.path, path))));
  return found.every(Boolean);
}

/** v2: a group has the controllers that the one above it hands down. */
async function enableControllers(folder: string): Promise<void> {
  const has = async (file: string): Promise<string[]> => (await readText(join(folder, file))).trim().split(/\s+/);
  const enabled = await has('cgroup.subtree_control');
  const missing = (await has('cgroup.controllers')).filter(
    (name) => wantedControllers.includes(name) && !enabled.includes(name),
  );
  if (missing.length === 0) return;
  await writeFile(join(folder, 'cgroup.subtree_control'), missing.map((name) => `+${name}`).join(' '));
}

/** v1: a new group may use no processor until it is told which. */
async function inheritCpuset(above: string, folder: string): Promise<void> {
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    if ((await readText(join(folder, file))).trim() !== '') continue;
    await writeFile(join(folder, file), (await readText(join(above, file))).trim());
  }
}

/** Limits that are not given are left as they are. */
export async function writeLimits(layout: CgroupLayout, path: string, limits: CgroupLimits): Promise<void> {
  for (const [controller, file, value] of limitFiles(layout, limits)) {
    const folder = groupFolder(layout, path, controller);
    if (folder) await writeFile(join(folder, file), value);
  }
}

type LimitFile = readonly [controller: string, file: string, value: string];

function limitFiles({ kind }: CgroupLayout, limits: CgroupLimits): LimitFile[] {
  const { cpuShares, cpuQuota, memoryBytes } = limits;
  const isV2 = kind === 'v2';
  return [
    isV2 ? ['cpu', 'cpu.weight', String(sharesToWeight(cpuShares))] : ['cpu', 'cpu.shares', String(cpuShares)],
    ...((cpuQuota === undefined
      ? []
      : isV2
        ? [['cpu', 'cpu.max', `${cpuQuota} ${cpuPeriodUs}`]]
        : [
            ['cpu', 'cpu.cfs_period_us', String(cpuPeriodUs)],
            ['cpu', 'cpu.cfs_quota_us', String(cpuQuota)],
          ]) as LimitFile[]),
    ...(memoryBytes === undefined
      ? []
      : [['memory', isV2 ? 'memory.max' : 'memory.limit_in_bytes', String(memoryBytes)] as const]),
  ];
}

/** Undefined when no hierarchy has the controller. */
function groupFolder(layout: CgroupLayout, path: string, controller: string): string | undefined {
  const root = groupRoots(layout).find(({ controllers }) => layout.kind === 'v2' || controllers.includes(controller));
  return root && join(root.path, path);
}

/** The CPU shares that a group has; 0 when it is not there. */
export async function readShares(layout: CgroupLayout, path: string): Promise<number> {
  const folder = groupFolder(layout, path, 'cpu');
  if (!folder) return 0;
  if (layout.kind !== 'v2') return Number(await readText(join(folder, 'cpu.shares')));
  const weight = Number(await readText(join(folder, 'cpu.weight')));
  return weight > 0 ? weightToShares(weight) : 0;
}

/** Names of the groups directly in one, over all hierarchies. */
export async function childGroups(layout: CgroupLayout, path: string): Promise<Set<string>> {
  const names = await Promise.all(allRoots(layout).map((root) => folders(join(root, path))));
  return new Set(names.flat());
}

const removeWaitsMs = [0, 10, 20, 40, 80, 160, 320, 640];

/** Ends what still runs in a group and removes it with all that is in it, in every hierarchy. Idempotent. */
export async function removeGroup(layout: CgroupLayout, path: string, clock: Clock): Promise<void> {
  let left: unknown;
  for (const waitMs of removeWaitsMs) {
    if (waitMs > 0) await clock.sleep(waitMs);
    left = undefined;
    for (const root of allRoots(layout)) {
      try {
        await removeFolder(join(root, path));
      } catch (error) {
        left = error;
      }
    }
    if (left === undefined) return;
  }
  throw left;
}

/** A hybrid machine's v2 hierarchy too: runtimes may leave empty groups there. */
const allRoots = (layout: CgroupLayout): string[] => [
  ...new Set([...groupRoots(layout).map(({ path }) => path), ...(layout.unified ? [layout.unified] : [])]),
];

async function removeFolder(folder: string): Promise<void> {
  for (const name of await folders(folder)) await removeFolder(join(folder, name));
  try {
    await rmdir(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return;
    if (code === 'EBUSY') await killAll(folder);
    throw error;
  }
}

async function killAll(folder: string): Promise<void> {
  const pids = (await readText(join(folder, 'cgroup.procs'))).split('\n').map(Number);
  for (const pid of pids.filter((number) => number > 0)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

async function folders(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

const readText = (file: string): Promise<string> => readFile(file, 'utf8').catch(() => '');
