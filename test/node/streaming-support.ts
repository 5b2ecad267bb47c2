/** For the tests of streams: a containerd in a network namespace of its own, and API servers over both fronts. */
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Discovery } from '../../src/api/discovery/index.ts';
import { createHttpServer, type HttpServer } from '../../src/api/http/index.ts';
import { TestAuthority } from '../../src/api/http/test-support.ts';
import { type TestCluster, testCluster } from '../../src/api/testing/cluster.ts';
import { versionPath } from '../../src/api/health/index.ts';
import { defaultBudget } from '../../src/config/budget.ts';
import { type CriClient, createCriClient, CriError, grpcCode } from '../../src/kubelet/cri/index.ts';
import { ensurePauseImage, importImage, ownArchitecture, writeImage } from '../../src/kubelet/images/index.ts';
import { createStreaming, type Streaming } from '../../src/kubelet/streaming/index.ts';
import { runtimeLabels } from '../../src/kubelet/types.ts';
import { silentLogger, systemClock } from '../../src/kernel/index.ts';
import { definitions } from '../../src/resources/index.ts';
import type { ContainerStatus, Pod } from '../../src/schema/generated/index.ts';
import { referenceCodec } from '../../src/schema/index.ts';

export const run = promisify(execFile);
const searchPath = `${process.env['PATH']}:/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/sbin`;
process.env['PATH'] = searchPath;

const has = (program: string): boolean => spawnSync('which', [program]).status === 0;

/** What `StreamNode` needs of the machine. */
export const streamPrograms: readonly string[] = ['containerd', 'runc', 'ip', 'nsenter', 'busybox'];

export interface Front {
  adapter: 'uws' | 'node';
  port: number;
}

export interface PodOptions {
  name?: string;
  tty?: boolean;
  stdin?: boolean;
  /** Of the first container. */
  port?: number;
  /** Container name → what its shell runs. */
  containers: Readonly<Record<string, string>>;
}

export interface RunningPod {
  name: string;
  uid: string;
  sandboxId: string;
  ip: string;
  containers: Record<string, string>;
}

/** A node as far as streams need one. */
export class StreamNode {
  readonly directory: string;
  readonly cri: CriClient;
  readonly cluster: TestCluster;
  readonly streaming: Streaming;
  readonly fronts: readonly Front[];
  readonly #containerd: ChildProcess;
  readonly #servers: readonly HttpServer[];
  readonly #sandboxes = new Set<string>();

  private constructor(parts: {
    directory: string;
    cri: CriClient;
    cluster: TestCluster;
    streaming: Streaming;
    containerd: ChildProcess;
    servers: readonly HttpServer[];
    fronts: readonly Front[];
  }) {
    this.directory = parts.directory;
    this.cri = parts.cri;
    this.cluster = parts.cluster;
    this.streaming = parts.streaming;
    this.fronts = parts.fronts;
    this.#containerd = parts.containerd;
    this.#servers = parts.servers;
  }

  static async start(budget: Partial<typeof defaultBudget> = {}): Promise<StreamNode> {
    const directory = mkdtempSync(join(tmpdir(), 'nst-'));
    const socketPath = join(directory, 'c.sock');
    const containerd = startContainerd(directory, socketPath);
    const cri = createCriClient({ socketPath, clock: systemClock, log: silentLogger });
    await untilReady(cri);
    await ensurePauseImage({ cri, socketPath, folder: directory, log: silentLogger });
    await importBusybox(socketPath, directory, busybox);

    const connects = new Map();
    const served = { definitions: () => definitions, codec: referenceCodec, clock: systemClock };
    const discovery = new Discovery({ ...served, serverAddress: () => '127.0.0.1:6443' });
    const cluster = await testCluster({ definitions, connects, paths: [...discovery.paths(), versionPath] });
    const streaming = createStreaming({
      cri,
      client: cluster.api.client({ name: 'system:kube-apiserver', groups: ['system:masters'] }),
      clock: systemClock,
      log: silentLogger,
      nodeName: 'here',
      paths: { root: join(directory, 'kubelet'), podLogs: join(directory, 'pods') },
      budget: { ...defaultBudget, ...budget },
    });
    for (const [key, handler] of streaming.handlers) connects.set(key, handler);
    const { servers, fronts } = await openFronts(cluster);
    await cluster.ask('POST', '/api/v1/namespaces', { body: namespace('default') });
    return new StreamNode({ directory, cri, cluster, streaming, containerd, servers, fronts });
  }

