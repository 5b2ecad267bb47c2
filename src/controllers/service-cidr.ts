/** ServiceCIDRs are ready once they are protected, and go when no address would be left without a range (KEP-1880). */
import { BlockList, isIPv6 } from 'node:net';
import { ipAddresses, serviceCidrs } from '../client/index.ts';
import { formatTime } from '../kernel/index.ts';
import type { Condition, IPAddress, ServiceCIDR } from '../schema/generated/index.ts';
import {
  type Action,
  carryOut,
  type Controller,
  type ControllerEnv,
  controllerOf,
  done,
  follow,
  queueOf,
  readingBy,
  type SyncResult,
} from './runtime/index.ts';

const name = 'service-cidrs-controller';
const finalizer = 'networking.k8s.io/service-cidr-finalizer';
/** Addresses of Services; others do not hold a range. */
const allocated = 'ipaddress.kubernetes.io/managed-by=ipallocator.k8s.io';
const workers = 1;

/** Plans the next step for one ServiceCIDR. `addresses` is looked at only while it is being deleted. */
function planServiceCidr(
  cidr: ServiceCIDR,
  all: readonly ServiceCIDR[],
  addresses: readonly IPAddress[],
  nowMs: number,
): Action[] {
  const finalizers = cidr.metadata.finalizers ?? [];
  if (!cidr.metadata.deletionTimestamp) {
    if (!finalizers.includes(finalizer)) return [withFinalizers(cidr, [...finalizers, finalizer])];
    return condition(cidr, 'True', '', 'Kubernetes Service CIDR is ready', nowMs);
  }
  const others = all.filter(({ metadata }) => metadata.name !== cidr.metadata.name);
  if (mayGo(cidr, others, addresses)) {
    const rest = finalizers.filter((each) => each !== finalizer);
    return rest.length < finalizers.length ? [withFinalizers(cidr, rest)] : [];
  }
  const why = 'There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR';
  return condition(cidr, 'False', 'Terminating', why, nowMs);
}

function withFinalizers(cidr: ServiceCIDR, finalizers: string[]): Action {
  return { do: 'update', ref: serviceCidrs, object: { ...cidr, metadata: { ...cidr.metadata, finalizers } } };
}

function condition(
  cidr: ServiceCIDR,
  status: Condition['status'],
  reason: string,
  message: string,
  nowMs: number,
): Action[] {
  const conditions = cidr.status?.conditions ?? [];
  const old = conditions.find(({ type }) => type === 'Ready');
  if (old?.status === status && old.reason === reason && old.message === message) return [];
  const lastTransitionTime = old?.status === status ? old.lastTransitionTime : formatTime(nowMs);
  const ready: Condition = { type: 'Ready', status, reason, message, lastTransitionTime };
  const others = conditions.filter(({ type }) => type !== 'Ready');
  const object: ServiceCIDR = { ...cidr, status: { ...cidr.status, conditions: [...others, ready] } };
  return [{ do: 'update', ref: serviceCidrs, object, subresource: 'status' }];
}

/** True when every range lies in another ServiceCIDR, or no address lies in this one alone. */
function mayGo(cidr: ServiceCIDR, others: readonly ServiceCIDR[], addresses: readonly IPAddress[]): boolean {
  const own = rangesOf(cidr);
  const foreign = others.flatMap(rangesOf);
  if (own.every((range) => foreign.some((other) => contains(other, range)))) return true;
  return !addresses.some(({ metadata }) => {
    const address = metadata.name ?? '';
    return own.some((range) => holds(range, address)) && !foreign.some((range) => holds(range, address));
  });
}

interface Range {
  network: string;
  bits: number;
}

const rangesOf = ({ spec }: ServiceCIDR): Range[] =>
  (spec?.cidrs ?? []).map((text) => {
    const [network = '', bits = ''] = text.split('/');
    return { network, bits: Number(bits) };
  });

const familyOf = (address: string) => (isIPv6(address) ? 'ipv6' : 'ipv4');

function holds({ network, bits }: Range, address: string): boolean {
  if (familyOf(network) !== familyOf(address)) return false;
  const list = new BlockList();
  list.addSubnet(network, bits, familyOf(network));
  return list.check(address, familyOf(address));
}

const contains = (outer: Range, inner: Range): boolean => outer.bits <= inner.bits && holds(outer, inner.network);

export function serviceCidrController(env: ControllerEnv): Controller {
  const client = env.clientFor(name);
  /** ServiceCIDRs that wait for addresses to go. */
  const deleting = new Set<string>();

  const sync = async (key: string): Promise<SyncResult> => {
    const { items } = await client.list<ServiceCIDR>(serviceCidrs);
    const cidr = items.find(({ metadata }) => metadata.name === key);
    if (!cidr) return done;
    const addresses = cidr.metadata.deletionTimestamp
      ? (await client.list<IPAddress>(ipAddresses, { labelSelector: allocated })).items
      : [];
    await carryOut(client, planServiceCidr(cidr, items, addresses, env.clock.nowMs()));
    return done;
  };

  const overflowed = (): void => cidrs.relist();
  const queue = queueOf(env, { name, workers, sync, overflowed });
  const addDeleting = (): void => queue.addAll(deleting);
  const options = readingBy(env);
  const cidrs = follow<ServiceCIDR>(serviceCidrs, options, {
    changed({ metadata }, deleted) {
      const key = metadata.name ?? '';
      if (metadata.deletionTimestamp && !deleted) deleting.add(key);
      else deleting.delete(key);
      if (!deleted) queue.add(key);
      addDeleting();
    },
    relisted: addDeleting,
  });
  const addresses = follow<IPAddress>(ipAddresses, options, {
    changed(_address, deleted) {
      if (deleted) addDeleting();
    },
    relisted: addDeleting,
  });
  return controllerOf(name, queue, [cidrs, addresses]);
}
