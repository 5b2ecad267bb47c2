/** Reads a container's log file into a sink, to its end or for as long as the container runs. */
import { watch } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { Clock } from '../../../kernel/index.ts';
import type { ByteSink } from '../sink.ts';
import { LogFormatter } from './format.ts';
import type { LogOptions } from './options.ts';
import { tailStart } from './tail.ts';

export interface LogSource {
  path: string;
  /** Asked while the file is followed and has nothing new. */
  isRunning(): Promise<boolean>;
  clock: Clock;
}

const readBytes = 64 << 10;
/** How long a followed file may be quiet before its container is looked at: as upstream's logForceCheckPeriod. */
const checkMs = 1_000;

/** Resolves when everything wanted is written, or the reader has gone. Rejects when the file cannot be read. */
export async function readLog(source: LogSource, options: LogOptions, sink: ByteSink): Promise<void> {
  const reader = new LogReader(source, options, sink);
  try {
    await reader.run();
  } finally {
    await reader.close();
  }
}

class LogReader {
  readonly #source: LogSource;
  readonly #options: LogOptions;
  readonly #sink: ByteSink;
  readonly #formatter: LogFormatter;
  readonly #buffer = Buffer.allocUnsafe(readBytes);
  #file: FileHandle | undefined;
  #position = 0;
  #changes: Changes | undefined;

  constructor(source: LogSource, options: LogOptions, sink: ByteSink) {
    this.#source = source;
    this.#options = options;
    this.#sink = sink;
    const limitLines = options.follow ? undefined : options.tailLines;
    this.#formatter = new LogFormatter({ ...options, limitLines });
  }

  async run(): Promise<void> {
    this.#file = await open(this.#source.path);
    const { tailLines, follow } = this.#options;
    if (tailLines !== undefined) {
      const { size } = await this.#file.stat();
      this.#position = await tailStart(this.#file, size, tailLines);
    }
    await this.#copy();
    if (follow) await this.#follow();
  }

  async close(): Promise<void> {
    this.#changes?.close();
    await this.#file?.close();
  }

  get #finished(): boolean {
    return this.#sink.closed || this.#formatter.done;
  }

  async #follow(): Promise<void> {
    this.#changes = new Changes(this.#source, () => this.#finished);
    this.#sink.onClosed(() => this.#changes?.wake());
    let isRunning = true;
    for (;;) {
      await this.#copy(); // also what came before the watch began
      if (this.#finished) return;
      if (await this.#rotated()) continue;
      if (!isRunning) return;
      if ((await this.#changes.next()) === 'quiet') isRunning = await this.#source.isRunning();
    }
  }

  /** Everything up to the present end of the file. */
  async #copy(): Promise<void> {
    while (!this.#finished) {
      const { bytesRead } = await this.#file!.read(this.#buffer, 0, readBytes, this.#position);
      if (bytesRead === 0) return;
      this.#position += bytesRead;
      const pieces = this.#formatter.push(this.#buffer.subarray(0, bytesRead));
      if (pieces.length > 0 && !this.#sink.write(Buffer.concat(pieces))) await this.#sink.drained();
    }
  }

  /** Another file has taken the name: what the old one held is copied, and the new one is opened. */
  async #rotated(): Promise<boolean> {
    const [named, opened] = await Promise.all([inodeAt(this.#source.path), this.#file!.stat()]);
    if (named === undefined || named === opened.ino) return false;
    await this.#copy();
    await this.#file!.close();
    this.#file = await open(this.#source.path);
    this.#position = 0;
    this.#formatter.restart();
    return true;
  }
}

async function inodeAt(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).ino;
  } catch {
    return undefined; // between the old one's renaming and the new one's creation
  }
}

/** Waits for writes to a file's folder, and no longer than `checkMs`. */
class Changes {
  readonly #clock: Clock;
  readonly #isOver: () => boolean;
  readonly #watcher: { close(): void } | undefined;
  #changed = false;
  #wake: (() => void) | undefined;

  constructor({ path, clock }: LogSource, isOver: () => boolean) {
    this.#clock = clock;
    this.#isOver = isOver;
    this.#watcher = watchFolder(path, () => this.wake());
  }

  wake(): void {
    this.#changed = true;
    this.#wake?.();
  }

  async next(): Promise<'changed' | 'quiet'> {
    if (!this.#changed && !this.#isOver()) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      const timer = this.#clock.after(checkMs, resolve);
      await promise;
      timer.cancel();
    }
    const changed = this.#changed;
    this.#changed = false;
    return changed ? 'changed' : 'quiet';
  }

  close(): void {
    this.#watcher?.close();
  }
}

/** Where the machine has no watches left, following goes by `checkMs`. */
function watchFolder(path: string, changed: () => void): { close(): void } | undefined {
  const name = basename(path);
  try {
    const watcher = watch(dirname(path), { persistent: false }, (_event, file) => {
      if (file === null || file === name) changed();
    });
    watcher.on('error', () => watcher.close());
    return watcher;
  } catch {
    return undefined;
  }
}
