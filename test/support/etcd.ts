import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ended, freePort } from './server.ts';

export const hasEtcd = spawnSync('etcd', ['--version']).status === 0;

/** Why tests that need an etcd are skipped; false when they are not. */
export const skipWithoutEtcd = hasEtcd ? false : 'the etcd program is not installed (Debian: etcd-server)';

export interface RunningEtcd {
  endpoint: string;
  /** Ends it; its data stays. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Goes on after `kill`, on the same port with the same data. */
  restart(): Promise<void>;
  /** Ends it and removes its data. */
  dispose(): Promise<void>;
}

/** A real etcd on free ports, with data of its own. */
export async function startEtcd(): Promise<RunningEtcd> {
  const directory = mkdtempSync(join(tmpdir(), 'nanoshift-etcd-'));
  const endpoint = `http://127.0.0.1:${await freePort()}`;
  const peer = `http://127.0.0.1:${await freePort()}`;
  let process = await launch(directory, endpoint, peer);
  const kill = async (signal: NodeJS.Signals = 'SIGKILL'): Promise<void> => {
    await ended(process, signal);
  };
  return {
    endpoint,
    kill,
    async restart() {
      process = await launch(directory, endpoint, peer);
    },
    async dispose() {
      await kill();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

const startLimitMs = 60_000;

async function launch(directory: string, endpoint: string, peer: string): Promise<ChildProcess> {
  const args = [
    ...['--data-dir', directory, '--name', 'one', '--initial-cluster', `one=${peer}`],
    ...['--listen-client-urls', endpoint, '--advertise-client-urls', endpoint],
    ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
  ];
  const process = spawn('etcd', args, { stdio: 'ignore' });
  for (const beganMs = performance.now(); performance.now() - beganMs < startLimitMs; ) {
    const answer = await fetch(`${endpoint}/health`, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined);
    if (answer?.ok) return process;
    const end = process.exitCode ?? process.signalCode;
    if (end !== null) throw new Error(`etcd ended with ${end}`);
    await sleep(50);
  }
  await ended(process, 'SIGKILL');
  throw new Error(`etcd did not answer within ${startLimitMs / 1000} s`);
}
