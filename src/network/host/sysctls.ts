/** Switches of the kernel that pods need. Only what differs is written. */
import { readFile, writeFile } from 'node:fs/promises';
import type { Logger } from '../../kernel/index.ts';
import { NetworkError } from '../errors.ts';
import { run } from './command.ts';

const root = '/proc/sys/net';

/** Throws an error of the file system. */
async function set(name: string, value: string): Promise<void> {
  const path = `${root}/${name}`;
  if ((await readFile(path, 'utf8')).trim() !== value) await writeFile(path, value);
}

export async function ensureForwarding(): Promise<void> {
  try {
    await set('ipv4/ip_forward', '1');
  } catch (error) {
    throw new NetworkError(`cannot turn on IPv4 forwarding: ${(error as Error).message}`);
  }
}

/** So that a port of the node at 127.0.0.1 can lead to a pod. */
export async function ensureLocalRouting(bridge: string, log: Logger): Promise<void> {
  await set(`ipv4/conf/${bridge}/route_localnet`, '1').catch((error: unknown) =>
    log.warn('host ports are not reachable at 127.0.0.1', { error: String(error) }),
  );
}

/** Makes packets between pods on one bridge pass the ruleset. False when the kernel has no such thing. */
export async function ensureBridgeFilter(log: Logger): Promise<boolean> {
  const name = 'bridge/bridge-nf-call-iptables';
  try {
    await set(name, '1').catch(async () => {
      await run('modprobe', ['br_netfilter']).catch(() => {});
      await set(name, '1');
    });
    return true;
  } catch (error) {
    log.warn('no br_netfilter: pods that reach a pod of their node by a Service seem to be the node', {
      error: String(error),
    });
    return false;
  }
}
