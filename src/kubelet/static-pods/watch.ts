import { type FSWatcher, watch } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, Logger, Timer } from '../../kernel/index.ts';
import type { Pod } from '../../schema/generated/index.ts';
import type { StaticPods } from '../types.ts';
import { StaticPodError } from './error.ts';

export interface StaticPodsOptions {
  /** '': there are none. */
  folder: string;
  nodeName: string;
  clock: Clock;
  log: Logger;
  /** The set of pods has changed. */
  onChange(): void;
}

/** While the folder cannot be watched it is looked at this often; a broken file is believed to stay so after as long. */
const rescanMs = 20_000;
/** Editors write in several steps. */
const settleMs = 100;
const sizeLimitBytes = 10 << 20;
const fileLimit = 500;

interface Known {
  /** Of the text that was last looked at. */
  text: string;
  pod: Pod | undefined;
  error: string | undefined;
  /** When the file broke, if it held a pod before. */
  brokeAtMs: number | undefined;
}

/** Reads the folder and goes on watching it. A folder that does not exist is empty, and may come later. */
export async function startStaticPods(options: StaticPodsOptions): Promise<StaticPods> {
  if (!options.folder) return noPods;
  const folder = new WatchedFolder(options);
  await folder.scan();
  return folder;
}

const noPods: StaticPods = { current: () => new Map(), stop() {} };

class WatchedFolder implements StaticPods {
  readonly #options: StaticPodsOptions;
  #files = new Map<string, Known>();
  #pods: ReadonlyMap<string, Pod> = new Map();
  #watcher: FSWatcher | undefined;
  #timer: Timer | undefined;
  #dueMs = 0;
  #scanning: Promise<void> | undefined;
  #again = false;
  #stopped = false;

  constructor(options: StaticPodsOptions) {
    this.#options = options;
  }

  current(): ReadonlyMap<string, Pod> {
    return this.#pods;
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
    this.#watcher?.close();
  }

  /** Brings the pods to what the folder holds. */
  scan(): Promise<void> {
    if (this.#scanning) this.#again = true;
    this.#scanning ??= this.#scanAll().finally(() => {
      this.#scanning = undefined;
    });
    return this.#scanning;
  }

  async #scanAll(): Promise<void> {
    do {
      this.#again = false;
      this.#cancel();
      this.#watch();
      const files = new Map<string, Known>();
      for (const name of await this.#names()) {
        const known = await this.#look(name);
        if (known) files.set(name, known);
      }
      if (this.#stopped) return;
      this.#files = files;
      this.#publish();
    } while (this.#again);
    const isBroken = [...this.#files.values()].some(({ brokeAtMs }) => brokeAtMs !== undefined);
    if (!this.#watcher || isBroken) this.#scanIn(rescanMs);
  }

  /** What is due sooner stays so: neither a later look nor changes without end put it off. */
  #scanIn(delayMs: number): void {
    const { clock } = this.#options;
    const dueMs = clock.monotonicMs() + delayMs;
    if (this.#stopped || (this.#timer && this.#dueMs <= dueMs)) return;
    this.#timer?.cancel();
    this.#dueMs = dueMs;
    this.#timer = clock.after(delayMs, () => {
      this.#timer = undefined;
      void this.scan();
    });
  }

  #cancel(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #watch(): void {
    if (this.#watcher || this.#stopped) return;
    const lost = (): void => {
      this.#watcher?.close();
      this.#watcher = undefined;
      this.#scanIn(settleMs);
    };
    try {
      this.#watcher = watch(this.#options.folder, { persistent: false });
      this.#watcher.on('change', (type, name) => {
        // The folder itself has gone.
        if (type === 'rename' && name === this.#options.folder.split('/').at(-1)) lost();
        else this.#scanIn(settleMs);
      });
      this.#watcher.on('error', lost);
    } catch {
      this.#watcher = undefined;
    }
  }

  /** Regular files whose name does not begin with a dot, in order. */
  async #names(): Promise<string[]> {
    const { folder, log } = this.#options;
    try {
      const names = (await readdir(folder)).filter((name) => !name.startsWith('.')).sort();
      if (names.length > fileLimit) log.warn('too many static pod files', { folder, limit: fileLimit });
      return names.slice(0, fileLimit);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
        log.error('static pods cannot be read', { folder, error: String(error) });
      }
      this.#watcher?.close();
      this.#watcher = undefined;
      return [];
    }
  }

  async #look(name: string): Promise<Known | undefined> {
    const file = join(this.#options.folder, name);
    const before = this.#files.get(name);
    try {
      const { size, isFile } = await describe(file);
      if (!isFile) return undefined;
      if (size > sizeLimitBytes) throw new StaticPodError(`is larger than ${sizeLimitBytes} bytes`);
      const text = await readFile(file, 'utf8');
      if (before?.text === text && before.pod && before.brokeAtMs === undefined) return before;
      return { text, pod: await this.#decode(file, text), error: undefined, brokeAtMs: undefined };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      return this.#broken(file, before, error as Error);
    }
  }

  async #decode(file: string, text: string): Promise<Pod> {
    const { nodeName, clock } = this.#options;
    const { decodeStaticPod } = await import('./decode.ts');
    const pod = decodeStaticPod({ file, text, nodeName });
    const known = this.#pods.get(pod.metadata.uid ?? '');
    const seen = known?.metadata.annotations?.['kubernetes.io/config.seen'] ?? new Date(clock.nowMs()).toISOString();
    pod.metadata.annotations = { ...pod.metadata.annotations, 'kubernetes.io/config.seen': seen };
    return pod;
  }

  /** A file that held a pod may be in the middle of being written: its pod goes only when it stays broken. */
  #broken(file: string, before: Known | undefined, { message }: Error): Known {
    const { clock, log } = this.#options;
    if (before?.error !== message) log.error('static pod is not valid', { file, error: message });
    const nowMs = clock.monotonicMs();
    const brokeAtMs = before?.pod ? (before.brokeAtMs ?? nowMs) : undefined;
    const isOver = brokeAtMs === undefined || nowMs - brokeAtMs >= rescanMs;
    return {
      text: before?.text ?? '',
      pod: isOver ? undefined : before?.pod,
      error: message,
      brokeAtMs: isOver ? undefined : brokeAtMs,
    };
  }

  #publish(): void {
    const byName = new Map<string, Pod>();
    for (const { pod } of this.#files.values()) {
      if (pod) byName.set(`${pod.metadata.namespace}/${pod.metadata.name}`, pod);
    }
    const pods = new Map([...byName.values()].map((pod) => [pod.metadata.uid ?? '', pod]));
    const isSame = pods.size === this.#pods.size && [...pods.keys()].every((uid) => this.#pods.has(uid));
    if (isSame) return;
    this.#pods = pods;
    this.#options.onChange();
  }
}

async function describe(file: string): Promise<{ size: number; isFile: boolean }> {
  const found = await stat(file);
  return { size: found.size, isFile: found.isFile() };
}
