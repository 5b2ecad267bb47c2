/** A sink that writes events to a rotated file, one JSON text a line, in batches and never in anyone's way. */
import { type FileHandle, mkdir, open, readdir, rename, unlink } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import type { Clock, Timer } from '../../kernel/clock.ts';
import type { Logger } from '../../kernel/log.ts';
import { isAudited } from './policy.ts';
import type { AuditEvent, AuditSink } from './types.ts';

export interface AuditLogOptions {
  file: string;
  /** Days after which a rotated file is removed; 0 = never. */
  maxAgeDays: number;
  /** Rotated files that are kept. */
  maxFiles: number;
  /** The file is rotated before it grows beyond. */
  maxFileBytes: number;
  clock: Clock;
  log: Logger;
}

const flushAfterMs = 1_000;
/** Characters that are worth a write of their own. */
const flushChars = 64 << 10;
/** Characters that may wait for a slow disk. Beyond, events are dropped and counted. */
const queueLimitChars = 4 << 20;
const dayMs = 86_400_000;
/** Between two log lines about a disk that refuses. */
const complainEveryMs = 60_000;

export class AuditLog implements AuditSink {
  readonly wants = isAudited;
  readonly #options: AuditLogOptions;
  #queue: string[] = [];
  #queuedChars = 0;
  #timer: Timer | undefined;
  #flushing: Promise<void> | undefined;
  /** The next batch waits for the one that is being written. */
  #isDue = false;
  #file: FileHandle | undefined;
  #fileBytes = 0;
  #events = 0;
  #dropped = 0;
  #complainedMs = Number.NEGATIVE_INFINITY;
  #isClosed = false;

  constructor(options: AuditLogOptions) {
    this.#options = options;
  }

  /** Events since the start: all, and those that were not written. */
  stats(): { events: number; dropped: number } {
    return { events: this.#events, dropped: this.#dropped };
  }

  record(event: AuditEvent): void {
    this.#events++;
    if (this.#isClosed || this.#queuedChars >= queueLimitChars) {
      this.#dropped++;
      return;
    }
    const line = `${JSON.stringify(event)}\n`;
    this.#queue.push(line);
    this.#queuedChars += line.length;
    if (this.#queuedChars >= flushChars) this.#flush();
    else this.#timer ??= this.#options.clock.after(flushAfterMs, () => this.#flush());
  }

  /** Writes what waits. Resolves when the file is closed. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#flushing;
    await this.#writeQueue();
    await this.#file?.close();
    this.#file = undefined;
  }

  #flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#isDue = this.#flushing !== undefined;
    if (this.#isDue) return;
    this.#flushing = this.#writeQueue().finally(() => {
      this.#flushing = undefined;
      if (this.#isDue && !this.#isClosed) this.#flush();
    });
  }

  async #writeQueue(): Promise<void> {
    const lines = this.#queue;
    if (lines.length === 0) return;
    this.#queue = [];
    this.#queuedChars = 0;
    try {
      await this.#append(Buffer.from(lines.join('')));
    } catch (error) {
      this.#dropped += lines.length;
      this.#complain(error);
      await this.#file?.close().catch(() => {});
      this.#file = undefined;
    }
  }

  async #append(bytes: Buffer): Promise<void> {
    this.#file ??= await this.#open();
    if (this.#fileBytes > 0 && this.#fileBytes + bytes.length > this.#options.maxFileBytes) {
      await this.#file.close();
      this.#file = undefined;
      await this.#rotate();
      this.#file = await this.#open();
    }
    await this.#file.appendFile(bytes);
    this.#fileBytes += bytes.length;
  }

  async #open(): Promise<FileHandle> {
    const { file } = this.#options;
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    const opened = await open(file, 'a', 0o600);
    this.#fileBytes = (await opened.stat()).size;
    return opened;
  }

  /** `audit.log` becomes `audit-2026-01-01T00-00-00.000.log`; of those, the newest few stay. */
  async #rotate(): Promise<void> {
    const { file, clock, maxFiles, maxAgeDays, log } = this.#options;
    const extension = extname(file);
    const prefix = `${basename(file, extension)}-`;
    const stamp = new Date(clock.nowMs()).toISOString().slice(0, -1).replaceAll(':', '-');
    await rename(file, join(dirname(file), `${prefix}${stamp}${extension}`));
    const rotated = (await readdir(dirname(file)))
      .filter((name) => name.startsWith(prefix) && name.endsWith(extension))
      .sort()
      .reverse();
    const isOld = (name: string): boolean =>
      maxAgeDays > 0 && timeOf(name.slice(prefix.length)) < clock.nowMs() - maxAgeDays * dayMs;
    for (const name of rotated.filter((each, index) => index >= maxFiles || isOld(each))) {
      await unlink(join(dirname(file), name)).catch((error: unknown) =>
        log.warn('old audit log could not be removed', { file: name, error: String(error) }),
      );
    }
  }

  #complain(error: unknown): void {
    const { clock, log, file } = this.#options;
    if (clock.monotonicMs() - this.#complainedMs < complainEveryMs) return;
    this.#complainedMs = clock.monotonicMs();
    log.warn('audit log could not be written', { file, error: String(error), dropped: this.#dropped });
  }
}

/** The time in a rotated file's name: `2026-01-01T00-00-00.000.log`. */
function timeOf(stamp: string): number {
  const [date, time = ''] = stamp.slice(0, 23).split('T');
  return Date.parse(`${date}T${time.replaceAll('-', ':')}Z`);
}
