// Cluster addresses and node ports of Services (KEP-1880: an address is taken by creating its IPAddress object).
import { apiError, type FieldError, fieldError as e } from '../../../kernel/status.ts';
import type { HookContext } from '../../define.ts';
import type { Service, ServiceSpec } from '../../typings/core.ts';
import { AddressPool, loadAddressPool } from './addresses.ts';
import { isHeadless, needsClusterIP, needsHealthCheck, needsNodePort } from './defaults.ts';
import { openNodePorts, type NodePortLease } from './node-ports.ts';
import { nodePortsOf } from './strategy.ts';
import { validateClusterIPs } from './validation.ts';

interface Allocation {
  undo(): Promise<void>;
  commit(): Promise<void>;
}

/** Gives a new or changed Service what it needs; all or nothing. */
export async function allocate(
  next: Service,
  previous: Service | undefined,
  context: HookContext,
): Promise<Allocation> {
  next.spec ??= {};
  const spec = next.spec;
  const before = previous?.spec;
  const taken: string[] = [];
  const pool = await loadAddressPool(context);
  let ports: NodePortLease | undefined;
  try {
    chooseFamilies(next, before, pool);
    await takeAddresses(next, before, pool, taken);
    ports = await openNodePorts(context, next);
    takeNodePorts(next, before, ports);
  } catch (error) {
    ports?.release();
    await pool.releaseAll(taken);
    throw error;
  }
  const freed = before ? addressesOf(before).filter((ip) => !addressesOf(spec).includes(ip)) : [];
  const lease = ports;
  return {
    async undo() {
      lease.release();
      await pool.releaseAll(taken);
    },
    async commit() {
      lease.release();
      await pool.releaseAll(freed);
    },
  };
}

/** Gives back the addresses of a Service that is gone. Its node ports are free as soon as no Service names them. */
export async function releaseAll(o: Service, context: HookContext): Promise<void> {
  const pool = new AddressPool(context, []);
  await pool.releaseAll(addressesOf(o.spec ?? {}));
}

const addressesOf = (spec: ServiceSpec): string[] =>
  needsClusterIP(spec) ? (spec.clusterIPs ?? []).filter((ip) => ip && ip !== 'None') : [];

const invalid = (o: Service, errors: readonly FieldError[]): Error =>
  apiError.invalid({ group: '', resource: 'Service' }, o.metadata.name ?? '', errors);

/** ipFamilyPolicy and ipFamilies: from the request, from before, or from what the cluster offers. */
function chooseFamilies(o: Service, before: ServiceSpec | undefined, pool: AddressPool): void {
  const spec = o.spec ?? {};
  if (!needsClusterIP(spec)) return;
  const selectorless = spec.clusterIP === 'None' && Object.keys(spec.selector ?? {}).length === 0;
  spec.ipFamilyPolicy ??= before?.ipFamilyPolicy ?? (selectorless ? 'RequireDualStack' : 'SingleStack');
  const errors = [...validateClusterIPs(spec)];
  if (errors.length > 0) throw invalid(o, errors);
  if (before && spec.ipFamilyPolicy === 'SingleStack') shrinkToOne(spec, before);
  inferFamilies(o, spec, pool);
  spec.ipFamilies ??= [];
  const families = spec.ipFamilies;
  if (families.length === 0) families.push(pool.defaultFamily);
  const other = families[0] === 'IPv4' ? 'IPv6' : 'IPv4';
  const wantsBoth = spec.ipFamilyPolicy !== 'SingleStack';
  if (selectorless) {
    if (wantsBoth && families.length < 2) families.push(other);
    return;
  }
  requireFamilies(o, spec, pool);
  if (wantsBoth && families.length === 1 && pool.families.length === 2) families.push(other);
}

/** SingleStack with unchanged lists means: give the second address back. */
function shrinkToOne(spec: ServiceSpec, before: ServiceSpec): void {
  const same = (field: 'clusterIPs' | 'ipFamilies'): boolean => spec[field]?.join() === before[field]?.join();
  for (const field of ['clusterIPs', 'ipFamilies'] as const) {
    const list = spec[field] ?? [];
    if (list.length > 1 && same(field)) spec[field] = list.slice(0, 1);
  }
}