  /** Runs containers of busybox's shell, and tells the API about them. */
  async runPod({
    name = `pod-${randomUUID().slice(0, 8)}`,
    containers,
    tty,
    stdin,
    port,
  }: PodOptions): Promise<RunningPod> {
    const uid = await this.#createPod(name, Object.keys(containers), {
      tty: tty ?? false,
      stdin: stdin ?? false,
      ...(port && { ports: [{ containerPort: port }] }),
    });
    const sandbox = {
      metadata: { name, namespace: 'default', uid, attempt: 0 },
      logDirectory: join(this.directory, 'pods', `default_${name}_${uid}`),
      labels: { [runtimeLabels.podName]: name, [runtimeLabels.podNamespace]: 'default', [runtimeLabels.podUid]: uid },
      linux: { securityContext: {} },
    };
    const { podSandboxId } = await this.cri.call('RunPodSandbox', { config: sandbox });
    this.#sandboxes.add(podSandboxId);
    const ids: Record<string, string> = {};
    for (const [container, script] of Object.entries(containers)) {
      mkdirSync(join(sandbox.logDirectory, container), { recursive: true });
      const { containerId } = await this.cri.call('CreateContainer', {
        podSandboxId,
        sandboxConfig: sandbox,
        config: {
          metadata: { name: container, attempt: 0 },
          image: { image: busybox },
          command: ['/bin/sh', '-c', script],
          logPath: `${container}/0.log`,
          labels: { ...sandbox.labels, [runtimeLabels.containerName]: container },
          tty: tty ?? false,
          stdin: stdin ?? false,
          stdinOnce: stdin ?? false,
          linux: { securityContext: {} },
        },
      });
      await this.cri.call('StartContainer', { containerId });
      ids[container] = containerId;
    }
    const { status } = await this.cri.call('PodSandboxStatus', { podSandboxId });
    const pod = { name, uid, sandboxId: podSandboxId, ip: status?.network?.ip ?? '', containers: ids };
    await this.setStatus(pod, statusOf(pod));
    return pod;
  }

  /** Writes the pod's status with other states of containers. */
  async setStatus(pod: RunningPod, change: Pod['status']): Promise<void> {
    const path = `/api/v1/namespaces/default/pods/${pod.name}/status`;
    const { status, text } = await this.cluster.ask('PATCH', path, {
      headers: { 'content-type': 'application/merge-patch+json' },
      body: { status: change },
    });
    if (status !== 200) throw new Error(text);
  }

  /** Another state of the pod's only container. */
  setContainer(pod: RunningPod, change: Partial<ContainerStatus>): Promise<void> {
    const [status] = statusOf(pod)?.containerStatuses ?? [];
    return this.setStatus(pod, { containerStatuses: [{ ...status!, ...change }] });
  }

  async #createPod(name: string, names: readonly string[], more: object): Promise<string> {
    const { status, text, json } = await this.cluster.ask('POST', '/api/v1/namespaces/default/pods', {
      body: {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name },
        spec: {
          nodeName: 'here',
          containers: names.map((container) => ({ name: container, image: busybox, ...more })),
        },
      },
    });
    if (status !== 201) throw new Error(text);
    return (json as Pod).metadata.uid ?? '';
  }

  async stop(): Promise<void> {
    this.streaming.stop();
    for (const server of this.#servers) await server.close(0);
    await this.cluster.close();
    for (const podSandboxId of this.#sandboxes) {
      await this.cri.call('StopPodSandbox', { podSandboxId });
      await this.cri.call('RemovePodSandbox', { podSandboxId });
    }
    this.cri.close();
    const ended = new Promise((done) => this.#containerd.on('exit', done));
    this.#containerd.kill('SIGTERM');
    await ended;
    rmSync(this.directory, { recursive: true, force: true });
  }
}

const statusOf = (pod: RunningPod): Pod['status'] => ({
  phase: 'Running',
  podIP: pod.ip,
  podIPs: [{ ip: pod.ip }],
  containerStatuses: Object.entries(pod.containers).map(([name, id]) => ({
    name,
    image: busybox,
    imageID: busybox,
    ready: true,
    started: true,
    restartCount: 0,
    containerID: `containerd://${id}`,
    state: { running: { startedAt: '2026-01-01T00:00:00Z' } },
  })),
});

export const busybox = 'registry.local/busybox:1';

function startContainerd(directory: string, socketPath: string): ChildProcess {
  const config = join(directory, 'containerd.toml');
  writeFileSync(config, containerdConfig(directory, socketPath));
  mkdirSync(join(directory, 'cni'), { recursive: true });
  writeFileSync(join(directory, 'cni/10.conflist'), JSON.stringify(network(directory)));
  const log = openSync(join(directory, 'containerd.log'), 'a');
  const child = spawn('containerd', ['-c', config], { stdio: ['ignore', log, log] });
  closeSync(log);
  return child;
}

const containerdConfig = (directory: string, socketPath: string): string => `
version = 2
root = "${directory}/root"
state = "${directory}/state"
oom_score = 0
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs","io.containerd.snapshotter.v1.zfs","io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.devmapper","io.containerd.internal.v1.tracing","io.containerd.tracing.processor.v1.otlp"]
[grpc]
  address = "${socketPath}"
[ttrpc]
  address = "${socketPath}.ttrpc"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "registry.k8s.io/pause:3.10"
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  disable_apparmor = true
  restrict_oom_score_adj = true
  tolerate_missing_hugetlb_controller = true
  disable_hugetlb_controller = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${['/usr/lib/cni', '/opt/cni/bin'].find((folder) => existsSync(folder))}"
    conf_dir = "${directory}/cni"
`;

const network = (directory: string): object => ({
  cniVersion: '1.0.0',
  name: 'streams',
  plugins: [
    {
      type: 'bridge',
      bridge: 'nst0',
      isGateway: true,
      isDefaultGateway: true,
      ipam: { type: 'host-local', dataDir: join(directory, 'ipam'), ranges: [[{ subnet: '10.99.0.0/24' }]] },
    },
  ],
});

async function untilReady(cri: CriClient): Promise<void> {
  for (const endMs = Date.now() + 20_000; ; ) {
    try {
      const { status } = await cri.call('Status', {});
      if (status?.conditions.every((condition) => condition.status)) return;
    } catch (error) {
      if (!(error instanceof CriError) || error.code !== grpcCode.unavailable) throw error;
    }
    if (Date.now() > endMs) throw new Error('containerd did not become ready');
    await systemClock.sleep(50);
  }
}

/** An image of busybox with all its applets. */
export async function importBusybox(socketPath: string, directory: string, name: string): Promise<void> {
  const { stdout: path } = await run('which', ['busybox']);
  const { stdout: applets } = await run('busybox', ['--list']);
  const file = join(directory, 'busybox.tar');
  const program = readFileSync(path.trim());
  await writeImage(
    {
      names: [name],
      architecture: ownArchitecture()!,
      config: { Env: ['PATH=/bin'], Cmd: ['sh'] },
      layers: [
        [
          { type: 'folder', path: 'bin' },
          { type: 'file', path: 'bin/busybox', mode: 0o755, content: program },
          ...applets
            .split('\n')
            .filter((name) => name !== '' && name !== 'busybox')
            .map((name) => ({ type: 'symlink', path: `bin/${name}`, target: 'busybox' }) as const),
          { type: 'folder', path: 'tmp', mode: 0o1777 },
        ],
      ],
    },
    file,
  );
  await importImage(socketPath, file);
}

async function openFronts(cluster: TestCluster): Promise<{ servers: HttpServer[]; fronts: Front[] }> {
  const authority = await TestAuthority.create('ca');
  const { certFile, keyFile } = await authority.issue('CN=one', ['localhost', '127.0.0.1']);
  const servers: HttpServer[] = [];
  const fronts: Front[] = [];
  for (const adapter of ['uws', 'node'] as const) {
    const server = await createHttpServer({
      host: '127.0.0.1',
      port: 0,
      certFile,
      keyFile,
      clientCaFile: authority.caFile,
      handler: cluster.api.handle,
      bodyLimitBytes: 3 << 20,
      headerLimitBytes: 64 << 10,
      writeBufferLimitBytes: 1 << 20,
      idleTimeoutMs: 120_000,
      adapter,
      log: silentLogger,
    });
    servers.push(server);
    fronts.push({ adapter, port: (await server.listen()).port });
  }
  return { servers, fronts };
}

const namespace = (name: string): object => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });

