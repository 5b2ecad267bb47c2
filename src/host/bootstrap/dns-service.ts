import { namespaces, services } from '../../client/index.ts';
import type { Client } from '../../client/types.ts';
import { type Clock, isReason, type Logger } from '../../kernel/index.ts';
import type { Service } from '../../schema/generated/index.ts';

const namespace = 'openshift-dns';
const firstRetryMs = 100;
const maxRetryMs = 10_000;

/**
 * The Service by which users and health checks find the cluster's DNS, named as MicroShift's. It selects no pods:
 * nanoshift itself answers at its address.
 */
const dnsService = (clusterIP: string): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'dns-default', namespace, labels: { 'dns.operator.openshift.io/owning-dns': 'default' } },
  spec: {
    clusterIP,
    ports: [
      { name: 'dns', port: 53, protocol: 'UDP', targetPort: 53 },
      { name: 'dns-tcp', port: 53, protocol: 'TCP', targetPort: 53 },
    ],
  },
});

export interface DnsServiceOptions {
  /** Acts with full rights: a user in system:masters. */
  client: Client;
  dnsIP: string;
  clock: Clock;
  log: Logger;
  /** Ends the attempts. */
  signal: AbortSignal;
}

/** Makes the Service, as soon as the service network is there to take its address from. Never rejects. */
export async function publishDnsService({ client, dnsIP, clock, log, signal }: DnsServiceOptions): Promise<void> {
  for (let delayMs = firstRetryMs; !signal.aborted; delayMs = Math.min(2 * delayMs, maxRetryMs)) {
    try {
      await orExisting(
        client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }),
      );
      await orExisting(client.create(services, dnsService(dnsIP), { namespace }));
      return;
    } catch (error) {
      log.debug('the DNS service cannot be made yet', { error: String(error) });
      await clock.sleep(delayMs, signal).catch(() => {});
    }
  }
}

async function orExisting(made: Promise<unknown>): Promise<void> {
  try {
    await made;
  } catch (error) {
    if (!isReason(error, 'AlreadyExists')) throw error;
  }
}
