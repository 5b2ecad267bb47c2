import { spawn } from 'node:child_process';
import { copyFile, mkdir, open, readFile, rename, stat, truncate, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { getPriority } from 'node:os';
import { basename, join } from 'node:path';
import type { DataPaths } from '../../config/index.ts';
import type { Clock, Logger } from '../../kernel/index.ts';
import { type CriClient, CriError, grpcCode } from '../cri/index.ts';
import { containerdConfig } from './containerd-config.ts';
import { RuntimeError } from './errors.ts';
import { exclusively } from './lock.ts';
import { type Machine, requireMachine } from './machine.ts';
import { makeShared, prepareNamespaceFile, snapshotterFor } from './mounts.ts';
import { endProcess, findByArguments, findProcess, isAlive, isOutdated, type ProcessRef } from './processes.ts';

export type RuntimePaths = Pick<DataPaths, 'run' | 'containerd' | 'cniConfig' | 'kubelet'>;

/** Where a containerd of our own has its things. */
export const ownFiles = ({ run, containerd }: RuntimePaths) => ({
  config: join(run, 'containerd.toml'),
  socket: join(run, 'containerd.sock'),
  state: join(run, 'containerd'),
  /** Holds the mount namespace that hides the v2 hierarchy. */
  namespace: join(run, 'ns'),
  root: join(containerd, 'root'),
  log: join(containerd, 'containerd.log'),
  certs: join(containerd, 'certs.d'),
});

export interface OwnOptions {
  paths: RuntimePaths;
  machine: Machine;
  handler: 'auto' | 'runc' | 'crun';
  sandboxImage: string;
  cri: CriClient;
  clock: Clock;
  log: Logger;
}

export interface Ensured {
  process: ProcessRef;
  /** `replaced`: one that ran had to make room. */
  how: 'adopted' | 'replaced' | 'started';
  /** Resolves when it has ended; only of one that this process has started. */
  ended?: Promise<void>;
}

type Launched = Required<Omit<Ensured, 'how'>>;

const lockLimitMs = 60_000;
const adoptLimitMs = 30_000;
const startLimitMs = 60_000;
const graceMs = 10_000;

/**
 * The containerd of our own: adopted when it runs, else started. Two that try at once end up with the same one.
 * `asIs` keeps the configuration that is there.
 */
export function ensureContainerd(options: OwnOptions, asIs = false): Promise<Ensured> {
  return exclusively(options.paths.run, options.clock, lockLimitMs, async () => {
    requireMachine(options.machine);
    const config = (asIs && (await presentConfig(options.paths))) || (await wantedConfig(options));
    const running = await findOwn(options.paths);
    if (running && (await isAdopted(running, config, options))) return { process: running, how: 'adopted' };
    if (running) await endProcess(running, options.clock, graceMs);
    return { ...(await startContainerd(config, options)), how: running ? 'replaced' : 'started' };
  });
}

/** Ends it; its pods go on. */
export const endContainerd = (process: ProcessRef, clock: Clock): Promise<void> => endProcess(process, clock, graceMs);

export const findOwn = async (paths: RuntimePaths): Promise<ProcessRef | undefined> =>
  (await findByArguments(['-c', ownFiles(paths).config]))[0];

/** False when it must make room for a new one: other configuration, other program, or it does not answer. */
async function isAdopted(running: ProcessRef, config: string, options: OwnOptions): Promise<boolean> {
  const { log, paths } = options;
  if ((await presentConfig(paths)) !== config || (await isOutdated(running))) {
    log.info('containerd is started anew: its configuration or program has changed', { pid: running.pid });
    return false;
  }
  const problem = await answers(running, options, adoptLimitMs);
  if (problem !== undefined) log.warn('containerd is started anew: it does not answer', { pid: running.pid, problem });
  return problem === undefined;
}

async function startContainerd(config: string, options: OwnOptions): Promise<Launched> {
  const { paths, log, clock } = options;
  const beganMs = clock.monotonicMs();
  const files = ownFiles(paths);
  await makeShared(paths.kubelet);
  for (const folder of [files.state, files.certs, paths.cniConfig]) await mkdir(folder, { recursive: true });
  await writeFile(`${files.config}.new`, config);
  await rename(`${files.config}.new`, files.config);
  await boundLog(files.log);
  const { process, ended } = await launch(await commandLine(options), files.log);
  const problem = await answers(process, options, startLimitMs);
  if (problem !== undefined) {
    await endProcess(process, clock, graceMs);
    throw new RuntimeError(`containerd did not start: ${(await lastLine(files.log)) || problem} (log: ${files.log})`);
  }
  log.info('containerd started', { pid: process.pid, tookMs: Math.round(clock.monotonicMs() - beganMs) });
  return { process, ended };
}

/**
 * The handlers by name, the default first. crun starts pods in about two thirds of runc's time; but what containerd
 * leaves half made when it is killed it cannot take down with crun, whose errors it does not understand.
 */
export function chooseHandlers(
  { programs }: Machine,
  wanted: 'auto' | 'runc' | 'crun',
): { name: string; program: string }[] {
  const order = wanted === 'crun' ? (['crun', 'runc'] as const) : (['runc', 'crun'] as const);
  const found = order.flatMap((name) => (programs[name] ? [{ name, program: programs[name] }] : []));
  if (wanted !== 'auto' && found[0]?.name !== wanted) {
    throw new RuntimeError(
      `runtime.handler is ${wanted}, but the program ${wanted} was not found: install the package ${wanted}`,
    );
  }
  return found;
}

const presentConfig = (paths: RuntimePaths): Promise<string> =>
  readFile(ownFiles(paths).config, 'utf8').catch(() => '');

async function wantedConfig({ paths, machine, handler, sandboxImage }: OwnOptions): Promise<string> {
  const files = ownFiles(paths);
  await mkdir(files.root, { recursive: true });
  return containerdConfig({
    root: files.root,
    state: files.state,
    socket: files.socket,
    certsDir: files.certs,
    cniConfigDir: paths.cniConfig,
    cniBinDir: machine.cniBinDir ?? '',
    sandboxImage,
    snapshotter: await snapshotterFor(files.root),
    handlers: chooseHandlers(machine, handler),
    usesSystemdCgroups: machine.isSystemd,
    canLowerOomScore: machine.canLowerOomScore,
  });
}

/**
 * crun refuses hybrid control groups unless the v2 hierarchy is out of sight; so there containerd and all that it
 * starts live in a mount namespace without it, always the same one, since their other mounts are in it too. Under
 * systemd it gets a scope, so that stopping our unit ends neither it nor its pods.
 */
export function containerdCommand(
  { programs, cgroups, isSystemd }: Machine,
  defaultHandler: string,
  config: string,
  namespace?: { file: string; exists: boolean },
): string[] {
  const { containerd = '', nsenter = '', unshare = '' } = programs;
  const scope =
    isSystemd && programs['systemd-run'] ? [programs['systemd-run'], '--scope', '--quiet', '--collect'] : [];
  const plain = [containerd, '-c', config];
  if (!namespace || !hidesUnified(cgroups, defaultHandler)) return [...scope, ...plain];
  const { file, exists } = namespace;
  if (exists) return [...scope, nsenter, `--mount=${file}`, ...plain];
  const hide = ['sh', '-c', 'umount "$0" && exec "$@"', cgroups.unified ?? ''];
  return [...scope, unshare, `--mount=${file}`, '--propagation', 'unchanged', ...hide, ...plain];
}

const hidesUnified = ({ kind }: Machine['cgroups'], defaultHandler: string): boolean =>
  kind === 'hybrid' && defaultHandler === 'crun';

async function commandLine({ machine, paths, handler }: OwnOptions): Promise<string[]> {
  const files = ownFiles(paths);
  const first = chooseHandlers(machine, handler)[0]?.name ?? '';
  if (!hidesUnified(machine.cgroups, first)) return containerdCommand(machine, first, files.config);
  if (!machine.programs.nsenter || !machine.programs.unshare) {
    throw new RuntimeError('the program unshare was not found: install the package util-linux');
  }
  return containerdCommand(machine, first, files.config, await prepareNamespaceFile(files.namespace));
}

/** Proxies are the only part of our environment that is containerd's business. */
function environment(): Record<string, string> {
  const proxies = Object.entries(process.env).filter(([name]) => /^(https?|no|all)_proxy$/i.test(name));
  return {
    ...Object.fromEntries(proxies.map(([name, value]) => [name, value ?? ''])),
    PATH: `${process.env['PATH'] ?? ''}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
  };
}

/** Starts it in a session of its own, so that it outlives us. */
async function launch(command: string[], logFile: string): Promise<Launched> {
  const [program = '', ...args] = atNormalPriority(command);
  const output = await open(logFile, 'a', 0o640);
  try {
    const child = spawn(program, args, {
      detached: true,
      cwd: '/',
      env: environment(),
      stdio: ['ignore', output.fd, output.fd],
    });
    child.unref();
    const ended = new Promise<void>((resolve) => {
      child.once('exit', () => resolve());
      child.once('error', () => resolve());
    });
    const started = child.pid === undefined ? undefined : await findProcess(child.pid);
    if (!started) throw new RuntimeError(`${basename(program)} could not be started`);
    return { process: started, ended };
  } finally {
    await output.close();
  }
}

/** The control plane may go before others; containerd, and the pods that it starts, must not inherit that. */
function atNormalPriority(command: readonly string[]): readonly string[] {
  const own = getPriority();
  return own < 0 ? ['nice', '-n', String(-own), ...command] : command;
}

const lookAgainMs = 10;

/** Waits until containerd serves CRI. Resolves with what was wrong when it ends or the time is up. */
async function answers(
  process: ProcessRef,
  { cri, clock, paths }: OwnOptions,
  limitMs: number,
): Promise<string | undefined> {
  const { socket } = ownFiles(paths);
  const deadlineMs = clock.monotonicMs() + limitMs;
  let problem = 'it does not answer';
  for (;;) {
    const leftMs = deadlineMs - clock.monotonicMs();
    if (leftMs <= 0) return problem;
    if (!(await isAlive(process))) return 'it has ended';
    try {
      if (await canConnect(socket)) {
        await cri.call('Status', {}, { timeoutMs: leftMs });
        return undefined;
      }
    } catch (error) {
      problem = (error as Error).message;
      if (error instanceof CriError && isFinal.has(error.code)) return problem;
    }
    await clock.sleep(lookAgainMs);
  }
}

/** Its CRI part could not be loaded, or nobody asks any more: waiting does not change that. */
const isFinal: ReadonlySet<number> = new Set([grpcCode.unimplemented, grpcCode.cancelled]);

export function canConnect(socketPath: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = createConnection(socketPath);
  socket.once('connect', () => resolve(true));
  socket.once('error', () => resolve(false));
  return promise.finally(() => socket.destroy());
}

const logLimitBytes = 1 << 20;

/** Keeps the log and the one before it under a bound. Works while containerd writes: it appends. */
export async function boundLog(file: string): Promise<void> {
  const { size } = await stat(file).catch(() => ({ size: 0 }));
  if (size <= logLimitBytes) return;
  await copyFile(file, `${file}.1`);
  await truncate(file, 0);
}

/** The last message of containerd's log with its cause, without their dressing. */
async function lastLine(file: string): Promise<string> {
  const log = await readFile(file, 'utf8').catch(() => '');
  const line = log.trimEnd().split('\n').at(-1) ?? '';
  const value = (key: string): string | undefined =>
    new RegExp(`${key}="((?:[^"\\\\]|\\\\.)*)"`).exec(line)?.[1]?.replaceAll('\\"', '"');
  return [value('msg') ?? line, value('error')].filter(Boolean).join(': ');
}
