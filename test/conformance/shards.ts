/** Runs upstream's suite binary over a set of specs, in several processes. */
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readReport, type Spec, type SpecResult } from './report.ts';

export interface Suite {
  /** Path of e2e.test. */
  binary: string;
  kubectl: string | undefined;
  kubeconfig: string;
  /** Logs and reports. */
  folder: string;
  processes: number;
  /** False: the nodes are facts of the API only. */
  nodes: boolean;
}

/** Splits the specs over the processes, longest first; those marked Serial run alone, at the end. */
export async function runShards(suite: Suite, specs: readonly Spec[], signal: AbortSignal): Promise<SpecResult[]> {
  const serial = specs.filter(({ codename }) => codename.includes('[Serial]'));
  const parallel = specs.filter((spec) => !serial.includes(spec)).sort((a, b) => b.seconds - a.seconds);
  const count = Math.min(suite.processes, parallel.length);
  const shards: Spec[][] = Array.from({ length: count }, () => []);
  for (const [index, spec] of parallel.entries()) shards[index % count]?.push(spec);
  const results = await Promise.all(shards.map((shard, index) => runShard(suite, shard, `shard-${index + 1}`, signal)));
  if (serial.length > 0 && !signal.aborted) results.push(await runShard(suite, serial, 'shard-serial', signal));
  return results.flat();
}

async function runShard(
  suite: Suite,
  shard: readonly Spec[],
  name: string,
  signal: AbortSignal,
): Promise<SpecResult[]> {
  const report = join(suite.folder, `${name}.json`);
  const focus = shard.map((spec) => spec.codename.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|');
  const args = [
    `--ginkgo.focus=${focus}`,
    `--ginkgo.json-report=${report}`,
    '--ginkgo.no-color',
    '--ginkgo.timeout=90m',
    '--provider=skeleton',
    `--allowed-not-ready-nodes=${suite.nodes ? 0 : -1}`,
    `--kubeconfig=${suite.kubeconfig}`,
    ...(suite.kubectl ? [`--kubectl-path=${suite.kubectl}`] : []),
  ];
  const child = spawn(suite.binary, args, {
    ...{ stdio: ['ignore', 'pipe', 'pipe'], cwd: suite.folder },
    // Told kindly, it would clean up in a cluster that is about to go.
    ...{ signal, killSignal: 'SIGKILL' },
  });
  const log = join(suite.folder, `${name}.log`);
  const chunks: Buffer[] = [];
  const collect = (chunk: Buffer): void => {
    chunks.push(chunk);
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  child.on('error', (error) => chunks.push(Buffer.from(`${error}\n`)));
  await new Promise<void>((done) => child.on('close', () => done()));
  writeFileSync(log, Buffer.concat(chunks));
  try {
    return readReport(readFileSync(report, 'utf8'), shard);
  } catch (error) {
    return shard.map((spec) => ({ spec, passed: false, cause: `no report: ${String(error)}`, seconds: 0 }));
  }
}
