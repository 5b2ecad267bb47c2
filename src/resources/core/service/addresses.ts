import { randomInt } from 'node:crypto';
import { apiError, isReason } from '../../../kernel/status.ts';
import type { HookContext } from '../../define.ts';
import {
  canonicalIP,
  contains,
  type Family,
  type Network,
  networkText,
  parseNetwork,
  toNumber,
  toText,
} from '../../shared/ip.ts';
import type { Service } from '../../typings/core.ts';
import type { IPAddress, ServiceCIDR } from '../../typings/networking.ts';

const addresses = { group: 'networking.k8s.io', version: 'v1', resource: 'ipaddresses' };
const ranges = { group: 'networking.k8s.io', version: 'v1', resource: 'servicecidrs' };

/** ServiceCIDR that the server makes at start from its configuration. */
const defaultRange = 'kubernetes';
const managedBy = 'ipallocator.k8s.io';

type Fail = (reason: string) => Error;

/** The ranges as they are now. */
export async function loadAddressPool(context: HookContext): Promise<AddressPool> {
  const { items } = await context.client.list<ServiceCIDR>(ranges);
  return new AddressPool(context, items);
}

/** Addresses of all ServiceCIDRs. Creating the IPAddress object takes one; so two servers never give the same. */
export class AddressPool {
  readonly dryRun: boolean;
  readonly defaultFamily: Family;
  readonly families: readonly Family[];
  readonly #context: HookContext;
  readonly #networks: readonly Network[];

  constructor(context: HookContext, cidrs: readonly ServiceCIDR[]) {
    this.#context = context;
    this.dryRun = context.dryRun;
    const usable = cidrs.filter((one) => !one.metadata.deletionTimestamp && isReady(one));
    this.#networks = usable.flatMap((one) => networksOf(one));
    const first = cidrs.find((one) => one.metadata.name === defaultRange) ?? cidrs[0];
    this.families = [...new Set((first ? networksOf(first) : []).map((network) => network.family))];
    this.defaultFamily = this.families[0] ?? 'IPv4';
  }

  async take(service: Service, asked: string, fail: Fail): Promise<string> {
    const address = canonicalIP(asked);
    const network = this.#networks.find((one) => contains(one, address));
    const own = this.#networks[0];
    if (!network && this.dryRun && own) throw fail(outOfRange(address, own));
    if (!network) throw fail(mismatch);
    const { first, last } = usableBounds(network);
    const value = toNumber(address);
    if (value < first || value > last) {
      throw fail(this.dryRun ? outOfRange(address, network) : mismatch);
    }
    if (this.dryRun) return address;
    if (!(await this.#create(service, address, network.family))) throw fail('provided IP is already allocated');
    return address;
  }

  async takeNext(service: Service, family: Family, fail: Fail): Promise<string> {
    const networks = this.#networks.filter((one) => one.family === family);
    if (networks.length === 0) throw fail('no ServiceCIDR is ready');
    const { items } = await this.#context.client.list<IPAddress>(addresses);
    const used = new Set(items.map((one) => one.metadata.name ?? ''));
    for (const network of networks) {
      for (const address of candidates(network)) {
        if (used.has(address)) continue;
        // A dry run shows the network's base, as upstream: an address that nothing ever gets.
        if (this.dryRun) return toText(network.base, family);
        if (await this.#create(service, address, family)) return address;
      }
    }
    throw apiError.internal(`failed to allocate a serviceIP for Service "${service.metadata.name}": range is full`);
  }

  async releaseAll(taken: readonly string[]): Promise<void> {
    if (this.dryRun) return;
    for (const address of taken) {
      try {
        await this.#context.client.delete(addresses, canonicalIP(address));
      } catch (error) {
        if (!isReason(error, 'NotFound')) throw error;
      }
    }
  }

  /** False when somebody else has it. */
  async #create(service: Service, address: string, family: Family): Promise<boolean> {
    const object: IPAddress = {
      metadata: {
        name: address,
        labels: { 'ipaddress.kubernetes.io/ip-family': family, 'ipaddress.kubernetes.io/managed-by': managedBy },
      },
      spec: {
        parentRef: {
          group: '',
          resource: 'services',
          namespace: service.metadata.namespace ?? '',
          name: service.metadata.name ?? '',
        },
      },
    };
    try {
      await this.#context.client.create(addresses, object);
      return true;
    } catch (error) {
      if (isReason(error, 'AlreadyExists')) return false;
      throw error;
    }
  }
}

const mismatch = 'the provided network does not match the current range';

const outOfRange = (address: string, network: Network): string =>
  `the provided IP (${address}) is not in the valid range. The range of valid IPs is ${networkText(network)}`;

/** A range without conditions is new: the controller has not looked at it yet, but nothing speaks against it. */
const isReady = (cidr: ServiceCIDR): boolean =>
  (cidr.status?.conditions ?? []).every((one) => one.type !== 'Ready' || one.status === 'True');

const networksOf = (cidr: ServiceCIDR): Network[] =>
  (cidr.spec?.cidrs ?? []).map(parseNetwork).filter((network) => network !== undefined);

/** Without the network's own address and, in IPv4, the broadcast address. */
function usableBounds(network: Network): { first: bigint; last: bigint } {
  const end = network.base + network.size - 1n;
  return { first: network.base + 1n, last: network.family === 'IPv4' ? end - 1n : end };
}

const triesPerBand = 65_536n;

/**
 * Free choices come from the upper band first, from a random start, so that addresses asked for by hand (usually low
 * ones) stay free (KEP-3070). Bounded for networks larger than anything that can be full.
 */
function* candidates(network: Network): Iterable<string> {
  const { first, last } = usableBounds(network);
  const count = last - first + 1n;
  const low = lowBandSize(network.size);
  yield* band(first + low, count - low, network.family);
  yield* band(first, low < count ? low : count, network.family);
}

function* band(start: bigint, count: bigint, family: Family): Iterable<string> {
  if (count <= 0n) return;
  const limit = count < triesPerBand ? count : triesPerBand;
  const offset = BigInt(randomInt(Number(count < 2n ** 40n ? count : 2n ** 40n)));
  for (let i = 0n; i < limit; i++) yield toText(start + ((offset + i) % count), family);
}

/** min(max(16, size / 16), 256) addresses; none in networks of up to 16. */
function lowBandSize(size: bigint): bigint {
  if (size <= 16n) return 0n;
  const part = size / 16n;
  return part < 16n ? 16n : part > 256n ? 256n : part;
}
