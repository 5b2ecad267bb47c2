/** DNS of the cluster, in process. */
export { type DnsOptions, type DnsServer, startDns } from './server.ts';
