import { leases } from '../../client/index.ts';
import type { Client } from '../../client/types.ts';
import { type Clock, formatMicroTime, isReason } from '../../kernel/index.ts';
import type { Lease } from '../../schema/generated/index.ts';

export const leaseNamespace = 'kube-node-lease';
const leaseDurationSeconds = 40;

/** The node's sign of life. A renewal changes renewTime only, which makes it a soft write. */
export class NodeLease {
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #nodeName: string;
  #lease: Lease | undefined;

  constructor(client: Client, clock: Clock, nodeName: string) {
    this.#client = client;
    this.#clock = clock;
    this.#nodeName = nodeName;
  }

  /** Renews the lease, or makes it. Throws when neither works; the next call tries again. */
  async renew(nodeUid: string): Promise<void> {
    const known = this.#lease;
    this.#lease = undefined;
    this.#lease = await this.#write(known ?? (await this.#read()), nodeUid);
  }

  async #read(): Promise<Lease | undefined> {
    try {
      return await this.#client.get<Lease>(leases, this.#nodeName, leaseNamespace);
    } catch (error) {
      if (isReason(error, 'NotFound')) return undefined;
      throw error;
    }
  }

  async #write(before: Lease | undefined, nodeUid: string): Promise<Lease> {
    const spec = {
      ...before?.spec,
      holderIdentity: this.#nodeName,
      leaseDurationSeconds,
      renewTime: formatMicroTime(this.#clock.nowMs()),
    };
    const ownerReferences = [{ apiVersion: 'v1', kind: 'Node', name: this.#nodeName, uid: nodeUid }];
    if (before) {
      const isOurs = before.metadata.ownerReferences?.some(({ uid }) => uid === nodeUid);
      const metadata = isOurs ? before.metadata : { ...before.metadata, ownerReferences };
      return this.#client.update<Lease>(leases, { ...before, metadata, spec });
    }
    const metadata = { name: this.#nodeName, namespace: leaseNamespace, ownerReferences };
    return this.#client.create<Lease>(leases, { metadata, spec }, { namespace: leaseNamespace });
  }
}
