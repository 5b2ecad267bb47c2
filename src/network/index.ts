/** The service network of a node: CNI configuration, Services and host ports by nftables, DNS. */
export { cleanupNetwork } from './cleanup.ts';
export { NetworkError } from './errors.ts';
export { startNetwork } from './network.ts';
export type { CleanupOptions, Network, NetworkConfig, NetworkOptions } from './types.ts';
