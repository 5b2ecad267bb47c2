/** For tests of the container runtime: a node's folders, images and pods, all removed at the end. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dataPaths } from '../../src/config/index.ts';
import { silentLogger, systemClock } from '../../src/kernel/index.ts';
import { createCgroups } from '../../src/kubelet/cgroups/index.ts';
import { type CriClient, CriError, grpcCode } from '../../src/kubelet/cri/index.ts';
import { importImage, ownArchitecture, pauseImage, writeImage } from '../../src/kubelet/images/index.ts';
import { cleanupRuntime, openRuntime, type OpenRuntimeOptions, type Runtime } from '../../src/kubelet/runtime/index.ts';
import type { Cgroups } from '../../src/kubelet/types.ts';
import type { PodSpec } from '../../src/schema/generated/index.ts';

export const sandboxImage = 'registry.k8s.io/pause:3.10';
export const busybox = 'localhost/busybox:test';
const applets = ['cat', 'dd', 'echo', 'sh', 'sleep', 'tail', 'true'];

export interface PodHandle {
  sandboxId: string;
  cgroupParent: string;
  /** Makes and starts a container that runs this shell script; resolves with its id. */
  run(script: string, memoryBytes?: number): Promise<string>;
}

export interface PodOptions {
  runtimeHandler?: string;
  /** For its control group. */
  spec?: PodSpec;
}

export class RuntimeNode implements AsyncDisposable {
  readonly root = mkdtempSync(join(tmpdir(), 'nsr-'));
  readonly paths = dataPaths(this.root);
  readonly #opened = new Set<Runtime>();
  cgroups: Promise<Cgroups> | undefined;
  #driver: Runtime['cgroupDriver'] = 'cgroupfs';
  #hasImages = false;
  #pods = 0;

