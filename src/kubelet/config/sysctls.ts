import type { Pod } from '../../schema/generated/index.ts';
import { goQuote } from '../volumes/index.ts';

/** A pod that this node will never run. `reason` and `message` go into its status. */
export interface Rejection {
  reason: string;
  message: string;
}

interface SafeSysctl {
  namespace: 'IPC' | 'Net';
  /** Kernel since which it belongs to a namespace. */
  since?: readonly [major: number, minor: number];
}

const safe: Readonly<Record<string, SafeSysctl>> = {
  'kernel.shm_rmid_forced': { namespace: 'IPC' },
  'net.ipv4.ip_local_port_range': { namespace: 'Net' },
  'net.ipv4.tcp_syncookies': { namespace: 'Net' },
  'net.ipv4.ping_group_range': { namespace: 'Net' },
  'net.ipv4.ip_unprivileged_port_start': { namespace: 'Net' },
  'net.ipv4.ip_local_reserved_ports': { namespace: 'Net', since: [3, 16] },
  'net.ipv4.tcp_keepalive_time': { namespace: 'Net', since: [4, 5] },
  'net.ipv4.tcp_fin_timeout': { namespace: 'Net', since: [4, 6] },
  'net.ipv4.tcp_keepalive_intvl': { namespace: 'Net', since: [4, 5] },
  'net.ipv4.tcp_keepalive_probes': { namespace: 'Net', since: [4, 5] },
  'net.ipv4.tcp_rmem': { namespace: 'Net', since: [4, 15] },
  'net.ipv4.tcp_wmem': { namespace: 'Net', since: [4, 15] },
};

/** The sysctl's name with dots between its parts; one with slashes first keeps the dots inside its parts. */
export function normalizeSysctl(name: string): string {
  const separator = /[./]/.exec(name)?.[0];
  if (separator !== '/') return name;
  return name.replace(/[./]/g, (character) => (character === '/' ? '.' : '/'));
}

/**
 * Why this node will never run the pod, if so: a sysctl that could disturb other pods. The pod fails at once; asked when
 * it is admitted, and again before its sandbox is made.
 */
export function podRejection({ spec }: Pod, kernelRelease: string): Rejection | undefined {
  for (const { name } of spec.securityContext?.sysctls ?? []) {
    const problem = sysctlProblem(normalizeSysctl(name), spec, kernelRelease);
    if (problem) return { reason: 'SysctlForbidden', message: `forbidden sysctl: ${problem}` };
  }
  return undefined;
}

function sysctlProblem(name: string, { hostNetwork, hostIPC }: Pod['spec'], kernelRelease: string): string | undefined {
  const known = Object.hasOwn(safe, name) ? safe[name] : undefined;
  if (!known || !isSince(kernelRelease, known.since)) return `${goQuote(name)} not allowlisted`;
  const isShared = known.namespace === 'IPC' ? hostIPC : hostNetwork;
  return isShared ? `${goQuote(name)} not allowed with host ${known.namespace} enabled` : undefined;
}

function isSince(release: string, since: SafeSysctl['since'] = [0, 0]): boolean {
  const [major = 0, minor = 0] = release.split('.').map((part) => Number.parseInt(part, 10));
  return major > since[0] || (major === since[0] && minor >= since[1]);
}
