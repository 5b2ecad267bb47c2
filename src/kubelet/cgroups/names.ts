import { createHash } from 'node:crypto';
import type { QosClass } from '../config/index.ts';

export type CgroupDriver = 'cgroupfs' | 'systemd';

/** From the root down: `['kubepods', 'burstable', 'pod1234']`. */
export type GroupName = readonly string[];

const defaultKubeletDir = '/var/lib/kubelet';
const podPrefix = 'pod';

/** Where all pods' groups are. A node that is not the machine's own one keeps apart from it. */
export function podsGroup(kubeletDir: string): GroupName {
  if (kubeletDir === defaultKubeletDir) return ['kubepods'];
  return [`nanoshift${createHash('sha256').update(kubeletDir).digest('hex').slice(0, 8)}`, 'kubepods'];
}

/** Groups that pods' groups are in: Guaranteed ones directly in the pods' group. */
export const qosGroups = (pods: GroupName): Readonly<Record<QosClass, GroupName>> => ({
  Guaranteed: pods,
  Burstable: [...pods, 'burstable'],
  BestEffort: [...pods, 'besteffort'],
});

export const podGroup = (pods: GroupName, qosClass: QosClass, uid: string): GroupName => [
  ...qosGroups(pods)[qosClass],
  podPrefix + uid,
];

/** A group's path below a hierarchy's root, which is also what CRI's cgroup_parent says. */
export const pathOf = (name: GroupName, driver: CgroupDriver): string =>
  driver === 'cgroupfs'
    ? `/${name.join('/')}`
    : `/${name.map((_, index) => sliceOf(name.slice(0, index + 1))).join('/')}`;

/** systemd's name of a group: a dash goes one level down, so dashes inside a name become underscores. */
export const sliceOf = (name: GroupName): string => `${name.map((part) => part.replaceAll('-', '_')).join('-')}.slice`;

/** The pod whose group a folder's name tells; undefined when it is none's. */
export function podOf(folder: string, driver: CgroupDriver): string | undefined {
  const name =
    driver === 'cgroupfs'
      ? folder
      : folder
          .slice(folder.lastIndexOf('-') + 1)
          .replace(/\.slice$/, '')
          .replaceAll('_', '-');
  return name.startsWith(podPrefix) && name.length > podPrefix.length ? name.slice(podPrefix.length) : undefined;
}
