import { constants } from 'node:fs';
import { access, readFile } from 'node:fs/promises';
import { mountPointOf } from '../mountinfo.ts';

/** Which control group hierarchies this machine has, and where. */
export interface CgroupLayout {
  /** `hybrid`: controllers in v1 hierarchies, and a v2 one beside them. */
  kind: 'v1' | 'hybrid' | 'v2' | 'none';
  /** Where the v2 hierarchy is mounted. */
  unified?: string;
  /** The v1 hierarchies, each with its controllers; `name=systemd` for one without. */
  hierarchies: readonly Hierarchy[];
}

export interface Hierarchy {
  path: string;
  controllers: readonly string[];
}

export async function readCgroupLayout(): Promise<CgroupLayout> {
  return parseCgroupLayout(await readFile('/proc/self/mountinfo', 'utf8'));
}

/** Flags of a v1 mount that are no controllers. */
const mountFlags = new Set(['rw', 'ro', 'xattr', 'noprefix', 'clone_children', 'cpuset_v2_mode']);

/** From the text of /proc/self/mountinfo (proc(5)). A hierarchy mounted twice counts once. */
export function parseCgroupLayout(mountinfo: string): CgroupLayout {
  const hierarchies: Hierarchy[] = [];
  let unified: string | undefined;
  for (const line of mountinfo.split('\n')) {
    const [mount = '', filesystem = ''] = line.split(' - ');
    const path = mountPointOf(mount);
    const [type, , options = ''] = filesystem.split(' ');
    if (type === 'cgroup2') unified ??= path;
    if (type !== 'cgroup') continue;
    const controllers = options
      .split(',')
      .filter((option) => !mountFlags.has(option) && (!option.includes('=') || option.startsWith('name=')));
    if (controllers.length > 0 && !hierarchies.some((other) => other.controllers.includes(controllers[0] as string))) {
      hierarchies.push({ path, controllers });
    }
  }
  const hasControllers = hierarchies.some(({ controllers }) => !controllers[0]?.startsWith('name='));
  const kind = hasControllers ? (unified ? 'hybrid' : 'v1') : unified ? 'v2' : 'none';
  return { kind, ...(unified && { unified }), hierarchies };
}

/** Where pods' groups are made: of the v1 hierarchies those with a controller, and the one that systemd names. */
export const groupRoots = ({ kind, unified, hierarchies }: CgroupLayout): readonly Hierarchy[] =>
  kind === 'v2' && unified ? [{ path: unified, controllers: [] }] : hierarchies;

/** The first root that cannot be written, if any. */
export async function unwritableRoot(layout: CgroupLayout): Promise<string | undefined> {
  for (const { path } of groupRoots(layout)) {
    try {
      await access(path, constants.W_OK);
    } catch {
      return path;
    }
  }
  return undefined;
}
