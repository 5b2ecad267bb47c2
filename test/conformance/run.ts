/**
 * Runs upstream's real conformance suite against nanoshift, in a network namespace of its own.
 *
 *   npm run conformance -- --e2e PATH --nodeless [--kubectl PATH] [--focus REGEX] [--area A] [--later] [--procs N]
 *                          [--front uws|node] [--store sqlite|etcd|memory] [--repeat N] [--write]
 *
 * --nodeless runs the specs that need no kubelet, with two Node objects made through the API. --write puts the counts
 * into docs/conformance.md. Exit code 1 when a spec failed.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { stringify } from 'yaml';
import { startEtcd } from '../support/etcd.ts';
import { junit, loadSpecs, readReport, renderResults, replaceSection, type Spec, type SpecResult } from './report.ts';

const root = resolve(import.meta.dirname, '../..');
const { values: flags } = parseArgs({
  options: {
    e2e: { type: 'string' },
    kubectl: { type: 'string' },
    nodeless: { type: 'boolean', default: false },
    later: { type: 'boolean', default: false },
    focus: { type: 'string' },
    area: { type: 'string' },
    procs: { type: 'string', default: '6' },
    front: { type: 'string', default: 'auto' },
    store: { type: 'string', default: 'sqlite' },
    repeat: { type: 'string', default: '1' },
    write: { type: 'boolean', default: false },
    out: { type: 'string' },
    inside: { type: 'boolean', default: false },
  },
});

if (!flags.e2e || !flags.nodeless) {
  console.error(
    'usage: npm run conformance -- --e2e PATH --nodeless [--kubectl PATH] [--focus REGEX] [--area AREA] [--later]',
  );
  process.exit(2);
}
process.exitCode = flags.inside ? await inside() : await outside();

/** Makes the namespace, runs itself in it, removes it. */
async function outside(): Promise<number> {
  const name = `nanoshift-e2e-${process.pid}`;
  const ip = (...args: string[]): Promise<number> => run('ip', args);
  if ((await ip('netns', 'add', name)) !== 0) {
    console.error('cannot make a network namespace: run as root with iproute2 installed');
    return 1;
  }
  try {
    await ip('-n', name, 'link', 'set', 'lo', 'up');
    await ip('-n', name, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth1');
    await ip('-n', name, 'link', 'set', 'eth1', 'up');
    await ip('-n', name, 'addr', 'add', '192.0.2.10/24', 'dev', 'eth0');
    await ip('-n', name, 'link', 'set', 'eth0', 'up');
    return await run('ip', [
      'netns',
      'exec',
      name,
      process.execPath,
      import.meta.filename,
      ...process.argv.slice(2),
      '--inside',
    ]);
  } finally {
    await ip('netns', 'delete', name);
  }
}

async function inside(): Promise<number> {
  const specs = choose();
  const out = flags.out ?? mkdtempSync(join(tmpdir(), 'nanoshift-e2e-'));
  mkdirSync(out, { recursive: true });
  console.log(`${specs.length} specs; logs in ${out}`);
  let worst: SpecResult[] = [];
  for (let round = 1; round <= Number(flags.repeat); round++) {
    const folder = join(out, `round-${round}`);
    mkdirSync(folder, { recursive: true });
    const results = await oneRound(specs, folder);
    const failed = results.filter((result) => !result.passed);
    console.log(`round ${round}: ${results.length - failed.length} passed, ${failed.length} failed`);
    for (const { spec, cause } of failed) console.log(`  FAIL ${spec.codename}\n       ${cause}`);
    writeFileSync(join(folder, 'junit.xml'), junit(results));
    if (round === 1 || failed.length > worst.filter((result) => !result.passed).length) worst = results;
  }
  if (flags.write) {
    const path = join(root, 'docs/conformance.md');
    const title = `Nodeless specs, ${flags.repeat} runs in a row (the worst is shown), front ${flags.front}, store ${flags.store}`;
    writeFileSync(path, replaceSection(readFileSync(path, 'utf8'), 'nodeless', renderResults(worst, title, 446)));
  }
  return worst.every((result) => result.passed) ? 0 : 1;
}

function choose(): Spec[] {
  const focus = flags.focus ? new RegExp(flags.focus) : undefined;
  return loadSpecs()
    .filter((spec) => spec.stage === 'nodeless' || (flags.later && spec.stage === 'nodeless-later'))
    .filter((spec) => !focus || focus.test(spec.codename))
    .filter((spec) => !flags.area || spec.area === flags.area);
}

async function oneRound(specs: readonly Spec[], folder: string): Promise<SpecResult[]> {
  const etcd = flags.store === 'etcd' ? await startEtcd() : undefined;
  try {
    const server = await startServer(folder, etcd?.endpoint);
    try {
      await makeNodes(server.kubeconfig);
      return await runShards(specs, server.kubeconfig, folder);
    } finally {
      await server.stop();
    }
  } finally {
    await etcd?.dispose();
  }
}

async function startServer(
  folder: string,
  etcdEndpoint?: string,
): Promise<{ kubeconfig: string; stop(): Promise<void> }> {
  const data = join(folder, 'data');
  const config = join(folder, 'config.yaml');
  const store = { backend: flags.store, ...(etcdEndpoint && { etcd: { endpoints: [etcdEndpoint] } }) };
  const apiServer = { front: flags.front };
  writeFileSync(config, stringify({ node: { hostnameOverride: 'node-1', nodeIP: '192.0.2.10' }, apiServer, store }));
  const log = join(folder, 'nanoshift.log');
  const child = spawn(
    process.execPath,
    [join(root, 'dist/nanoshift.mjs'), 'run', '--config', config, '--data-dir', data],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const chunks: string[] = [];
  const ready = new Promise<void>((done, fail) => {
    const collect = (chunk: Buffer): void => {
      chunks.push(chunk.toString());
      if (chunk.includes('nanoshift ready')) done();
    };
    child.stderr.on('data', collect);
    child.stdout.on('data', collect);
    child.on('exit', (code) => {
      writeFileSync(log, chunks.join(''));
      fail(new Error(`nanoshift ended with code ${code}:\n${chunks.join('').slice(-2000)}`));
    });
  });
  await ready;
  return {
    kubeconfig: join(data, 'resources/kubeadmin/kubeconfig'),
    async stop() {
      await ended(child, 'SIGTERM');
      writeFileSync(log, chunks.join(''));
    },
  };
}

/** Two Ready nodes as facts of the API: 4 CPU, 8 Gi, 110 pods, an InternalIP each. */
async function makeNodes(kubeconfig: string): Promise<void> {
  const { apiRequest } = await import('../support/api-request.ts');
  const resources = { cpu: '4', memory: '8Gi', pods: '110', 'ephemeral-storage': '20Gi' };
  for (const [index, name] of ['node-1', 'node-2'].entries()) {
    const node = {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: {
        name,
        labels: { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': 'amd64' },
      },
    };
    const created = await apiRequest(kubeconfig, 'POST', '/api/v1/nodes', node);
    const status = {
      capacity: resources,
      allocatable: resources,
      addresses: [
        { type: 'InternalIP', address: `192.0.2.${10 + index}` },
        { type: 'Hostname', address: name },
      ],
      conditions: [
        {
          type: 'Ready',
          status: 'True',
          reason: 'KubeletReady',
          lastHeartbeatTime: `${new Date().toISOString().slice(0, 19)}Z`,
        },
      ],
    };
    await apiRequest(kubeconfig, 'PUT', `/api/v1/nodes/${name}/status`, { ...(created as object), status });
    const taintFree = await apiRequest(kubeconfig, 'PATCH', `/api/v1/nodes/${name}`, { spec: { taints: null } });
    if (!taintFree) throw new Error('node was not made');
  }
}

/** Splits the specs over N suite processes, longest first, and collects their reports. */
async function runShards(specs: readonly Spec[], kubeconfig: string, folder: string): Promise<SpecResult[]> {
  const count = Math.min(Number(flags.procs), specs.length);
  const shards: Spec[][] = Array.from({ length: count }, () => []);
  for (const [index, spec] of [...specs].sort((a, b) => b.seconds - a.seconds).entries())
    shards[index % count]?.push(spec);
  const results = await Promise.all(shards.map((shard, index) => runShard(shard, index + 1, kubeconfig, folder)));
  return results.flat();
}

async function runShard(
  shard: readonly Spec[],
  number: number,
  kubeconfig: string,
  folder: string,
): Promise<SpecResult[]> {
  const report = join(folder, `shard-${number}.json`);
  const focus = shard.map((spec) => spec.codename.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|');
  const args = [
    `--ginkgo.focus=${focus}`,
    `--ginkgo.json-report=${report}`,
    '--ginkgo.no-color',
    '--ginkgo.timeout=30m',
    '--provider=skeleton',
    '--allowed-not-ready-nodes=-1',
    `--kubeconfig=${kubeconfig}`,
    ...(flags.kubectl ? [`--kubectl-path=${flags.kubectl}`] : []),
  ];
  const child = spawn(flags.e2e as string, args, { stdio: ['ignore', 'pipe', 'pipe'], cwd: folder });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
  await new Promise<void>((done) => child.on('close', () => done()));
  writeFileSync(join(folder, `shard-${number}.log`), Buffer.concat(chunks));
  try {
    return readReport(readFileSync(report, 'utf8'), shard);
  } catch (error) {
    return shard.map((spec) => ({ spec, passed: false, cause: `no report: ${String(error)}`, seconds: 0 }));
  }
}

function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  return new Promise((done) => {
    if (child.exitCode !== null) return done();
    child.removeAllListeners('exit');
    child.on('exit', () => done());
    child.kill(signal);
  });
}

function run(command: string, args: readonly string[]): Promise<number> {
  return new Promise((done) => {
    spawn(command, args, { stdio: 'inherit' }).on('close', (code) => done(code ?? 1));
  });
}