function inferFamilies(o: Service, spec: ServiceSpec, pool: AddressPool): void {
  const errors: FieldError[] = [];
  const path = ['spec', 'ipFamilyPolicy'];
  if (spec.ipFamilyPolicy === 'SingleStack') {
    const detail = (what: string): string =>
      `must be 'RequireDualStack' or 'PreferDualStack' when multiple ${what} are specified`;
    if (spec.clusterIPs?.length === 2) errors.push(e.invalid(path, spec.ipFamilyPolicy, detail('cluster IPs')));
    if (spec.ipFamilies?.length === 2) errors.push(e.invalid(path, spec.ipFamilyPolicy, detail('IP families')));
  }
  const families = [...(spec.ipFamilies ?? [])];
  for (const [i, ip] of (spec.clusterIPs ?? []).entries()) {
    if (ip === 'None') break;
    const family = ip.includes(':') ? 'IPv6' : 'IPv4';
    if (i < families.length) continue;
    if (pool.families.includes(family)) families.push(family);
    else
      errors.push(e.invalid(['spec', 'clusterIPs', i], spec.clusterIPs, `${family} is not configured on this cluster`));
  }
  if (errors.length > 0) throw invalid(o, errors);
  spec.ipFamilies = families;
}

function requireFamilies(o: Service, spec: ServiceSpec, pool: AddressPool): void {
  const errors: FieldError[] = [];
  if (spec.ipFamilyPolicy === 'RequireDualStack' && pool.families.length < 2) {
    const detail = 'this cluster is not configured for dual-stack services';
    errors.push(e.invalid(['spec', 'ipFamilyPolicy'], spec.ipFamilyPolicy, detail));
  }
  for (const [i, family] of (spec.ipFamilies ?? []).entries()) {
    if (!pool.families.some((one) => one === family)) {
      errors.push(e.invalid(['spec', 'ipFamilies', i], family, 'not configured on this cluster'));
    }
  }
  if (errors.length > 0) throw invalid(o, errors);
}

async function takeAddresses(
  o: Service,
  before: ServiceSpec | undefined,
  pool: AddressPool,
  taken: string[],
): Promise<void> {
  const spec = o.spec ?? {};
  if (!needsClusterIP(spec) || isHeadless(spec)) return;
  const held = before ? addressesOf(before) : [];
  const ips = [...(spec.clusterIPs ?? [])];
  for (const [i, family] of (spec.ipFamilies ?? []).entries()) {
    const wanted = ips[i];
    if (wanted && held.includes(wanted)) continue;
    const asked = [...ips];
    const fail = (detail: string): Error => invalid(o, [e.invalid(['spec', 'clusterIPs'], asked, detail)]);
    ips[i] = wanted
      ? await pool.take(o, wanted, (reason) => fail(`failed to allocate IP ${wanted}: ${reason}`))
      : await pool.takeNext(o, family === 'IPv6' ? 'IPv6' : 'IPv4', (reason) =>
          fail(`failed to allocate IP: ${reason}`),
        );
    if (!pool.dryRun) taken.push(ips[i]);
  }
  spec.clusterIPs = ips;
  if (ips[0]) spec.clusterIP = ips[0];
}

function takeNodePorts(o: Service, before: ServiceSpec | undefined, lease: NodePortLease): void {
  const spec = o.spec ?? {};
  const held = new Set(before && needsNodePort(before) ? nodePortsOf(before) : []);
  if (needsNodePort(spec)) {
    const automatic = spec.type === 'NodePort' || spec.allocateLoadBalancerNodePorts !== false;
    // A port number that is served over two protocols gets one node port for both.
    const byPort = new Map<number, number>();
    for (const one of spec.ports ?? []) if (one.nodePort && one.port) byPort.set(one.port, one.nodePort);
    for (const [i, one] of (spec.ports ?? []).entries()) {
      if (!one.nodePort && !automatic) continue;
      const number = one.port ?? 0;
      if (!one.nodePort && !before) one.nodePort = byPort.get(number) ?? 0;
      if (!one.nodePort) one.nodePort = lease.takeNext(o);
      else if (!held.has(one.nodePort)) {
        lease.take(one.nodePort, (reason) =>
          invalid(o, [e.invalid(['spec', 'ports', i, 'nodePort'], one.nodePort, reason)]),
        );
      }
      byPort.set(number, one.nodePort);
    }
  }
  takeHealthCheckPort(o, before, lease);
}

function takeHealthCheckPort(o: Service, before: ServiceSpec | undefined, lease: NodePortLease): void {
  const spec = o.spec ?? {};
  if (!needsHealthCheck(spec) || (before && needsHealthCheck(before))) return;
  const asked = spec.healthCheckNodePort;
  if (!asked) spec.healthCheckNodePort = lease.takeNext(o);
  else {
    lease.take(asked, (reason) =>
      apiError.internal(`failed to allocate requested HealthCheck NodePort ${asked}: ${reason}`),
    );
  }
}
