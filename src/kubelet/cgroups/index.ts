/** Control groups of pods, on whichever kind of hierarchy the machine has. */
export { createCgroups, removeAllGroups } from './cgroups.ts';
export { type CgroupLayout, readCgroupLayout, unwritableRoot } from './layout.ts';