  /** As often as one likes: each is a nanoshift of its own for the same folders. */
  async open(options: Partial<OpenRuntimeOptions> = {}): Promise<Runtime> {
    this.#writeNetwork();
    const runtime = await openRuntime({
      mode: 'own',
      endpoint: '',
      handler: 'auto',
      paths: this.paths,
      sandboxImage,
      clock: systemClock,
      log: silentLogger,
      ...options,
    });
    this.#opened.add(runtime);
    this.#driver = runtime.cgroupDriver;
    if (!this.#hasImages) await this.#importImages(runtime.socketPath);
    this.#hasImages = true;
    return runtime;
  }

  async close(runtime: Runtime): Promise<void> {
    this.#opened.delete(runtime);
    await runtime.stop();
  }

  async pod(
    cri: CriClient,
    { runtimeHandler = '', spec = { containers: [{ name: 'c' }] } }: PodOptions = {},
  ): Promise<PodHandle> {
    const number = ++this.#pods;
    const uid = `uid-${process.pid}-${number}`;
    const cgroups = await this.#makeCgroups();
    const cgroupParent = await cgroups.ensurePod({ metadata: { name: `p${number}`, uid }, spec });
    const logDirectory = join(this.paths.podLogs, uid);
    mkdirSync(logDirectory, { recursive: true });
    const sandboxConfig = {
      metadata: { name: `p${number}`, namespace: 'test', uid, attempt: 0 },
      hostname: `p${number}`,
      logDirectory,
      linux: { cgroupParent },
    };
    const { podSandboxId } = await cri.call('RunPodSandbox', { config: sandboxConfig, runtimeHandler });
    let attempt = 0;
    return {
      sandboxId: podSandboxId,
      cgroupParent,
      async run(script, memoryBytes = 0) {
        const { containerId } = await cri.call('CreateContainer', {
          podSandboxId,
          sandboxConfig,
          config: {
            metadata: { name: 'c', attempt: attempt++ },
            image: { image: busybox },
            command: ['sh', '-c', script],
            logPath: `${attempt}.log`,
            linux: { resources: { memoryLimitInBytes: memoryBytes } },
          },
        });
        await cri.call('StartContainer', { containerId });
        return containerId;
      },
    };
  }

  /** Addresses that are given to pods. */
  leases(): string[] {
    return readdirSync(join(this.root, 'ipam', 'test')).filter((name) => /^\d/.test(name));
  }

  cleanup() {
    return cleanupRuntime({ paths: this.paths, clock: systemClock, log: silentLogger });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const runtime of this.#opened) await this.close(runtime);
    await this.cleanup();
    rmSync(this.root, { recursive: true, force: true });
  }

  #makeCgroups(): Promise<Cgroups> {
    const paths = { root: this.paths.kubelet, podLogs: this.paths.podLogs };
    this.cgroups ??= createCgroups({ clock: systemClock, log: silentLogger, paths }, { driver: this.#driver });
    return this.cgroups;
  }

  #writeNetwork(): void {
    mkdirSync(this.paths.cniConfig, { recursive: true });
    const ipam = { type: 'host-local', dataDir: join(this.root, 'ipam'), ranges: [[{ subnet: '10.43.0.0/24' }]] };
    const bridge = { type: 'bridge', bridge: 'nsrbr0', isGateway: true, isDefaultGateway: true, ipMasq: false, ipam };
    const conflist = { cniVersion: '1.0.0', name: 'test', plugins: [bridge] };
    writeFileSync(join(this.paths.cniConfig, '10-test.conflist'), JSON.stringify(conflist));
  }

  async #importImages(socketPath: string): Promise<void> {
    const architecture = ownArchitecture();
    if (!architecture) throw new Error(`no images for ${process.arch}`);
    const file = join(this.root, 'image.tar');
    const folder = (path: string) => ({ type: 'folder' as const, path });
    const links = applets.map((name) => ({ type: 'symlink' as const, path: `bin/${name}`, target: 'busybox' }));
    const program = { type: 'file' as const, path: 'bin/busybox', mode: 0o755, content: readFileSync('/bin/busybox') };
    const layers = [[folder('bin'), folder('tmp'), folder('proc'), folder('dev'), program, ...links]];
    const image = { names: [busybox], architecture, config: { Env: ['PATH=/bin'] }, layers };
    for (const each of [pauseImage(architecture), image]) {
      await writeImage(each, file);
      await importImage(socketPath, file);
    }
  }
}

/** Asks until `done` says so. */
export async function until<T>(
  what: string,
  ask: () => Promise<T>,
  done: (answer: T) => boolean,
  limitMs = 30_000,
): Promise<T> {
  const endMs = systemClock.monotonicMs() + limitMs;
  for (;;) {
    const answer = await ask();
    if (done(answer)) return answer;
    if (systemClock.monotonicMs() > endMs)
      throw new Error(`${what}: not within ${limitMs} ms: ${JSON.stringify(answer)}`);
    await systemClock.sleep(10);
  }
}

/**
 * A call as the kubelet makes them: again while the runtime is away. A containerd that was killed between a snapshot's
 * folder and its record finds the folder in its way until it has cleared what no record names.
 */
export async function persistently<T>(call: () => Promise<T>, limitMs = 20_000): Promise<T> {
  const endMs = systemClock.monotonicMs() + limitMs;
  for (;;) {
    try {
      return await call();
    } catch (error) {
      const isAway = error instanceof CriError && isPassing(error);
      if (!isAway || systemClock.monotonicMs() > endMs) throw error;
      await systemClock.sleep(20);
    }
  }
}

const isPassing = ({ code, message }: CriError): boolean =>
  code === grpcCode.unavailable || /not initialized|connection refused|failed to rename: .*: file exists/.test(message);

export const statusOf = async (cri: CriClient, containerId: string) => {
  const { status } = await persistently(() => cri.call('ContainerStatus', { containerId }));
  if (!status) throw new Error(`no status of ${containerId}`);
  return status;
};

/** Command lines of the processes that mention `text`. */
export function processesWith(text: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      } catch {
        return '';
      }
    })
    .filter((line) => line.includes(text));
}
