/** The node's own part in the pod and service networks: the bridge, addresses on loopback, a route. */
import { formatIPv4 } from '../../config/index.ts';
import { rangeOf } from '../cidr.ts';
import { NetworkError } from '../errors.ts';
import { must, run } from './command.ts';

export interface HostPlan {
  bridge: string;
  podNetwork: string;
  serviceNetwork: string;
  mtu: number;
  /** On the loopback interface. */
  loopback: readonly string[];
}

/** What `ip -json` tells. */
export interface Links {
  ifname: string;
  mtu: number;
  flags: readonly string[];
  addr_info: readonly { family: string; local: string; prefixlen: number; scope: string }[];
}

export interface Route {
  dst: string;
  dev?: string;
}

export interface HostState {
  links: readonly Links[];
  routes: readonly Route[];
}

/** Lines for `ip -batch` that lead from `state` to `plan`; none when all is as it should be. */
export function hostCommands(plan: HostPlan, { links, routes }: HostState): string[] {
  const { bridge, podNetwork, serviceNetwork, mtu } = plan;
  const range = rangeOf(podNetwork);
  if (!range) throw new NetworkError(`the pod network "${podNetwork}" is not an IPv4 network`);
  const gateway = formatIPv4(range.base + 1);
  const found = links.find(({ ifname }) => ifname === bridge);
  const own = found?.addr_info.filter(({ family }) => family === 'inet') ?? [];
  const isGateway = (address: { local: string; prefixlen: number }): boolean =>
    address.local === gateway && address.prefixlen === range.prefixLength;
  const onLoopback = links.find(({ ifname }) => ifname === 'lo')?.addr_info ?? [];
  return [
    // An address of its own, or it takes that of a pod's interface, and another when the pod goes.
    ...(found ? [] : [`link add name ${bridge} address ${hardwareAddress(gateway)} type bridge`]),
    ...(found?.mtu === mtu && found.flags.includes('UP') ? [] : [`link set dev ${bridge} mtu ${mtu} up`]),
    ...own.filter((address) => !isGateway(address)).map((it) => `addr del ${it.local}/${it.prefixlen} dev ${bridge}`),
    ...(own.some(isGateway) ? [] : [`addr replace ${gateway}/${range.prefixLength} dev ${bridge}`]),
    ...plan.loopback
      .filter((address) => !onLoopback.some(({ local }) => local === address))
      .map((address) => `addr replace ${address}/32 dev lo`),
    // Without a default route nothing else would bring packets for a Service as far as the proxy's hooks.
    ...(routes.some(({ dst, dev }) => dst === serviceNetwork && dev === bridge)
      ? []
      : [`route replace ${serviceNetwork} dev ${bridge}`]),
  ];
}

/** Locally administered, from the IPv4 address: the same after every start. */
const hardwareAddress = (address: string): string =>
  ['0a', '58', ...address.split('.').map((part) => Number(part).toString(16).padStart(2, '0'))].join(':');

export async function readHostState(): Promise<HostState> {
  const [links, routes] = await Promise.all([
    must('ip', ['-json', 'address', 'show']),
    must('ip', ['-json', '-4', 'route', 'show']),
  ]);
  return { links: parsed<Links>(links), routes: parsed<Route>(routes) };
}

/** iproute2 prints nothing, or an empty object, where there is nothing to list. */
const parsed = <T extends object>(text: string): T[] =>
  (JSON.parse(text.trim() || '[]') as T[]).filter((item) => Object.keys(item).length > 0);

/** Of the interface that the default route goes by; undefined without one. */
export function pathMtu({ links, routes }: HostState): number | undefined {
  const device = routes.find(({ dst }) => dst === 'default')?.dev;
  return links.find(({ ifname }) => ifname === device)?.mtu;
}

export async function ensureHost(plan: HostPlan, state: HostState): Promise<boolean> {
  const commands = hostCommands(plan, state);
  if (commands.length > 0) await must('ip', ['-batch', '-'], `${commands.join('\n')}\n`);
  return commands.length > 0;
}

/** Takes back what `ensureHost` does. What is not there (any more) is no error. */
export async function removeHost(bridge: string, loopback: readonly string[]): Promise<void> {
  await run('ip', ['link', 'delete', bridge]);
  for (const address of loopback) await run('ip', ['address', 'delete', `${address}/32`, 'dev', 'lo']);
}
