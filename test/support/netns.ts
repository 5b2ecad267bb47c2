/** Network namespaces for tests with real pods: no packet leaves the machine, and everything is gone afterwards. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';

export const namespaceAddress = '192.0.2.10';

/**
 * Makes a namespace with loopback and `eth0` at 192.0.2.10/24, whose other end answers nobody. There is no default
 * route, so that whatever would leave the machine fails at once.
 */
async function makeNetworkNamespace(name: string): Promise<void> {
  const ip = (...args: string[]): Promise<void> => run('ip', args);
  await ip('netns', 'add', name);
  await ip('-n', name, 'link', 'set', 'lo', 'up');
  await ip('-n', name, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth1');
  await ip('-n', name, 'link', 'set', 'eth1', 'up');
  await ip('-n', name, 'addr', 'add', `${namespaceAddress}/24`, 'dev', 'eth0');
  await ip('-n', name, 'link', 'set', 'eth0', 'up');
}

/**
 * Runs a command to its end in a namespace that is made for it and removed afterwards; resolves with its exit code. Not
 * `ip netns exec`, which would hide /sys/fs/cgroup. Who is told to end tells the command and waits for what it cleans up.
 */
export async function runInNamespace(
  name: string,
  command: readonly string[],
  options: SpawnOptions,
  begun: (child: ChildProcess) => void = () => {},
): Promise<number> {
  const interruption = interrupted();
  try {
    await makeNetworkNamespace(name);
    return await new Promise((done, fail) => {
      const child = spawn('nsenter', [`--net=/run/netns/${name}`, ...command], options);
      begun(child);
      const forward = (): boolean => child.kill(interruption.reason as NodeJS.Signals);
      if (interruption.aborted) forward();
      interruption.addEventListener('abort', forward);
      child.on('error', fail);
      child.on('close', (code) => done(code ?? 1));
    });
  } finally {
    await run('ip', ['netns', 'delete', name]);
  }
}

let interruption: AbortSignal | undefined;

/** Aborted, with the signal's name as the reason, when this process is told to end: from then on it has to end by itself. */
export function interrupted(): AbortSignal {
  if (interruption) return interruption;
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => controller.abort(signal));
  interruption = controller.signal;
  return interruption;
}

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
