import { readdir, readFile, readlink } from 'node:fs/promises';
import type { Clock } from '../../kernel/index.ts';
import { RuntimeError } from './errors.ts';

/** A process of this machine; the start time tells it from a later one with the same number. */
export interface ProcessRef {
  pid: number;
  /** Clock ticks since boot. */
  startTicks: number;
}

export interface ProcessStat {
  state: string;
  parent: number;
  startTicks: number;
}

/** Of /proc/PID/stat (proc(5)); the second field may hold blanks and brackets. */
export function parseStat(stat: string): ProcessStat | undefined {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state = '', parent] = fields;
  const startTicks = Number(fields[19]);
  return Number.isSafeInteger(startTicks) ? { state, parent: Number(parent), startTicks } : undefined;
}

const readStat = async (pid: number): Promise<ProcessStat | undefined> =>
  parseStat(await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ''));

/** Undefined when there is none, or only what is left of one that has ended. */
export async function findProcess(pid: number): Promise<ProcessRef | undefined> {
  const stat = await readStat(pid);
  return stat && !'ZXx'.includes(stat.state) ? { pid, startTicks: stat.startTicks } : undefined;
}

export const isAlive = async ({ pid, startTicks }: ProcessRef): Promise<boolean> =>
  (await findProcess(pid))?.startTicks === startTicks;

/** A process and what it was started with. */
export interface StartedProcess extends ProcessRef {
  args: readonly string[];
}

/**
 * The processes whose last arguments are these, the oldest first: a child on its way to another program shares its
 * parent's for a moment.
 */
export async function findByArguments(tail: readonly string[]): Promise<StartedProcess[]> {
  const wanted = `\0${tail.join('\0')}\0`;
  const found = await Promise.all(
    (await allPids()).map(async (pid) => {
      const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      const process = commandLine.endsWith(wanted) ? await findProcess(pid) : undefined;
      return process && { ...process, args: commandLine.split('\0').slice(0, -1) };
    }),
  );
  return found.filter((process) => process !== undefined).sort((a, b) => a.startTicks - b.startTicks || a.pid - b.pid);
}

export async function findChildren(parent: ProcessRef): Promise<ProcessRef[]> {
  const found = await Promise.all(
    (await allPids()).map(async (pid) => {
      const stat = await readStat(pid);
      return stat?.parent === parent.pid ? { pid, startTicks: stat.startTicks } : undefined;
    }),
  );
  return found.filter((process) => process !== undefined);
}

const allPids = async (): Promise<number[]> => (await readdir('/proc')).map(Number).filter(Number.isInteger);

/** True when the program's file was replaced or removed since it was started. */
export const isOutdated = async ({ pid }: ProcessRef): Promise<boolean> =>
  (await readlink(`/proc/${pid}/exe`).catch(() => '')).endsWith(' (deleted)');

const lookAgainMs = 10;
/** What has not ended this long after it was killed waits for a device: it may never end. */
const killLimitMs = 10_000;

/** Asks it to end, and after `graceMs` makes it. Resolves when it is gone; throws RuntimeError when it cannot be made to. */
export async function endProcess(target: ProcessRef, clock: Clock, graceMs: number): Promise<void> {
  const killAtMs = clock.monotonicMs() + graceMs;
  let sent: Signal | undefined;
  while (await isAlive(target)) {
    const nowMs = clock.monotonicMs();
    if (nowMs >= killAtMs + killLimitMs) throw new RuntimeError(`process ${target.pid} does not end`);
    const wanted = nowMs >= killAtMs ? 'SIGKILL' : 'SIGTERM';
    if (wanted !== sent) send(target, wanted);
    sent = wanted;
    await clock.sleep(lookAgainMs);
  }
}

type Signal = 'SIGTERM' | 'SIGKILL';

function send({ pid }: ProcessRef, signal: Signal): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
