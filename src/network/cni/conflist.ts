/** Configuration of the container network interface (CNI 1.0) by which the runtime connects pods. */
import { mkdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export const bridgeName = 'nsbr0';
const fileName = '10-nanoshift.conflist';

export interface ConflistFacts {
  podNetwork: string;
  mtu: number;
  leases: string;
}

/** The loopback interface of a pod is brought up by the runtime itself; ports on the node are the proxy's. */
export function conflist({ podNetwork, mtu, leases }: ConflistFacts): string {
  const ipam = { type: 'host-local', dataDir: leases, ranges: [[{ subnet: podNetwork }]] };
  const bridge = {
    type: 'bridge',
    bridge: bridgeName,
    isGateway: true,
    isDefaultGateway: true,
    // Packets that leave the cluster are masqueraded by the proxy's table.
    ipMasq: false,
    hairpinMode: true,
    mtu,
    ipam,
  };
  return `${JSON.stringify({ cniVersion: '1.0.0', name: 'nanoshift', plugins: [bridge] }, null, 2)}\n`;
}

/** Atomic, and only when it differs: runtimes read the folder anew whenever something in it changes. */
export async function writeConflist(directory: string, text: string): Promise<void> {
  const path = join(directory, fileName);
  if ((await readFile(path, 'utf8').catch(() => undefined)) === text) return;
  await mkdir(directory, { recursive: true });
  // Runtimes look at names that end in .conf, .conflist and .json only.
  const draft = `${path}.new`;
  await writeFile(draft, text);
  await rename(draft, path);
}

/** Configuration and leases; the folders that held them go when nothing else is in them. */
export async function removeCni(directory: string, leases: string): Promise<void> {
  await rm(join(directory, fileName), { force: true });
  await rm(join(directory, `${fileName}.new`), { force: true });
  await rm(join(leases, 'nanoshift'), { recursive: true, force: true });
  for (const folder of [directory, leases]) await rmdir(folder).catch(() => {});
}
