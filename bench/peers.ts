/** Starts the two systems that bench/system.ts compares: nanoshift's bundle, and upstream's API server with etcd. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { apiRequest } from '../test/support/api-request.ts';
import { ended, freePort } from '../test/support/server.ts';

const root = resolve(import.meta.dirname, '..');

export interface Peer {
  name: string;
  server: string;
  kubeconfig: string;
  certFile: string;
  keyFile: string;
  /** Milliseconds from spawn to the first 200 of /readyz. */
  readyMs: number;
  /** VmRSS of all processes, MiB. */
  residentMib(): number;
  /** CPU time of all processes so far, ms. */
  cpuMs(): number;
  writeBytes(): number;
  stop(): Promise<void>;
}

export interface NanoshiftOptions {
  front: 'uws' | 'node';
  /** Existing data directory: a warm start. */
  dataDir?: string;
  profile?: string;
}

export async function startNanoshift(options: NanoshiftOptions): Promise<Peer & { dataDir: string }> {
  const port = await freePort();
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'nanoshift-bench-'));
  const config = join(dataDir, 'bench.yaml');
  mkdirSync(dataDir, { recursive: true });
  writeFileSync(config, `apiServer: {port: ${port}, front: ${options.front}}\nruntime: {mode: none}\n`);
  const log: string[] = [];
  const beganMs = performance.now();
  const child = spawn(
    process.execPath,
    [
      join(root, 'dist/nanoshift.mjs'),
      'run',
      '--config',
      config,
      '--data-dir',
      dataDir,
      '--profile',
      options.profile ?? 'default',
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  child.stderr.on('data', (chunk: Buffer) => log.push(chunk.toString()));
  child.stdout.resume();
  const kubeconfig = join(dataDir, 'resources/kubeadmin/kubeconfig');
  await untilReady(kubeconfig, child, log);
  const readyMs = performance.now() - beganMs;
  return {
    ...peer(`nanoshift (${options.front})`, `https://127.0.0.1:${port}`, kubeconfig, dataDir, [child]),
    readyMs,
    dataDir,
  };
}

/** Upstream reuses the certificates that nanoshift made in `pkiDir`. */
export async function startUpstream(binaries: { apiserver: string; etcd: string }, pkiDir: string): Promise<Peer> {
  const [port, clientPort, peerPort] = [await freePort(), await freePort(), await freePort()];
  const folder = mkdtempSync(join(tmpdir(), 'upstream-bench-'));
  const log: string[] = [];
  const etcd = spawn(
    binaries.etcd,
    [
      `--data-dir=${folder}/etcd`,
      `--listen-client-urls=http://127.0.0.1:${clientPort}`,
      `--advertise-client-urls=http://127.0.0.1:${clientPort}`,
      `--listen-peer-urls=http://127.0.0.1:${peerPort}`,
      `--initial-advertise-peer-urls=http://127.0.0.1:${peerPort}`,
      `--initial-cluster=default=http://127.0.0.1:${peerPort}`,
    ],
    { stdio: 'ignore' },
  );
  const certs = join(pkiDir, 'certs');
  const serving = join(certs, 'kube-apiserver-localhost-signer/kube-apiserver-localhost-serving');
  const accountKey = join(pkiDir, 'resources/kube-apiserver/secrets/service-account-key');
  const beganMs = performance.now();
  const apiserver = spawn(
    binaries.apiserver,
    [
      `--etcd-servers=http://127.0.0.1:${clientPort}`,
      `--secure-port=${port}`,
      '--bind-address=127.0.0.1',
      `--tls-cert-file=${serving}/server.crt`,
      `--tls-private-key-file=${serving}/server.key`,
      `--client-ca-file=${certs}/ca-bundle/client-ca.crt`,
      `--service-account-key-file=${accountKey}/service-account.pub`,
      `--service-account-signing-key-file=${accountKey}/service-account.key`,
      '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
      '--service-cluster-ip-range=10.43.0.0/16',
      '--authorization-mode=RBAC',
      '--storage-media-type=application/vnd.kubernetes.protobuf',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  apiserver.stderr.on('data', (chunk: Buffer) => log.push(chunk.toString()));
  const kubeconfig = join(folder, 'kubeconfig');
  const own = readFileSync(join(pkiDir, 'resources/kubeadmin/kubeconfig'), 'utf8');
  writeFileSync(kubeconfig, own.replace(/server: .*/, `server: https://localhost:${port}`));
  await untilReady(kubeconfig, apiserver, log);
  const readyMs = performance.now() - beganMs;
  return { ...peer('upstream', `https://127.0.0.1:${port}`, kubeconfig, pkiDir, [apiserver, etcd]), readyMs };
}

function peer(
  name: string,
  server: string,
  kubeconfig: string,
  pkiDir: string,
  children: ChildProcess[],
): Omit<Peer, 'readyMs'> {
  const admin = join(pkiDir, 'certs/admin-kubeconfig-signer/admin-kubeconfig-client');
  const sum = (read: (pid: number) => number): number =>
    children.reduce((total, child) => total + read(child.pid as number), 0);
  return {
    name,
    server,
    kubeconfig,
    certFile: join(admin, 'client.crt'),
    keyFile: join(admin, 'client.key'),
    residentMib: () =>
      sum((pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024),
    cpuMs: () =>
      sum((pid) => {
        const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
        return (Number(fields[11]) + Number(fields[12])) * 10;
      }),
    writeBytes: () =>
      sum((pid) => Number(/^write_bytes: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1] ?? 0)),
    stop: async () => {
      for (const child of children) await ended(child, 'SIGTERM');
    },
  };
}

async function untilReady(kubeconfig: string, child: ChildProcess, log: readonly string[]): Promise<void> {
  for (const deadlineMs = performance.now() + 120_000; performance.now() < deadlineMs; ) {
    const end = child.exitCode ?? child.signalCode;
    if (end !== null) throw new Error(`the server ended with ${end}:\n${log.join('').slice(-3000)}`);
    try {
      await apiRequest(kubeconfig, 'GET', '/readyz');
      return;
    } catch {
      await new Promise((done) => setTimeout(done, 10));
    }
  }
  throw new Error('the server did not become ready in 120 s');
}
