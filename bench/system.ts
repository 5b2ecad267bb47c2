/**
 * Whole-system figures, nanoshift against upstream's API server and etcd, interleaved in one run on one machine. The
 * load generator runs on the same cores, so a server that needs little may be faster than it can ask: CPU time of the
 * servers for each request is told too, and it suffers less from whatever else the machine does.
 *
 *   npm run bench:system -- --kbench PATH --apiserver PATH --etcd PATH [--pairs 3] [--idle 60] [--fronts uws,node] [--only TEXT] [--write]
 *
 * --kbench is the load generator (one JSON line a figure). --only: loads whose name has TEXT in it. --write puts the table into docs/performance.md.
 */
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { apiRequest } from '../test/support/api-request.ts';
import { type Peer, startNanoshift, startUpstream } from './peers.ts';

const { values: flags } = parseArgs({
  options: {
    kbench: { type: 'string' },
    apiserver: { type: 'string' },
    etcd: { type: 'string', default: 'etcd' },
    pairs: { type: 'string', default: '3' },
    idle: { type: 'string', default: '60' },
    fronts: { type: 'string', default: 'uws,node' },
    only: { type: 'string', default: '' },
    write: { type: 'boolean', default: false },
  },
});
if (!flags.kbench || !flags.apiserver) {
  console.error('usage: npm run bench:system -- --kbench PATH --apiserver PATH [--etcd PATH] [--pairs N] [--write]');
  process.exit(2);
}
const kbench = flags.kbench;
const pairs = Number(flags.pairs);

interface Load {
  name: string;
  args: readonly string[];
  /** Field of kbench's JSON line, and whether more is better. */
  field: string;
  moreIsBetter: boolean;
  bar: string;
}

const loads: readonly Load[] = [
  {
    name: 'GET, 16 clients, /s',
    args: ['-c', '16', '-d', '4s', 'get'],
    field: 'ops_s',
    moreIsBetter: true,
    bar: '≥ 3×',
  },
  {
    name: 'LIST 1,000 pods JSON, 8 clients, /s',
    args: ['-c', '8', '-d', '4s', 'list'],
    field: 'ops_s',
    moreIsBetter: true,
    bar: '≥ 3×',
  },
  {
    name: 'LIST 1,000 pods protobuf, 8 clients, /s',
    args: ['-c', '8', '-d', '4s', '-accept', 'application/vnd.kubernetes.protobuf', 'list'],
    field: 'ops_s',
    moreIsBetter: true,
    bar: '≥ 3×',
  },
  {
    name: 'create, 1 client, /s',
    args: ['-c', '1', '-d', '3s', 'create'],
    field: 'ops_s',
    moreIsBetter: true,
    bar: '',
  },
  {
    name: 'create, 32 clients, /s',
    args: ['-c', '32', '-d', '4s', 'create'],
    field: 'ops_s',
    moreIsBetter: true,
    bar: '≥ 2×',
  },
  {
    name: 'merge patch, 16 clients, /s',
    args: ['-c', '16', '-d', '4s', 'patch'],
    field: 'ops_s',
    moreIsBetter: true,
    bar: '',
  },
  {
    name: 'apply, 16 clients, /s',
    args: ['-c', '16', '-d', '4s', 'apply'],
    field: 'ops_s',
    moreIsBetter: true,
    bar: '',
  },
  {
    name: 'watch, 100 watchers, p50 ms',
    args: ['-w', '100', '-n', '200', 'watchfan'],
    field: 'p50_ms',
    moreIsBetter: false,
    bar: '≤ 2 ms',
  },
];

/** How long a server may take to give memory back. */
const restMs = 20_000;
/** What the monitor behind /metrics counts as a delay of nothing: the period at which it looks. */
const monitorPeriodMs = 10;

const rows: string[] = [];
for (const front of flags.fronts.split(',') as ('uws' | 'node')[]) await compare(front);
const table = [
  '| figure | nanoshift | upstream | ratio | CPU of the server for each, µs | ratio | bar |',
  '|---|---|---|---|---|---|---|',
  ...rows,
].join('\n');
console.log(table);
if (flags.write) {
  const path = resolve(import.meta.dirname, '../docs/performance.md');
  const text = readFileSync(path, 'utf8');
  const [begin, end] = ['<!-- begin system -->', '<!-- end system -->'];
  writeFileSync(
    path,
    `${text.slice(0, text.indexOf(begin) + begin.length)}\n${table}\n${text.slice(text.indexOf(end))}`,
  );
}

async function compare(front: 'uws' | 'node'): Promise<void> {
  const cold = await startNanoshift({ front });
  await cold.stop();
  const ours = await startNanoshift({ front, dataDir: cold.dataDir });
  const theirs = await startUpstream({ apiserver: flags.apiserver as string, etcd: flags.etcd }, ours.dataDir);
  row(`ready, first boot, s (${front})`, cold.readyMs / 1000, undefined, '≤ 3 s');
  row(`ready, later, s (${front})`, ours.readyMs / 1000, theirs.readyMs / 1000, '≤ 1 s', false);
  try {
    await idle(front, ours, theirs);
    for (const peer of [ours, theirs]) await load(peer, ['-n', '1000', '-c', '16', 'fill']);
    for (const figure of loads.filter(({ name }) => name.includes(flags.only)))
      await measure(front, figure, ours, theirs);
    row(`resident after load, MiB (${front})`, ours.residentMib(), theirs.residentMib(), '≤ 300', false);
    await new Promise((done) => setTimeout(done, restMs));
    row(`resident ${restMs / 1000} s later, MiB (${front})`, ours.residentMib(), theirs.residentMib(), '≤ 200', false);
    if (front === 'uws') await loopDelay(ours);
  } finally {
    await ours.stop();
    await theirs.stop();
  }
}

