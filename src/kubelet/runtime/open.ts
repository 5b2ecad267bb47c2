import type { Clock, Logger } from '../../kernel/index.ts';
import { CriError, createCriClient, type CriClient, grpcCode } from '../cri/index.ts';
import { RuntimeError } from './errors.ts';
import { probeMachine } from './machine.ts';
import {
  boundLog,
  canConnect,
  chooseHandlers,
  endContainerd,
  type Ensured,
  ensureContainerd,
  type OwnOptions,
  ownFiles,
  type RuntimePaths,
} from './own.ts';
import { isAlive } from './processes.ts';
import { readRuntimeFacts } from './runtime-facts.ts';
import { ShimSweeper } from './shims.ts';
import { Supervisor } from './supervisor.ts';

export interface OpenRuntimeOptions {
  /** `auto`: the endpoint, else a runtime that is running, else a containerd of our own. */
  mode: 'auto' | 'own';
  /** A socket's path, with or without `unix://`; '' when none is named. */
  endpoint: string;
  handler: 'auto' | 'runc' | 'crun';
  paths: RuntimePaths;
  /** What the sandboxes of a containerd of our own run. */
  sandboxImage: string;
  clock: Clock;
  log: Logger;
}

/** The container runtime of this node. */
export interface Runtime {
  cri: CriClient;
  /** `unix:///…`. */
  endpoint: string;
  socketPath: string;
  name: string;
  version: string;
  /** What RuntimeClasses may name; the default first. */
  handlers: readonly string[];
  cgroupDriver: 'cgroupfs' | 'systemd';
  isOwn: boolean;
  cniConfigDir: string;
  cniBinDir: string;
  /** Of a containerd of our own. */
  pid(): number | undefined;
  /** Lets go of it. The runtime and its pods go on. */
  stop(): Promise<void>;
  /** As if it had never been opened: a containerd that was started for it is ended, one that was found goes on. */
  abandon(): Promise<void>;
}

/** Sockets of runtimes that may be running, the preferred first. */
export const knownSockets = ['/run/crio/crio.sock', '/run/containerd/containerd.sock'];
const namedLimitMs = 10_000;
const knownLimitMs = 2_000;

/** Finds or starts the container runtime. Throws RuntimeError. */
export async function openRuntime(options: OpenRuntimeOptions): Promise<Runtime> {
  if (options.mode === 'auto') {
    const found = options.endpoint ? await openNamed(options) : await openKnown(options);
    if (found) return found;
  }
  return openOwn(options);
}

async function openNamed(options: OpenRuntimeOptions): Promise<Runtime> {
  const socketPath = socketOf(options.endpoint);
  const { runtime, problem } = await connect(socketPath, namedLimitMs, options);
  if (runtime) return runtime;
  throw new RuntimeError(
    `the container runtime at ${options.endpoint} (kubelet.containerRuntimeEndpoint) cannot be used: ${problem}`,
  );
}

async function openKnown(options: OpenRuntimeOptions): Promise<Runtime | undefined> {
  for (const socketPath of knownSockets) {
    if (!(await canConnect(socketPath))) continue;
    const { runtime, isPrepared, problem } = await connect(socketPath, knownLimitMs, options);
    if (isPrepared) return runtime;
    await runtime?.stop();
    options.log.info('container runtime passed over', { socketPath, problem: problem ?? 'it has no network for pods' });
  }
  return undefined;
}

/** Of an endpoint as it is configured. Throws RuntimeError. */
export function socketOf(endpoint: string): string {
  const path = endpoint.replace(/^unix:(\/\/)?/, '');
  if (path.startsWith('/')) return path;
  throw new RuntimeError(`kubelet.containerRuntimeEndpoint is ${endpoint}: only Unix sockets are supported`);
}

/** A runtime that somebody else runs. */
async function connect(
  socketPath: string,
  timeoutMs: number,
  { clock, log }: OpenRuntimeOptions,
): Promise<{ runtime?: Runtime; isPrepared?: boolean; problem?: string }> {
  const cri = createCriClient({ socketPath, clock, log, lost: () => supervisor.lost() });
  const supervisor = new Supervisor({ cri, clock, log });
  try {
    const version = await cri.call('Version', {}, { timeoutMs });
    const { facts, isPrepared } = await readRuntimeFacts(cri, version);
    supervisor.watch();
    log.info('container runtime found', { socketPath, name: facts.name, version: facts.version });
    return { runtime: { ...shell(socketPath, cri, supervisor), ...facts, isOwn: false }, isPrepared };
  } catch (error) {
    supervisor.stop();
    cri.close();
    if (!(error instanceof CriError)) throw error;
    const isOff = error.code === grpcCode.unimplemented;
    return { problem: isOff ? 'it does not serve CRI runtime.v1' : error.message };
  }
}

async function openOwn({ paths, handler, sandboxImage, clock, log }: OpenRuntimeOptions): Promise<Runtime> {
  const machine = await probeMachine();
  const files = ownFiles(paths);
  const cri = createCriClient({ socketPath: files.socket, clock, log, lost: () => supervisor.lost() });
  const own: OwnOptions = { paths, machine, handler, sandboxImage, cri, clock, log };
  const shims = new ShimSweeper(cri, { socket: files.socket, clock, log });
  const supervisor = new Supervisor({
    cri,
    clock,
    log,
    own: {
      start: () => ensureContainerd(own),
      isAlive,
      settled: (containerd) => shims.begin(containerd),
      async tend() {
        await boundLog(files.log);
        await shims.sweep();
      },
    },
  });
  let ensured: Ensured | undefined;
  async function abandon(): Promise<void> {
    supervisor.stop();
    cri.close();
    if (ensured?.how === 'started') await endContainerd(supervisor.process ?? ensured.process, clock);
  }
  try {
    ensured = await ensureContainerd(own);
    const version = await cri.call('Version', {});
    supervisor.watch(ensured);
    log.info('container runtime ready', {
      how: ensured.how,
      pid: ensured.process.pid,
      version: version.runtimeVersion,
    });
    return {
      ...shell(files.socket, cri, supervisor),
      abandon,
      name: version.runtimeName,
      version: version.runtimeVersion,
      handlers: chooseHandlers(machine, handler).map(({ name }) => name),
      cgroupDriver: machine.isSystemd ? 'systemd' : 'cgroupfs',
      isOwn: true,
      cniConfigDir: paths.cniConfig,
      cniBinDir: machine.cniBinDir ?? '',
    };
  } catch (error) {
    await abandon();
    throw error;
  }
}

function shell(socketPath: string, cri: CriClient, supervisor: Supervisor) {
  async function stop(): Promise<void> {
    supervisor.stop();
    cri.close();
  }
  return {
    cri,
    socketPath,
    endpoint: `unix://${socketPath}`,
    pid: () => supervisor.process?.pid,
    stop,
    abandon: stop,
  };
}
