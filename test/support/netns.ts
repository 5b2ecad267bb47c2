/** Network namespaces for tests with real pods: no packet leaves the machine, and everything is gone afterwards. */
import { spawn } from 'node:child_process';

export const namespaceAddress = '192.0.2.10';

/**
 * Makes a namespace with loopback and `eth0` at 192.0.2.10/24, whose other end answers nobody. There is no default
 * route, so that whatever would leave the machine fails at once.
 */
export async function makeNetworkNamespace(name: string): Promise<void> {
  const ip = (...args: string[]): Promise<void> => run('ip', args);
  await ip('netns', 'add', name);
  await ip('-n', name, 'link', 'set', 'lo', 'up');
  await ip('-n', name, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth1');
  await ip('-n', name, 'link', 'set', 'eth1', 'up');
  await ip('-n', name, 'addr', 'add', `${namespaceAddress}/24`, 'dev', 'eth0');
  await ip('-n', name, 'link', 'set', 'eth0', 'up');
}

export const removeNetworkNamespace = (name: string): Promise<void> => run('ip', ['netns', 'delete', name]);

/** A command line that runs in the namespace. Not `ip netns exec`, which would hide /sys/fs/cgroup. */
export const inNamespace = (name: string, command: readonly string[]): [string, string[]] => [
  'nsenter',
  [`--net=/run/netns/${name}`, ...command],
];

/** Runs to the end; rejects with its output when it fails. */
export function run(command: string, args: readonly string[]): Promise<void> {
  return new Promise((done, fail) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const chunks: string[] = [];
    child.stdout.on('data', (chunk) => chunks.push(String(chunk)));
    child.stderr.on('data', (chunk) => chunks.push(String(chunk)));
    child.on('error', fail);
    child.on('close', (code) =>
      code === 0 ? done() : fail(new Error(`${command} ${args.join(' ')} ended with ${code}: ${chunks.join('')}`)),
    );
  });
}
