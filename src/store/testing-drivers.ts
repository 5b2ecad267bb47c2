/** The backends under test, each with a place that outlives its connections. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../kernel/clock.ts';
import { etcdBackend } from './backends/etcd.ts';
import { memoryBackend } from './backends/memory.ts';
import { sqliteBackend } from './backends/sqlite.ts';
import type { Backend } from './types.ts';

export interface Subject {
  /** Opens the same data each time. */
  open(): Promise<Backend>;
  /** etcd: kills the server and starts it again. */
  restart?(): Promise<void>;
  dispose(): Promise<void>;
}

export interface Driver {
  name: string;
  /** Why it cannot be tested here. */
  skip: string | false;
  make(): Promise<Subject>;
}

const withDirectory = async (make: (directory: string) => Promise<Subject>): Promise<Subject> => {
  const directory = mkdtempSync(join(tmpdir(), 'store-'));
  const subject = await make(directory);
  return {
    ...subject,
    async dispose() {
      await subject.dispose();
      rmSync(directory, { recursive: true });
    },
  };
};

const hasEtcd = spawnSync('etcd', ['--version']).status === 0;

export const drivers: readonly Driver[] = [
  {
    name: 'memory',
    skip: false,
    async make() {
      const backend = memoryBackend();
      return { open: async () => backend, dispose: async () => {} };
    },
  },
  {
    name: 'sqlite',
    skip: false,
    make: () =>
      withDirectory(async (directory) => ({
        open: () => sqliteBackend(join(directory, 'state.db'), { cacheBytes: 1 << 20 }),
        dispose: async () => {},
      })),
  },
  {
    name: 'etcd',
    skip: hasEtcd ? false : 'the etcd program is not installed (Debian: etcd-server)',
    make: () =>
      withDirectory(async (directory) => {
        const [client, peer] = (await freePorts(2)).map((port) => `http://127.0.0.1:${port}`) as [string, string];
        let etcd = await startEtcd(directory, client, peer);
        return {
          open: () => etcdBackend({ endpoints: [client], clock: systemClock }),
          async restart() {
            await kill(etcd);
            etcd = await startEtcd(directory, client, peer);
          },
          dispose: () => kill(etcd),
        };
      }),
  },
];

/** Starts an etcd and waits until it answers. */
async function startEtcd(directory: string, client: string, peer: string): Promise<ChildProcess> {
  const process = spawn(
    'etcd',
    [
      ...['--data-dir', join(directory, 'etcd'), '--name', 'one', '--initial-cluster', `one=${peer}`],
      ...['--listen-client-urls', client, '--advertise-client-urls', client],
      ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
    ],
    { stdio: 'ignore' },
  );
  for (;;) {
    const answer = await fetch(`${client}/health`).catch(() => undefined);
    if (answer?.ok) return process;
    if (process.exitCode !== null) throw new Error(`etcd ended with ${process.exitCode}`);
    await systemClock.sleep(50);
  }
}

async function kill(process: ChildProcess): Promise<void> {
  process.kill('SIGKILL');
  if (process.exitCode === null && process.signalCode === null) await once(process, 'exit');
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
