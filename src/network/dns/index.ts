/** DNS of the cluster, in process. */
export { type DnsServer, startDns } from './server.ts';
