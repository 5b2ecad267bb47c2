/** Control groups of pods, on whichever kind of hierarchy the machine has. */
export { type CgroupsOptions, createCgroups, removeAllGroups } from './cgroups.ts';
export { type CgroupLayout, readCgroupLayout } from './layout.ts';
export { podsGroup } from './names.ts';
export { type CgroupLimits, type PodCgroup, podCgroup } from './pod-limits.ts';
