import { bridgeName, removeCni } from './cni/index.ts';
import { removeHost, run } from './host/index.ts';
import { table } from './proxy/index.ts';
import type { CleanupOptions } from './types.ts';

/** Removes everything that the network has made. Idempotent; what cannot be removed is told and left. */
export async function cleanupNetwork({ config, cniConfigDir, cniLeases, log }: CleanupOptions): Promise<void> {
  const steps: Record<string, () => Promise<unknown>> = {
    'the ruleset': () => run('nft', ['-f', '-'], `add table ${table}\ndelete table ${table}\n`),
    'bridge and addresses': () =>
      removeHost(bridgeName, [config.dnsIP, ...(config.advertiseAddress ? [config.advertiseAddress] : [])]),
    'CNI configuration and leases': () => removeCni(cniConfigDir, cniLeases),
  };
  for (const [what, remove] of Object.entries(steps)) {
    try {
      await remove();
    } catch (error) {
      log.warn(`cannot remove ${what}`, { error: String(error) });
    }
  }
}
