/**
 * Pods a second from the first create to the last bind, with fake nodes made through the API: nanoshift's built program
 * against upstream's API server, etcd and scheduler, in one run, pair by pair.
 *
 *   node bench/scheduler.ts --kbench PATH --apiserver PATH --scheduler PATH [--etcd PATH] [--nodes 1000] [--pods 5000]
 *     [--pairs 3] [--front uws|node]
 *
 * --kbench is the load generator, which shares the machine. Upstream's scheduler may ask as often as it likes: its client's
 * limit is raised. Without --apiserver nanoshift is measured alone.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Peer, startNanoshift, startUpstream } from './peers.ts';

const { values: flags } = parseArgs({
  options: {
    kbench: { type: 'string' },
    apiserver: { type: 'string' },
    scheduler: { type: 'string' },
    etcd: { type: 'string', default: 'etcd' },
    nodes: { type: 'string', default: '1000' },
    pods: { type: 'string', default: '5000' },
    pairs: { type: 'string', default: '3' },
    front: { type: 'string', default: 'uws' },
  },
});
if (!flags.kbench || (flags.apiserver && !flags.scheduler)) {
  console.error(
    'usage: node bench/scheduler.ts --kbench PATH [--apiserver PATH --scheduler PATH] [--nodes N] [--pods N]',
  );
  process.exit(2);
}
const { kbench, apiserver, scheduler } = flags;

interface Run {
  podsPerSecond: number;
  createSeconds: number;
  cpuMsPerPod: number;
}

const ours: Run[] = [];
const theirs: Run[] = [];
for (let pair = 0; pair < Number(flags.pairs); pair++) {
  ours.push(await ourRun());
  console.log('nanoshift', ours.at(-1));
  if (!apiserver) continue;
  theirs.push(await theirRun());
  console.log('upstream', theirs.at(-1));
}
const ratios = theirs.map(({ podsPerSecond }, i) => ours[i]!.podsPerSecond / podsPerSecond);
const cpuRatios = theirs.map(({ cpuMsPerPod }, i) => cpuMsPerPod / ours[i]!.cpuMsPerPod);
console.table({
  nanoshift: summary(ours),
  ...(theirs.length > 0 && { upstream: summary(theirs) }),
});
if (theirs.length > 0) {
  console.log(`ratio: ${median(ratios).toFixed(1)}× pods/s, ${median(cpuRatios).toFixed(1)}× less CPU a pod`);
}

async function ourRun(): Promise<Run> {
  const peer = await startNanoshift({ front: flags.front as 'uws' | 'node' });
  try {
    return await load(peer, () => peer.cpuMs());
  } finally {
    await peer.stop();
    rmSync(peer.dataDir, { recursive: true, force: true });
  }
}

/** With certificates that nanoshift made. */
async function theirRun(): Promise<Run> {
  const maker = await startNanoshift({ front: 'node' });
  await maker.stop();
  const peer = await startUpstream({ apiserver: apiserver!, etcd: flags.etcd }, maker.dataDir);
  const binder = startTheirScheduler(peer, maker.dataDir);
  try {
    return await load(peer, () => peer.cpuMs() + cpuMsOf(binder));
  } finally {
    binder.kill('SIGTERM');
    await peer.stop();
    rmSync(maker.dataDir, { recursive: true, force: true });
  }
}

function startTheirScheduler(peer: Peer, pkiDir: string): ChildProcess {
  const kubeconfig = join(pkiDir, 'stock-scheduler.kubeconfig');
  const own = readFileSync(join(pkiDir, 'resources/kube-scheduler/kubeconfig'), 'utf8');
  writeFileSync(kubeconfig, own.replace(/server: .*/, `server: ${peer.server.replace('127.0.0.1', 'localhost')}`));
  const config = join(pkiDir, 'stock-scheduler.yaml');
  writeFileSync(
    config,
    [
      'apiVersion: kubescheduler.config.k8s.io/v1',
      'kind: KubeSchedulerConfiguration',
      'leaderElection: {leaderElect: false}',
      `clientConnection: {kubeconfig: ${kubeconfig}, qps: 5000, burst: 5000}`,
    ].join('\n'),
  );
  return spawn(scheduler!, [`--config=${config}`, '--secure-port=0'], { stdio: 'ignore' });
}

async function load(peer: Peer, cpuMs: () => number): Promise<Run> {
  const { nodes, pods } = flags;
  // What it takes to make the nodes is not to count.
  await generate(peer, ['-nodes', nodes, '-n', '1', '-c', '32', 'sched']);
  const beforeMs = cpuMs();
  const result = await generate(peer, ['-nodes', '0', '-n', pods, '-c', '32', 'sched']);
  return {
    podsPerSecond: result['pods_s'] ?? 0,
    createSeconds: result['create_s'] ?? 0,
    cpuMsPerPod: (cpuMs() - beforeMs) / Number(pods),
  };
}

function generate(peer: Peer, args: readonly string[]): Promise<Record<string, number>> {
  const child = spawn(kbench!, ['-server', peer.server, '-cert', peer.certFile, '-key', peer.keyFile, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  return new Promise((done, fail) => {
    child.on('close', (code) => {
      if (code !== 0) fail(new Error(`kbench ${args.join(' ')} ended with code ${code}`));
      else done(JSON.parse(Buffer.concat(chunks).toString()) as Record<string, number>);
    });
  });
}

function cpuMsOf(child: ChildProcess): number {
  const fields = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

function summary(runs: readonly Run[]): Record<string, string> {
  return {
    'pods/s': median(runs.map(({ podsPerSecond }) => podsPerSecond)).toFixed(0),
    'created in, s': median(runs.map(({ createSeconds }) => createSeconds)).toFixed(1),
    'CPU of the servers, ms a pod': median(runs.map(({ cpuMsPerPod }) => cpuMsPerPod)).toFixed(2),
  };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