export interface CommandResult {
  code: number | null;
  stdout: Buffer;
  stderr: string;
}

/** Paths of the kubectls to test with: $KUBECTL, separated by colons, or the one on the PATH. */
export const kubectls: readonly string[] = process.env['KUBECTL']?.split(':') ?? (has('kubectl') ? ['kubectl'] : []);

export function kubectl(
  path: string,
  { port }: Front,
  args: readonly string[],
  input?: Uint8Array | string,
  env: Readonly<Record<string, string>> = {},
): Promise<CommandResult> {
  const child = startKubectl(path, { port }, args, env);
  const stdout: Buffer[] = [];
  let stderr = '';
  child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk;
  });
  child.stdin?.on('error', () => {});
  child.stdin?.end(input);
  return new Promise((done) => child.on('close', (code) => done({ code, stdout: Buffer.concat(stdout), stderr })));
}

let homeFolder: string | undefined;

/** Where kubectl keeps what it has discovered: gone when the tests have ended. */
function home(): string {
  if (homeFolder === undefined) {
    const folder = mkdtempSync(join(tmpdir(), 'nst-home-'));
    process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
    homeFolder = folder;
  }
  return homeFolder;
}

export const serverFlags = ({ port }: Pick<Front, 'port'>): string[] => [
  '--server',
  `https://127.0.0.1:${port}`,
  '--insecure-skip-tls-verify',
  '--token',
  'any',
];

/** Resolves when the child has written a line of this kind to its standard output. */
export function lineOf(child: ChildProcess, pattern: RegExp): Promise<void> {
  let text = '';
  return new Promise((done, fail) => {
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk;
      if (pattern.test(text)) done();
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      text += chunk;
    });
    child.on('close', () => fail(new Error(`ended without ${pattern}: ${text}`)));
  });
}

export function startKubectl(
  path: string,
  { port }: Pick<Front, 'port'>,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): ChildProcess {
  return spawn(path, [...serverFlags({ port }), ...args], { env: { PATH: searchPath, HOME: home(), ...env } });
}
