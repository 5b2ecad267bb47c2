/** Services and host ports by nftables. */
export { HostPorts } from './host-ports.ts';
export { Nft } from './nft.ts';
export { Proxier } from './proxier.ts';
export { skeleton, table } from './skeleton.ts';
export { concernsUdp, endStaleFlows, type UdpTargets, udpTargets } from './conntrack.ts';
