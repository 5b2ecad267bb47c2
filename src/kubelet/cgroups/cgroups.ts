import { availableParallelism } from 'node:os';
import type { Clock } from '../../kernel/index.ts';
import type { Pod } from '../../schema/generated/index.ts';
import type { QosClass } from '../config/index.ts';
import type { Cgroups, KubeletEnv } from '../types.ts';
import { type CgroupLayout, readCgroupLayout } from './layout.ts';
import { type CgroupDriver, pathOf, podGroup, podOf, podsGroup, qosGroups } from './names.ts';
import { type CgroupLimits, milliCpuToShares, minShares, podCgroup } from './pod-limits.ts';
import { systemdSlices } from './systemd.ts';
import { childGroups, makeGroup, readShares, removeGroup, writeLimits } from './tree.ts';

export interface CgroupsOptions {
  driver: CgroupDriver;
  /** Processes that one pod may have; without it as many as the machine. */
  podPidsLimit?: number;
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
  { driver, podPidsLimit, layout: given }: CgroupsOptions,
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

  await store.make(pods, { cpuShares: milliCpuToShares(availableParallelism() * 1000) });
  await store.make(groups.BestEffort, { cpuShares: minShares });
  const burstable = await readBurstable();
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

  /** Burstable pods together weigh what they ask for together. */
  async function shareOut(): Promise<void> {
    const total = burstable.values().reduce((sum, shares) => sum + shares, 0);
    await store.make(groups.Burstable, { cpuShares: Math.max(minShares, total) });
  }

  return {
    async ensurePod(pod: Pod) {
      const { uid = '' } = pod.metadata;
      const { qosClass, limits } = podCgroup(pod);
      const name = podGroup(pods, qosClass, uid);
      await store.make(name, podPidsLimit === undefined ? limits : { ...limits, pids: podPidsLimit });
      if (qosClass === 'Burstable' && burstable.get(uid) !== limits.cpuShares) {
        burstable.set(uid, limits.cpuShares);
        await shareOut();
      }
      return pathOf(name, driver);
    },

    async removePod(uid) {
      for (const qosClass of Object.keys(groups) as QosClass[]) await store.remove(podGroup(pods, qosClass, uid));
      if (burstable.delete(uid)) await shareOut();
      log.debug('control group removed', { uid });
    },

    async present() {
      const found = await Promise.all(Object.values(groups).map((group) => childGroups(layout, pathOf(group, driver))));
      return [...new Set(found.flatMap((names) => [...names]).flatMap((name) => podOf(name, driver) ?? []))];
    },
  };
}
