import { readdir, readFile, readlink, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { parseArgs } from 'node:util';
import { type DataPaths, dataPaths, derive } from '../config/index.ts';
import { type Logger, systemClock } from '../kernel/index.ts';
import { cleanupRuntime, createCriClient } from '../kubelet/index.ts';
import { findRuntimeSocket } from '../kubelet/runtime/index.ts';
import { cleanupNetwork } from '../network/index.ts';
import { CommandError } from './command.ts';
import { readSettings, type Settings } from './options.ts';

const cleanupUsage = 'cleanup [--all [--keep-images] | --cert | --ovn]';

type Mode = 'all' | 'cert' | 'node';

interface Wish {
  mode: Mode;
  keepImages: boolean;
  settings: Settings;
}

/**
 * `nanoshift cleanup`: takes down all pods and whatever the node has put on the machine; what the cluster stores stays.
 * `--cert` also removes certificates, `--all` everything, after a question. The flags are microshift-cleanup-data's;
 * `--ovn` there means the node's half, which is what happens without any flag.
 */
export async function cleanup(argv: readonly string[]): Promise<number> {
  const wish = readWish(argv);
  const paths = dataPaths(wish.settings.dataDir);
  if (process.getuid?.() !== 0) throw new CommandError('cleanup must be run as root');
  const holder = await holderOf(paths);
  if (holder) throw new CommandError(`nanoshift runs on ${paths.root} (process ${holder}); stop it first`);
  if (wish.mode === 'all' && !(await isConfirmed())) {
    console.log('Aborting cleanup');
    return 0;
  }
  await removeNode(wish, paths);
  await removeData(wish, paths);
  console.log('Cleanup succeeded');
  return 0;
}

function readWish(argv: readonly string[]): Wish {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      all: { type: 'boolean', default: false },
      cert: { type: 'boolean', default: false },
      ovn: { type: 'boolean', default: false },
      'keep-images': { type: 'boolean', default: false },
      config: { type: 'string' },
      'data-dir': { type: 'string' },
      profile: { type: 'string' },
    },
  });
  const { all, cert, ovn, 'keep-images': keepImages } = values;
  const isClear = [all, cert, ovn].filter(Boolean).length <= 1 && (all || !keepImages);
  if (!isClear) throw new CommandError(`usage: nanoshift ${cleanupUsage}`);
  const flags = ['config', 'data-dir', 'profile'] as const;
  const settings = readSettings(flags.flatMap((name) => (values[name] ? [`--${name}`, values[name]] : [])));
  return { mode: all ? 'all' : cert ? 'cert' : 'node', keepImages: keepImages || !all, settings };
}

// --- who is using it ----------------------------------------------------------------------------------------------

/** The process that has the store or the audit log open. */
async function holderOf({ database, auditLog }: DataPaths): Promise<string | undefined> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && name !== String(process.pid));
  for (const pid of pids) {
    const folder = `/proc/${pid}/fd`;
    const open = await readdir(folder).catch(() => []);
    for (const number of open) {
      const target = await readlink(join(folder, number)).catch(() => '');
      if (target.startsWith(database) || target === auditLog) return pid;
    }
  }
  return undefined;
}

/** A person is asked; a script has said --all. */
async function isConfirmed(): Promise<boolean> {
  if (!process.stdin.isTTY) return true;
  console.log('DATA LOSS WARNING: Do you wish to stop and cleanup ALL nanoshift data AND container workloads?');
  console.log('1) Yes\n2) No');
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return /^(1|y|yes)$/i.test((await terminal.question('#? ')).trim());
  } finally {
    terminal.close();
  }
}

// --- what goes ----------------------------------------------------------------------------------------------------

/** Steps are told on standard output, troubles on standard error. */
const progress: Logger = {
  debug() {},
  info() {},
  warn: (message, fields) => console.error(`nanoshift: ${message}${fields ? ` ${JSON.stringify(fields)}` : ''}`),
  error: (message, fields) => console.error(`nanoshift: ${message}${fields ? ` ${JSON.stringify(fields)}` : ''}`),
  child: () => progress,
};

/** Pods, runtime, network, and the folders that pods left. */
async function removeNode({ settings, keepImages }: Wish, paths: DataPaths): Promise<void> {
  const { config } = settings;
  if (config.runtime.mode !== 'none') await removeForeignPods(settings, paths);
  const removed = await cleanupRuntime({ paths, clock: systemClock, log: progress, keepImages });
  console.log(`removed ${removed.sandboxes} pods, and the containerd of nanoshift`);
  const { dnsIP, advertiseAddress } = derive(config);
  await cleanupNetwork({
    config: {
      serviceNetwork: config.network.serviceNetwork[0] ?? '',
      dnsIP,
      advertiseAddress: config.apiServer.advertiseAddress ? undefined : advertiseAddress,
    },
    cniConfigDir: paths.cniConfig,
    cniLeases: paths.cniLeases,
    log: progress,
  });
  console.log('removed the service network: rules, bridge, addresses');
  await remove(paths.kubelet, paths.podLogs, paths.run);
}

/** Of a runtime that is not ours and goes on running: the pods that have their logs with us. */
async function removeForeignPods({ config }: Settings, paths: DataPaths): Promise<void> {
  const logs = await readdir(paths.podLogs).catch(() => []);
  const uids = new Set(logs.map((name) => name.slice(name.lastIndexOf('_') + 1)));
  const endpoint = config.kubelet.containerRuntimeEndpoint;
  const mode = config.runtime.mode === 'own' ? 'own' : 'auto';
  const socketPath = uids.size > 0 ? await findRuntimeSocket({ endpoint, mode, paths }) : undefined;
  if (!socketPath || socketPath.startsWith(`${paths.run}/`)) return;
  const cri = createCriClient({ socketPath, clock: systemClock, log: progress });
  try {
    const { items } = await cri.call('ListPodSandbox', {});
    const ours = items.filter(({ metadata }) => uids.has(metadata?.uid ?? ''));
    for (const { id, metadata } of ours) {
      try {
        await cri.call('StopPodSandbox', { podSandboxId: id });
        await cri.call('RemovePodSandbox', { podSandboxId: id });
      } catch (error) {
        progress.warn(`pod ${metadata?.namespace}/${metadata?.name} could not be removed: ${(error as Error).message}`);
      }
    }
    console.log(`removed ${ours.length} pods of the container runtime at ${socketPath}`);
  } finally {
    cri.close();
  }
}

async function removeData({ mode, keepImages }: Wish, paths: DataPaths): Promise<void> {
  if (mode === 'cert') await remove(paths.certs);
  if (mode !== 'all') return;
  const kept = keepImages ? [paths.containerd, paths.images] : [];
  const entries = await readdir(paths.root).catch(() => []);
  await remove(...entries.map((name) => join(paths.root, name)).filter((path) => !kept.includes(path)));
  if (kept.length === 0) await rm(paths.root, { recursive: true, force: true });
}

/** Nothing that is still mounted: what is behind a mount is not ours to remove. */
async function remove(...targets: readonly string[]): Promise<void> {
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n').map((line) => line.split(' ')[4] ?? '');
  for (const path of targets) {
    try {
      const mount = mounts.find((point) => point === path || point.startsWith(`${path}/`));
      if (mount) throw new Error(`${mount} is still mounted`);
      await rm(path, { recursive: true, force: true });
      console.log(`removed ${path}`);
    } catch (error) {
      progress.warn(`${path} could not be removed: ${(error as Error).message}`);
    }
  }
}
