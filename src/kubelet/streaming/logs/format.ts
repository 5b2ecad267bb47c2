/**
 * CRI's log format to what the container wrote. A line is `<RFC 3339 time> stdout|stderr <tags> <text>\n`; the tag `P`
 * marks a part whose line goes on in the next one (KEP: design-proposals/node/kubelet-cri-logging.md).
 */
import type { LogStream } from './options.ts';

export interface LogFormat {
  timestamps: boolean;
  stream: LogStream;
  sinceMs: number | undefined;
  limitBytes: number | undefined;
  /** Lines of the file, parts counted by themselves, after which nothing more is wanted. */
  limitLines: number | undefined;
}

/** Longer than any header: what has none within this is no line of ours. */
const headerLimitBytes = 128;
const newline = 0x0a;
const blank = 0x20;
const nothing = Buffer.alloc(0);

/** Takes the file in pieces of any size and holds at most a line's header. */
export class LogFormatter {
  readonly #format: LogFormat;
  #state: 'header' | 'text' | 'skip' = 'header';
  #header: Buffer = nothing;
  #partial = false;
  /** What comes next begins a line of the container's. */
  #isNewLine = true;
  #remainingBytes: number;
  #remainingLines: number;

  constructor(format: LogFormat) {
    this.#format = format;
    this.#remainingBytes = format.limitBytes ?? Number.POSITIVE_INFINITY;
    this.#remainingLines = format.limitLines ?? Number.POSITIVE_INFINITY;
  }

  /** Nothing more will be let through. */
  get done(): boolean {
    return this.#remainingBytes <= 0 || this.#remainingLines <= 0;
  }

  /** Another file begins: what was cut off stays so. */
  restart(): void {
    this.#state = 'header';
    this.#header = nothing;
  }

  /** What of `chunk` the reader gets; the pieces are views of it, in order. */
  push(chunk: Buffer): Buffer[] {
    const out: Buffer[] = [];
    let at = 0;
    while (at < chunk.length && !this.done) {
      at = this.#state === 'header' ? this.#takeHeader(chunk, at, out) : this.#takeText(chunk, at, out);
    }
    return out;
  }

  #takeHeader(chunk: Buffer, at: number, out: Buffer[]): number {
    const known = this.#header.length;
    const next = chunk.subarray(at, at + headerLimitBytes - known);
    const line = known > 0 ? Buffer.concat([this.#header, next]) : next;
    const header = parseHeader(line);
    if (header === 'incomplete' && line.length < headerLimitBytes) {
      this.#header = Buffer.from(line);
      return chunk.length;
    }
    this.#header = nothing;
    if (header === 'incomplete' || header === 'malformed') {
      this.#state = 'skip';
      this.#partial = !this.#isNewLine;
      return at;
    }
    this.#partial = header.partial;
    this.#state = this.#wants(header) ? 'text' : 'skip';
    if (this.#state === 'text' && this.#format.timestamps && this.#isNewLine) {
      this.#let(Buffer.from(`${fixedTime(header.time)} `), out);
    }
    return at + header.length - known;
  }

  #takeText(chunk: Buffer, at: number, out: Buffer[]): number {
    const end = chunk.indexOf(newline, at);
    const next = end < 0 ? chunk.length : end + 1;
    if (this.#state === 'text') this.#let(chunk.subarray(at, end >= 0 && this.#partial ? end : next), out);
    if (end >= 0) {
      this.#state = 'header';
      this.#isNewLine = !this.#partial;
      this.#remainingLines--;
    }
    return next;
  }

  #let(text: Buffer, out: Buffer[]): void {
    const kept = text.length > this.#remainingBytes ? text.subarray(0, this.#remainingBytes) : text;
    this.#remainingBytes -= kept.length;
    if (kept.length > 0) out.push(kept);
  }

  #wants({ isStderr, time }: Header): boolean {
    const { stream, sinceMs } = this.#format;
    if (stream !== 'All' && isStderr !== (stream === 'Stderr')) return false;
    return sinceMs === undefined || Date.parse(time) >= sinceMs;
  }
}

interface Header {
  time: string;
  isStderr: boolean;
  partial: boolean;
  length: number;
}

function parseHeader(line: Buffer): Header | 'incomplete' | 'malformed' {
  const timeEnd = line.indexOf(blank);
  const streamEnd = timeEnd < 0 ? -1 : line.indexOf(blank, timeEnd + 1);
  const tagsEnd = streamEnd < 0 ? -1 : line.indexOf(blank, streamEnd + 1);
  const lineEnd = line.indexOf(newline);
  if (tagsEnd < 0 || (lineEnd >= 0 && lineEnd < tagsEnd)) return lineEnd < 0 ? 'incomplete' : 'malformed';
  const stream = line.toString('latin1', timeEnd + 1, streamEnd);
  if ((stream !== 'stdout' && stream !== 'stderr') || !isTime(line)) return 'malformed';
  return {
    time: line.toString('latin1', 0, timeEnd),
    isStderr: stream === 'stderr',
    partial: line.toString('latin1', streamEnd + 1, tagsEnd).split(':', 1)[0] === 'P',
    length: tagsEnd + 1,
  };
}

/** `2026-…T…`: told by its dashes and its T. */
const isTime = (line: Buffer): boolean => line[4] === 0x2d && line[7] === 0x2d && line[10] === 0x54;

/** Nine digits of the second, whatever the runtime wrote. */
function fixedTime(time: string): string {
  const fraction = /\.(\d+)/.exec(time)?.[1] ?? '';
  const zone = /(Z|[+-]\d\d:\d\d)$/.exec(time)?.[1] ?? 'Z';
  return `${time.slice(0, 19)}.${fraction.padEnd(9, '0').slice(0, 9)}${/^[+-]00:00$/.test(zone) ? 'Z' : zone}`;
}