async function idle(front: string, ours: Peer, theirs: Peer): Promise<void> {
  const seconds = Number(flags.idle);
  const before = [ours, theirs].map((peer) => ({ cpu: peer.cpuMs(), written: peer.writeBytes() }));
  await new Promise((done) => setTimeout(done, seconds * 1000));
  row(`resident idle, MiB (${front})`, ours.residentMib(), theirs.residentMib(), '≤ 120', false);
  const cpu = [ours, theirs].map((peer, i) => ((peer.cpuMs() - (before[i]?.cpu ?? 0)) / (seconds * 1000)) * 100);
  row(`idle CPU, % of a core (${front})`, cpu[0] ?? 0, cpu[1], '', false);
  const written = [ours, theirs].map(
    (peer, i) => ((peer.writeBytes() - (before[i]?.written ?? 0)) / 1024 / seconds) * 60,
  );
  row(`idle disk writes, KB/min (${front})`, written[0] ?? 0, written[1], '', false);
}

interface Sample {
  value: number;
  /** CPU time of the server for each request or delivery. */
  cpuUs: number;
}

/** One run of the load generator. */
async function sample(peer: Peer, figure: Load): Promise<Sample> {
  const beforeMs = peer.cpuMs();
  const result = await load(peer, figure.args);
  const spentMs = peer.cpuMs() - beforeMs;
  return { value: result[figure.field] ?? 0, cpuUs: (spentMs * 1000) / requestsOf(result, figure.args) };
}

function requestsOf(result: Record<string, number>, args: readonly string[]): number {
  const { ops_s: perSecond, updates = 0, watchers = 0 } = result;
  if (perSecond === undefined) return updates * watchers;
  return perSecond * Number.parseFloat(args[args.indexOf('-d') + 1] ?? '');
}

async function measure(front: string, figure: Load, ours: Peer, theirs: Peer): Promise<void> {
  const own: Sample[] = [];
  const other: Sample[] = [];
  for (let pair = 0; pair < pairs; pair++) {
    own.push(await sample(ours, figure));
    other.push(await sample(theirs, figure));
  }
  const ratios = own.map(({ value }, i) => (figure.moreIsBetter ? value / other[i]!.value : other[i]!.value / value));
  const cpuRatios = own.map(({ cpuUs }, i) => other[i]!.cpuUs / cpuUs);
  const [ownValue, otherValue] = [own, other].map((samples) => round(median(samples.map(({ value }) => value))));
  const [ownCpu, otherCpu] = [own, other].map((samples) => round(median(samples.map(({ cpuUs }) => cpuUs))));
  const cells = [
    `${figure.name} (${front})`,
    ownValue,
    otherValue,
    `${round(median(ratios))}×`,
    `${ownCpu} · ${otherCpu}`,
    `${round(median(cpuRatios))}×`,
    figure.bar,
  ];
  rows.push(`| ${cells.join(' | ')} |`);
  console.log(rows.at(-1));
}

/** Event-loop delay while a 1,000-pod list runs in a loop and 200 watchers are served, read from /metrics. */
async function loopDelay(ours: Peer): Promise<void> {
  await apiRequest(ours.kubeconfig, 'GET', '/metrics');
  await Promise.all([load(ours, ['-c', '2', '-d', '10s', 'list']), load(ours, ['-w', '200', '-n', '300', 'watchfan'])]);
  const text = String(await apiRequest(ours.kubeconfig, 'GET', '/metrics'));
  const value = (name: string): number =>
    Number(new RegExp(`^${name} (\\S+)`, 'm').exec(text)?.[1] ?? Number.NaN) * 1000 - monitorPeriodMs;
  row('event-loop delay p99, ms', value('nodejs_eventloop_lag_p99_seconds'), undefined, '≤ 10 ms');
  row('event-loop delay max, ms', value('nodejs_eventloop_lag_max_seconds'), undefined, '≤ 50 ms');
}

const attempts = 3;

/** Under load a server may cut a watcher off; then the run does not count. */
async function load(peer: Peer, args: readonly string[]): Promise<Record<string, number>> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await generate(peer, args);
    } catch (error) {
      if (attempt === attempts) throw error;
      console.error(`${String(error)}: once more`);
    }
  }
}

function generate(peer: Peer, args: readonly string[]): Promise<Record<string, number>> {
  const child = spawn(kbench, ['-server', peer.server, '-cert', peer.certFile, '-key', peer.keyFile, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  return new Promise((done, fail) => {
    child.on('close', (code) => {
      const lines = Buffer.concat(chunks).toString().trim().split('\n');
      if (code !== 0 || !lines[0]) fail(new Error(`${peer.name}: kbench ${args.join(' ')} ended with code ${code}`));
      else done(JSON.parse(lines[0]) as Record<string, number>);
    });
  });
}

function row(name: string, own: number, other: number | undefined, bar: string, moreIsBetter = true): void {
  const ratio = other === undefined ? '' : `${round(moreIsBetter ? own / other : other / own)}×`;
  rows.push(`| ${name} | ${round(own)} | ${other === undefined ? '' : round(other)} | ${ratio} | | | ${bar} |`);
  console.log(rows.at(-1));
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

function round(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
