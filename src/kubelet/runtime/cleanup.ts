import { readdir, realpath, rm, rmdir } from 'node:fs/promises';
import type { Clock, Logger } from '../../kernel/index.ts';
import { type CriClient, CriError, createCriClient, grpcCode } from '../cri/index.ts';
import { removeAllGroups } from '../cgroups/index.ts';
import { exclusively } from './lock.ts';
import { probeMachine } from './machine.ts';
import { unmountAll } from './mounts.ts';
import { ensureContainerd, findOwn, ownFiles, type RuntimePaths } from './own.ts';
import { endProcess } from './processes.ts';
import { endShims } from './shims.ts';

export interface CleanupOptions {
  paths: RuntimePaths;
  clock: Clock;
  log: Logger;
  /** Leaves the images of a containerd of our own where they are. */
  keepImages?: boolean;
}

export interface CleanedRuntime {
  sandboxes: number;
  containers: number;
}

const parallelStops = 4;
const graceMs = 10_000;

/**
 * Ends everything that the containerd of our own runs, then itself, and removes what it left: sandboxes, containers,
 * network namespaces, mounts, sockets, images. A dead one is started first, since only it can take its pods down.
 * Does nothing where there was none; may be called again.
 */
export async function cleanupRuntime({ paths, clock, log, keepImages }: CleanupOptions): Promise<CleanedRuntime> {
  const files = ownFiles(paths);
  const isThere =
    (await findOwn(paths)) !== undefined || (await hasEntries(files.root)) || (await hasEntries(files.state));
  const removed = isThere ? await removePods({ paths, clock, log }) : { sandboxes: 0, containers: 0 };
  await exclusively(paths.run, clock, graceMs, async () => {
    const running = await findOwn(paths);
    if (running) await endProcess(running, clock, graceMs);
    await endShims({ socket: files.socket, clock, log });
    for (const path of [files.state, files.root, files.namespace, paths.kubelet]) await unmountAll(path);
    const driver = (await probeMachine()).isSystemd ? 'systemd' : 'cgroupfs';
    await removeAllGroups(paths.kubelet, driver, clock).catch((error) =>
      log.warn('control groups could not be removed', { error: (error as Error).message }),
    );
    const kept = keepImages ? [files.root, files.certs] : [];
    for (const path of Object.values(files)) {
      if (!kept.includes(path)) await rm(path, { recursive: true, force: true });
    }
    for (const path of [`${files.socket}.ttrpc`, `${files.log}.1`]) await rm(path, { force: true });
    // Other parts of the program may have things there.
    await rmdir(paths.run).catch(() => {});
  });
  return removed;
}

/** By the containerd that runs, or by one that is started for it. */
async function removePods({ paths, clock, log }: CleanupOptions): Promise<CleanedRuntime> {
  const cri = createCriClient({ socketPath: ownFiles(paths).socket, clock, log });
  try {
    const machine = await probeMachine();
    await ensureContainerd({ paths, machine, handler: 'auto', sandboxImage: '', cri, clock, log }, true);
    return await removeAll(cri, log);
  } catch (error) {
    log.warn('pods could not be taken down by containerd', { error: (error as Error).message });
    return { sandboxes: 0, containers: 0 };
  } finally {
    cri.close();
  }
}

async function removeAll(cri: CriClient, log: Logger): Promise<CleanedRuntime> {
  const { items } = await cri.call('ListPodSandbox', {});
  await inParallel(items, async ({ id }) => {
    try {
      await cri.call('StopPodSandbox', { podSandboxId: id });
      await cri.call('RemovePodSandbox', { podSandboxId: id });
    } catch (error) {
      if (!(error instanceof CriError)) throw error;
      if (error.code === grpcCode.notFound) return;
      log.warn('sandbox could not be removed', { id, error: error.message });
      await removeNetworkNamespace(id, cri).catch((left) =>
        log.warn('network namespace could not be removed', { id, error: (left as Error).message }),
      );
    }
  });
  const { containers } = await cri.call('ListContainers', {});
  await inParallel(containers, async ({ id }) => {
    await cri.call('RemoveContainer', { containerId: id }).catch((error) => {
      log.warn('container could not be removed', { id, error: (error as Error).message });
    });
  });
  return { sandboxes: items.length, containers: containers.length };
}

/** Of a sandbox whose network could not be taken down, as when its configuration is gone. */
async function removeNetworkNamespace(podSandboxId: string, cri: CriClient): Promise<void> {
  const { info } = await cri.call('PodSandboxStatus', { podSandboxId, verbose: true });
  const { runtimeSpec } = JSON.parse(info['info'] ?? '{}') as SandboxInfo;
  const path = runtimeSpec?.linux?.namespaces?.find(({ type }) => type === 'network')?.path;
  const file = path && (await realpath(path).catch(() => undefined));
  if (!file) return;
  await unmountAll(file);
  await rm(file, { force: true });
}

interface SandboxInfo {
  runtimeSpec?: { linux?: { namespaces?: { type: string; path?: string }[] } };
}

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values();
  await Promise.all(
    Array.from({ length: parallelStops }, async () => {
      for (const item of queue) await work(item);
    }),
  );
}

const hasEntries = (folder: string): Promise<boolean> =>
  readdir(folder).then(
    (names) => names.length > 0,
    () => false,
  );
