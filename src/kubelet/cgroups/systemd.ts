import { execFile } from 'node:child_process';
import { cpuPeriodUs } from '../config/index.ts';
import type { CgroupLayout } from './layout.ts';
import type { GroupStore } from './cgroups.ts';
import { sliceOf } from './names.ts';
import { type CgroupLimits, sharesToWeight } from './pod-limits.ts';

/** Groups as systemd's slices: systemd owns the tree, so it is asked to make, limit and end them. */
export function systemdSlices(layout: CgroupLayout): GroupStore {
  return {
    async make(name, limits) {
      const slice = sliceOf(name);
      await systemctl('set-property', '--runtime', slice, ...sliceProperties(layout, limits));
      await systemctl('start', slice);
    },
    async remove(name) {
      const slice = sliceOf(name);
      await systemctl('kill', '--signal=SIGKILL', slice).catch(() => {});
      await systemctl('stop', slice);
      await systemctl('revert', slice);
    },
  };
}

/** As runc writes them for a pod's slice. */
export function sliceProperties({ kind }: CgroupLayout, limits: CgroupLimits): string[] {
  const { cpuShares, cpuQuota, memoryBytes } = limits;
  const isV2 = kind === 'v2';
  return [
    isV2 ? `CPUWeight=${sharesToWeight(cpuShares)}` : `CPUShares=${cpuShares}`,
    ...(cpuQuota === undefined ? [] : [`CPUQuota=${Math.ceil((cpuQuota * 100) / cpuPeriodUs)}%`]),
    ...(memoryBytes === undefined ? [] : [`${isV2 ? 'MemoryMax' : 'MemoryLimit'}=${memoryBytes}`]),
  ];
}

const limitMs = 30_000;

function systemctl(...args: string[]): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  execFile('systemctl', args, { timeout: limitMs }, (error, _stdout, stderr) => {
    if (!error) return resolve();
    reject(new Error(`systemctl ${args.join(' ')}: ${stderr.trim() || error.message}`));
  });
  return promise;
}
