/**
 * Figures of the whole node: nanoshift with a kubelet and a containerd of its own, in a network namespace of its own.
 *
 *   npm run bench:node -- --kbench PATH [--idle 60] [--fronts uws,node] [--write]
 *
 * Start to node Ready (first boot, later), resident memory, idle CPU and disk writes over a minute that begins a minute after Ready, and the
 * event loop's delay while 20 pods start, a list of 1,000 pods runs in a loop and 200 watchers are served. containerd
 * and its shims are told apart. --write puts the table into docs/performance.md.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { stringify } from 'yaml';
import { apiRequest } from '../test/support/api-request.ts';
import { interrupted, namespaceAddress, runInNamespace } from '../test/support/netns.ts';
import { ended } from '../test/support/server.ts';

const root = resolve(import.meta.dirname, '..');
const bundle = join(root, 'dist/nanoshift.mjs');
const { values: flags } = parseArgs({
  options: {
    kbench: { type: 'string' },
    idle: { type: 'string', default: '60' },
    fronts: { type: 'string', default: 'uws,node' },
    write: { type: 'boolean', default: false },
    inside: { type: 'boolean', default: false },
  },
});
if (!flags.kbench) {
  console.error('usage: npm run bench:node -- --kbench PATH [--idle SECONDS] [--fronts uws,node] [--write]');
  process.exit(2);
}

const nodeName = 'bench-node';
/** What the monitor behind /metrics counts as a delay of nothing: the period at which it looks. */
const monitorPeriodMs = 10;
const rows: string[] = [];

/** Told to end, what measures gives up, and takes down what it has started. */
const interruption = interrupted();

const outside = (): Promise<number> =>
  runInNamespace(
    `nanoshift-bench-${process.pid}`,
    [process.execPath, import.meta.filename, ...process.argv.slice(2), '--inside'],
    { stdio: 'inherit' },
  );

async function inside(): Promise<number> {
  for (const front of (flags.fronts as string).split(',')) await measure(front);
  const table = ['| figure | nanoshift | bar |', '|---|---|---|', ...rows].join('\n');
  console.log(table);
  if (flags.write) writeSection(table);
  return 0;
}

interface Running {
  pid: number;
  readyMs: number;
  stop(): Promise<void>;
}

async function measure(front: string): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), 'ns-bench-'));
  const config = join(dataDir, 'bench.yaml');
  writeFileSync(
    config,
    stringify({
      node: { hostnameOverride: nodeName, nodeIP: namespaceAddress },
      apiServer: { front },
      runtime: { mode: 'own' },
    }),
  );
  const common = ['--config', config, '--data-dir', dataDir];
  try {
    const first = await start(common, dataDir);
    row(`node Ready, first boot, s (${front})`, first.readyMs / 1000, '≤ 5');
    await first.stop();
    await command('cleanup', ...common);
    const second = await start(common, dataDir);
    row(`node Ready, later, containerd started too, s (${front})`, second.readyMs / 1000, '≤ 2');
    await second.stop();
    const third = await start(common, dataDir);
    try {
      row(`node Ready, later, containerd adopted, s (${front})`, third.readyMs / 1000, '≤ 2');
      await idle(front, third.pid);
      await loopDelay(front, dataDir);
    } finally {
      await third.stop();
    }
  } finally {
    await command('cleanup', '--all', ...common);
    rmSync(dataDir, { recursive: true, force: true });
  }
}

async function start(common: readonly string[], dataDir: string): Promise<Running> {
  const kubeconfig = join(dataDir, 'resources/kubeadmin/kubeconfig');
  const beganMs = performance.now();
  const beganAt = Date.now();
  const child = spawn(process.execPath, [bundle, 'run', ...common, '--profile', 'default'], {
    stdio: 'ignore',
    detached: true,
  });
  const stop = async (): Promise<void> => {
    await ended(child, 'SIGTERM');
  };
  try {
    while (!(await isReady(kubeconfig, beganAt))) {
      const end = child.exitCode ?? child.signalCode;
      if (end !== null) throw new Error(`nanoshift ended with ${end}`);
      if (performance.now() - beganMs > 60_000) throw new Error('the node is not Ready after 60 s');
      await sleep(20);
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return { pid: child.pid as number, readyMs: performance.now() - beganMs, stop };
}

interface Node {
  status?: { conditions?: { type: string; status: string; lastHeartbeatTime?: string }[] };
}

/** Ready as told since this start: what an earlier one has written does not count. */
async function isReady(kubeconfig: string, sinceMs: number): Promise<boolean> {
  try {
    const node = (await apiRequest(kubeconfig, 'GET', `/api/v1/nodes/${nodeName}`)) as Node;
    const ready = node.status?.conditions?.find(({ type }) => type === 'Ready');
    return ready?.status === 'True' && Date.parse(ready.lastHeartbeatTime ?? '') >= Math.floor(sinceMs / 1000) * 1000;
  } catch {
    return false;
  }
}

async function idle(front: string, pid: number): Promise<void> {
  const seconds = Number(flags.idle);
  await sleep(seconds * 1000);
  const before = usage(pid);
  await sleep(seconds * 1000);
  const after = usage(pid);
  row(`resident idle, node Ready, MiB (${front})`, after.residentMib, '≤ 200');
  row(`idle CPU, % of a core (${front})`, ((after.cpuMs - before.cpuMs) / (seconds * 1000)) * 100, '≤ 1.5');
  row(`idle disk writes, KB/min (${front})`, ((after.written - before.written) / 1024 / seconds) * 60, '≤ 200');
  const runtime = runtimeProcesses().map(usage);
  const sum = (value: (one: Usage) => number): number => runtime.reduce((total, one) => total + value(one), 0);
  row(
    `containerd and shims apart: resident, MiB (${front})`,
    sum(({ residentMib }) => residentMib),
    '',
  );
}

interface Usage {
  residentMib: number;
  cpuMs: number;
  written: number;
}

function usage(pid: number): Usage {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return {
    residentMib: Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024,
    cpuMs: (Number(fields[11]) + Number(fields[12])) * 10,
    written: Number(/^write_bytes: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1] ?? 0),
  };
}

/** containerd and its shims in this network namespace. */
function runtimeProcesses(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return /^containerd/.test(readFileSync(`/proc/${pid}/comm`, 'utf8')) && inThisNamespace(pid);
      } catch {
        return false;
      }
    });
}

