import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, Logger } from '../../kernel/index.ts';
import type { CriClient } from '../cri/index.ts';
import {
  endProcess,
  findByArguments,
  findChildren,
  isAlive,
  type ProcessRef,
  type StartedProcess,
} from './processes.ts';

export interface ShimOptions {
  /** Of the containerd that they belong to. */
  socket: string;
  clock: Clock;
  log: Logger;
}

const limitMs = 10_000;

const findShims = (socket: string): Promise<StartedProcess[]> => findByArguments(['-address', socket]);

/**
 * Ends the shims that nobody knows any more: of pods that were half made when an earlier containerd was killed. One
 * that `containerd` itself has started may be a pod's that is not in its lists yet.
 */
export async function sweepShims(containerd: ProcessRef, cri: CriClient, options: ShimOptions): Promise<void> {
  const older = (await findShims(options.socket)).filter(({ startTicks }) => startTicks < containerd.startTicks);
  if (older.length === 0) return;
  const { items } = await cri.call('ListPodSandbox', {});
  const { containers } = await cri.call('ListContainers', {});
  const known = new Set([...items, ...containers].map(({ id }) => id));
  for (const shim of older) if (!known.has(idOf(shim))) await endShim(shim, options);
}

/** Waits for all shims to end, which they do soon after their last container, and ends those that do not. */
export async function endShims(options: ShimOptions): Promise<void> {
  const { socket, clock } = options;
  const deadlineMs = clock.monotonicMs() + limitMs;
  for (const shim of await findShims(socket)) {
    while ((await isAlive(shim)) && clock.monotonicMs() < deadlineMs) await clock.sleep(20);
    if (await isAlive(shim)) await endShim(shim, options);
  }
}

const idOf = ({ args }: StartedProcess): string => {
  const at = args.indexOf('-id');
  return (at >= 0 && args[at + 1]) || '';
};

/** With what it runs: its containers would go on without it. */
async function endShim(shim: StartedProcess, { clock, log }: ShimOptions): Promise<void> {
  const id = idOf(shim);
  log.warn('a shim is ended that did not end by itself', { pid: shim.pid, id });
  for (const child of await findChildren(shim)) await endProcess(child, clock, 0);
  await endProcess(shim, clock, 0);
  if (/^\w+$/.test(id)) await rm(join('/run/containerd/runc/k8s.io', id), { recursive: true, force: true });
}
