import { CriError, type CriClient, grpcCode, type StatusResponse, type VersionResponse } from '../cri/index.ts';

/** What a runtime tells of itself. */
export interface RuntimeFacts {
  name: string;
  version: string;
  handlers: readonly string[];
  cgroupDriver: 'cgroupfs' | 'systemd';
  cniConfigDir: string;
  cniBinDir: string;
}

/** The part that we read of what containerd's CRI plugin shows as its configuration. */
interface ContainerdInfo {
  containerd?: {
    defaultRuntimeName?: string;
    runtimes?: Record<string, { options?: { SystemdCgroup?: boolean } | null }>;
  };
  cni?: { binDir?: string; binDirs?: string[]; confDir?: string };
}

export async function readRuntimeFacts(
  cri: CriClient,
  version: VersionResponse,
): Promise<{ facts: RuntimeFacts; isPrepared: boolean }> {
  const status = await cri.call('Status', { verbose: true });
  const facts = factsOf(version, status, await cgroupDriver(cri));
  return { facts, isPrepared: isPrepared(facts.name, status) };
}

/** From RuntimeConfig; undefined where the runtime does not have that call yet. */
async function cgroupDriver(cri: CriClient): Promise<RuntimeFacts['cgroupDriver'] | undefined> {
  try {
    const { linux } = await cri.call('RuntimeConfig', {});
    return linux && (linux.cgroupDriver === 'SYSTEMD' ? 'systemd' : 'cgroupfs');
  } catch (error) {
    if (error instanceof CriError && error.code === grpcCode.unimplemented) return undefined;
    throw error;
  }
}

/**
 * Whether somebody has set the runtime up for pods. A containerd that a package has just installed serves CRI without a
 * network; CRI-O exists for pods alone.
 */
export const isPrepared = (name: string, { status }: Pick<StatusResponse, 'status'>): boolean =>
  name !== 'containerd' ||
  (status?.conditions.some((condition) => condition.type === 'NetworkReady' && condition.status) ?? false);

export function factsOf(
  version: VersionResponse,
  status: StatusResponse,
  driver: RuntimeFacts['cgroupDriver'] | undefined,
): RuntimeFacts {
  const info = parseInfo(status.info['config']);
  const runtimes = info.containerd?.runtimes ?? {};
  const first = info.containerd?.defaultRuntimeName ?? '';
  const names = [...status.runtimeHandlers.map(({ name }) => name), ...Object.keys(runtimes)].filter(Boolean);
  const isSystemd = runtimes[first]?.options?.SystemdCgroup === true;
  return {
    name: version.runtimeName,
    version: version.runtimeVersion,
    handlers: [...new Set([first, ...names].filter(Boolean))],
    cgroupDriver: driver ?? (isSystemd ? 'systemd' : 'cgroupfs'),
    cniConfigDir: info.cni?.confDir || '/etc/cni/net.d',
    cniBinDir: info.cni?.binDir || info.cni?.binDirs?.[0] || '/opt/cni/bin',
  };
}

function parseInfo(text = '{}'): ContainerdInfo {
  try {
    return JSON.parse(text) as ContainerdInfo;
  } catch {
    return {};
  }
}
