/** A container's last words: what it wrote to its termination message file, or the end of its log. */
import { open } from 'node:fs/promises';
import type { ContainerStatus } from '../cri/types.ts';
import { runtimeAnnotations } from '../types.ts';

const fileLimitBytes = 4096;
const logLimitBytes = 2048;
const logLimitLines = 80;
/** Of a log's end: holds 80 short lines, or the ends of a few of the longest. */
const logTailBytes = 64 << 10;

export async function terminationMessage(status: ContainerStatus): Promise<string> {
  const path = status.annotations[runtimeAnnotations.terminationMessagePath];
  const policy = status.annotations[runtimeAnnotations.terminationMessagePolicy];
  const mayUseLog =
    policy === 'FallbackToLogsOnError' && status.exitCode !== 0 && status.reason !== 'ContainerCannotRun';
  const file = path && status.mounts.find(({ containerPath }) => containerPath === path)?.hostPath;
  if (file) {
    const written = await tail(file, fileLimitBytes).then(String, (error) =>
      isMissing(error) ? '' : `Error on reading termination log ${file}: ${String(error)}`,
    );
    if (written !== '') return written;
  }
  return mayUseLog ? lastOfLog(status.logPath) : '';
}

async function lastOfLog(path: string): Promise<string> {
  try {
    return lastLines(await tail(path, logTailBytes));
  } catch (error) {
    return `Error on reading termination message from logs: ${String(error)}`;
  }
}

/** The text of the last lines of a log in CRI's format: `<time> <stream> <F|P> <text>`. */
export function lastLines(log: Buffer): string {
  const lines = log.toString('latin1').split('\n');
  if (lines.at(-1) === '') lines.pop();
  const texts = lines.slice(-logLimitLines).map((line) => {
    const [, , tag, ...text] = line.split(' ');
    return text.join(' ') + (tag === 'P' ? '' : '\n');
  });
  return Buffer.from(texts.join(''), 'latin1').subarray(-logLimitBytes).toString();
}

async function tail(path: string, limit: number): Promise<Buffer> {
  await using file = await open(path);
  const { size } = await file.stat();
  const start = Math.max(0, size - limit);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(Math.min(size, limit)), { position: start });
  return buffer.subarray(0, bytesRead);
}

const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT';
