import type { Service } from '../../schema/generated/index.ts';

export const dnsNamespace = 'openshift-dns';

/**
 * The Service by which users and health checks find the cluster's DNS, named as MicroShift's. It selects no pods:
 * nanoshift itself answers at its address.
 */
export const dnsService = (clusterIP: string): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: {
    name: 'dns-default',
    namespace: dnsNamespace,
    labels: { 'dns.operator.openshift.io/owning-dns': 'default' },
  },
  spec: {
    clusterIP,
    ports: [
      { name: 'dns', port: 53, protocol: 'UDP', targetPort: 53 },
      { name: 'dns-tcp', port: 53, protocol: 'TCP', targetPort: 53 },
    ],
  },
});
