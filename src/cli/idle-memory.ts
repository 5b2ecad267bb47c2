/** V8 keeps the pages of a burst for ever, however long it idles afterwards. A last-resort collection gives them back. */
import type { Clock, Timer } from '../kernel/index.ts';

/** What is read of the process. */
export interface ProcessUsage {
  /** CPU time so far, all threads. */
  cpuMs(): number;
  residentBytes(): number;
  /** Collects everything that can be: tens of milliseconds. */
  collect(): Promise<void>;
}

const checkEveryMs = 5_000;
/** Idle: less than two hundredths of a core. */
const idleCpuShare = 0.02;
/** Growth since the last collection that is worth a pause. */
const worthBytes = 6 << 20;

/** Collects when the process has grown and idles, from the start on. */
export function shrinkWhenIdle(clock: Clock, usage: ProcessUsage): { stop(): void } {
  let shrunkBytes = 0;
  let cpuMs = usage.cpuMs();
  let timer: Timer = clock.after(checkEveryMs, () => void check());
  let isStopped = false;

  const check = async (): Promise<void> => {
    const usedMs = usage.cpuMs() - cpuMs;
    const isIdle = usedMs < checkEveryMs * idleCpuShare;
    if (isIdle && usage.residentBytes() > shrunkBytes + worthBytes) {
      await usage.collect();
      shrunkBytes = usage.residentBytes();
    }
    cpuMs = usage.cpuMs();
    if (!isStopped) timer = clock.after(checkEveryMs, () => void check());
  };

  return {
    stop() {
      isStopped = true;
      timer.cancel();
    },
  };
}

type Collect = (options: { type: 'major'; execution: 'async'; flavor: 'last-resort' }) => Promise<void>;

/** This process; undefined when it was not started with `--expose-gc`. */
export function ownUsage(): ProcessUsage | undefined {
  const collect = (globalThis as { gc?: Collect }).gc;
  if (!collect) return undefined;
  return {
    cpuMs() {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1000;
    },
    residentBytes: () => process.memoryUsage.rss(),
    collect: () => collect({ type: 'major', execution: 'async', flavor: 'last-resort' }),
  };
}