const inThisNamespace = (pid: number): boolean =>
  readlinkSync(`/proc/${pid}/ns/net`) === readlinkSync('/proc/self/ns/net');

async function loopDelay(front: string, dataDir: string): Promise<void> {
  const kubeconfig = join(dataDir, 'resources/kubeadmin/kubeconfig');
  // The thousand are there to be listed: only pods that tolerate it are scheduled to this node from now on.
  await apiRequest(kubeconfig, 'PATCH', `/api/v1/nodes/${nodeName}`, { spec: { unschedulable: true } });
  await load(dataDir, ['-n', '1000', '-c', '16', 'fill']);
  await sleep(5_000);
  await apiRequest(kubeconfig, 'GET', '/metrics');
  await Promise.all([
    load(dataDir, ['-c', '2', '-d', '20s', 'list']),
    load(dataDir, ['-w', '200', '-n', '300', 'watchfan']),
    startPods(kubeconfig, 20),
  ]);
  const text = String(await apiRequest(kubeconfig, 'GET', '/metrics'));
  const value = (name: string): number =>
    Number(new RegExp(`^${name} (\\S+)`, 'm').exec(text)?.[1] ?? Number.NaN) * 1000 - monitorPeriodMs;
  row(`event-loop delay p99, ms (${front})`, value('nodejs_eventloop_lag_p99_seconds'), '≤ 10');
  row(`event-loop delay max, ms (${front})`, value('nodejs_eventloop_lag_max_seconds'), '≤ 50');
}

/** Resolves when all of them run. */
async function startPods(kubeconfig: string, count: number): Promise<void> {
  const path = '/api/v1/namespaces/default/pods';
  const beganMs = performance.now();
  for (let index = 0; index < count; index++) {
    await apiRequest(kubeconfig, 'POST', path, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: `bench-${index}`, labels: { app: 'bench' } },
      spec: {
        terminationGracePeriodSeconds: 0,
        tolerations: [{ key: 'node.kubernetes.io/unschedulable', operator: 'Exists' }],
        containers: [{ name: 'pause', image: 'registry.k8s.io/pause:3.10' }],
      },
    });
  }
  for (;;) {
    const list = (await apiRequest(kubeconfig, 'GET', `${path}?labelSelector=app%3Dbench`)) as {
      items: { status?: { phase?: string } }[];
    };
    const running = list.items.filter(({ status }) => status?.phase === 'Running').length;
    if (running === count) break;
    if (performance.now() - beganMs > 120_000) throw new Error(`${running} of ${count} pods run after 120 s`);
    await sleep(200);
  }
  row(`${count} pods created to Running under that load, s`, (performance.now() - beganMs) / 1000, '');
}

function load(dataDir: string, args: readonly string[]): Promise<void> {
  const admin = join(dataDir, 'certs/admin-kubeconfig-signer/admin-kubeconfig-client');
  const identity = ['-cert', join(admin, 'client.crt'), '-key', join(admin, 'client.key')];
  const child = spawn(flags.kbench as string, ['-server', 'https://127.0.0.1:6443', ...identity, ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
    signal: interruption,
  });
  return new Promise((done, fail) => {
    child.on('error', fail);
    child.on('close', (code) => (code === 0 ? done() : fail(new Error(`kbench ${args.join(' ')}: code ${code}`))));
  });
}

function command(...args: string[]): Promise<void> {
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, [bundle, ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
    child.on('error', fail);
    child.on('close', (code) => (code === 0 ? done() : fail(new Error(`nanoshift ${args[0]}: code ${code}`))));
  });
}

function row(name: string, value: number, bar: string): void {
  const shown = value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
  rows.push(`| ${name} | ${shown} | ${bar} |`);
  console.log(rows.at(-1));
}

function writeSection(table: string): void {
  const path = join(root, 'docs/performance.md');
  const text = readFileSync(path, 'utf8');
  const [begin, end] = ['<!-- begin node -->', '<!-- end node -->'];
  writeFileSync(
    path,
    `${text.slice(0, text.indexOf(begin) + begin.length)}\n${table}\n${text.slice(text.indexOf(end))}`,
  );
}

const sleep = (ms: number): Promise<void> => setTimeout(ms, undefined, { signal: interruption });

process.exitCode = flags.inside ? await inside() : await outside();
