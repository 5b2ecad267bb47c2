/** Services and host ports by nftables. */
export { HostPorts } from './host-ports.ts';
export { Nft } from './nft.ts';
export { type Kernel, Proxier } from './proxier.ts';
export type { Change, Ruleset } from './ruleset.ts';
export { type SkeletonFacts, skeleton, table } from './skeleton.ts';
export { concernsUdp, endStaleFlows, udpTargets } from './conntrack.ts';
