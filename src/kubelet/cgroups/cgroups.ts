import { availableParallelism } from 'node:os';
import { basename } from 'node:path';
import type { Clock } from '../../kernel/index.ts';
import type { Pod } from '../../schema/generated/index.ts';
import { minShares, type QosClass, sharesOf } from '../config/index.ts';
import type { Cgroups, KubeletEnv } from '../types.ts';
import { type CgroupLayout, readCgroupLayout } from './layout.ts';
import { type CgroupDriver, pathOf, podGroup, podOf, podsGroup, qosGroups } from './names.ts';
import { type CgroupLimits, podCgroup } from './pod-limits.ts';
import { systemdSlices } from './systemd.ts';
import { childGroups, hasGroup, makeGroup, readShares, removeGroup, writeLimits } from './tree.ts';

export interface CgroupsOptions {
  driver: CgroupDriver;
  /** Default: this machine's. */
  layout?: CgroupLayout;
}

/** What makes, limits and removes groups by one driver. */
export interface GroupStore {
  make(name: readonly string[], limits: CgroupLimits): Promise<void>;
  remove(name: readonly string[]): Promise<void>;
}

/** Removes every pod's group, and those above that are ours alone. */
export async function removeAllGroups(kubeletDir: string, driver: CgroupDriver, clock: Clock): Promise<void> {
  const layout = await readCgroupLayout();
  const top = podsGroup(kubeletDir).slice(0, 1);
  if (driver === 'systemd') await systemdSlices(layout).remove(top);
  else await removeGroup(layout, pathOf(top, driver), clock);
}

/** Control groups of pods: the tree of upstream's kubelet, by quality of service. */
export async function createCgroups(
  { clock, log, paths }: Pick<KubeletEnv, 'clock' | 'log' | 'paths'>,
  { driver, layout: given }: CgroupsOptions,
): Promise<Cgroups> {
  const layout = given ?? (await readCgroupLayout());
  const pods = podsGroup(paths.root);
  const groups = qosGroups(pods);
  const store: GroupStore =
    driver === 'systemd'
      ? systemdSlices(layout)
      : {
          async make(name, limits) {
            const path = pathOf(name, driver);
            await makeGroup(layout, path);
            await writeLimits(layout, path, limits);
          },
          remove: (name) => removeGroup(layout, pathOf(name, driver), clock),
        };

  await store.make(pods, { cpuShares: sharesOf(availableParallelism() * 1000) });
  await store.make(groups.BestEffort, { cpuShares: minShares });
  const burstable = await readBurstable();
  /** What was last written, by pod. */
  const made = new Map<string, string>();
  let shared: number | undefined;
  let sharing = Promise.resolve();
  await shareOut();

  async function readBurstable(): Promise<Map<string, number>> {
    const path = pathOf(groups.Burstable, driver);
    const found = new Map<string, number>();
    for (const folder of await childGroups(layout, path)) {
      const uid = podOf(folder, driver);
      if (uid) found.set(uid, await readShares(layout, `${path}/${folder}`));
    }
    return found;
  }

  /** Burstable pods together weigh what they ask for together. One write at a time, so that the newest sum is the last. */
  function shareOut(): Promise<void> {
    sharing = sharing
      .catch(() => {})
      .then(async () => {
        const total = burstable.values().reduce((sum, shares) => sum + shares, 0);
        if (total === shared) return;
        await store.make(groups.Burstable, { cpuShares: Math.max(minShares, total) });
        shared = total;
      });
    return sharing;
  }

  /** Asked for before each container's start: what is there as it should be costs next to nothing. */
  async function make(uid: string, name: readonly string[], limits: CgroupLimits): Promise<void> {
    const wanted = JSON.stringify([name, limits]);
    if (made.get(uid) === wanted && (await hasGroup(layout, pathOf(name, driver)))) return;
    made.delete(uid);
    await store.make(name, limits);
    made.set(uid, wanted);
  }

  return {
    async ensurePod(pod: Pod) {
      const { uid = '' } = pod.metadata;
      const { qosClass, limits } = podCgroup(pod);
      const name = podGroup(pods, qosClass, uid);
      await make(uid, name, limits);
      if (qosClass === 'Burstable') {
        burstable.set(uid, limits.cpuShares);
        await shareOut();
      }
      return pathOf(name, driver);
    },

    async removePod(uid) {
      made.delete(uid);
      for (const qosClass of Object.keys(groups) as QosClass[]) {
        const siblings = await childGroups(layout, pathOf(groups[qosClass], driver));
        const name = podGroup(pods, qosClass, uid);
        if (siblings.has(basename(pathOf(name, driver)))) await store.remove(name);
      }
      if (burstable.delete(uid)) await shareOut();
      log.debug('control group removed', { uid });
    },

    async present() {
      const found = await Promise.all(Object.values(groups).map((group) => childGroups(layout, pathOf(group, driver))));
      return [...new Set(found.flatMap((names) => [...names]).flatMap((name) => podOf(name, driver) ?? []))];
    },
  };
}
