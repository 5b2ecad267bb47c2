export { aggregated, apiGroup, apiGroupList, apiResourceList, apiVersions, servedGroups } from './documents.ts';
export { Discovery, type DiscoveryOptions } from './discovery.ts';
export { compareGroups, compareVersions } from './priority.ts';
