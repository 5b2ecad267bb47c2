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
 * Ends shims that nobody knows any more: of pods that were half made or half gone when an earlier containerd was
 * killed. One that the present containerd has started may be a pod's that is not in its lists yet, and is left alone.
 */
export class ShimSweeper {
  readonly #cri: CriClient;
  readonly #options: ShimOptions;
  /** Those of earlier containerds that have not ended yet. */
  #older: StartedProcess[] = [];

  constructor(cri: CriClient, options: ShimOptions) {
    this.#cri = cri;
    this.#options = options;
  }

  /** Another containerd serves: everything older than it is an earlier one's. */
  async begin({ startTicks }: ProcessRef): Promise<void> {
    this.#older = (await findShims(this.#options.socket)).filter((shim) => shim.startTicks < startTicks);
    await this.sweep();
  }

  /** Costs nothing when all shims are the present containerd's. */
  async sweep(): Promise<void> {
    const alive = await Promise.all(this.#older.map(async (shim) => ((await isAlive(shim)) ? [shim] : [])));
    this.#older = alive.flat();
    if (this.#older.length === 0) return;
    const { items } = await this.#cri.call('ListPodSandbox', {});
    const { containers } = await this.#cri.call('ListContainers', {});
    const known = new Set([...items, ...containers].map(({ id }) => id));
    for (const shim of this.#older) if (!known.has(idOf(shim))) await endShim(shim, this.#options);
  }
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
