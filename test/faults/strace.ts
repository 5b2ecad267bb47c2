/** Reads the output of `strace -f -y -xx`: which files were written, synced, made and removed, in which order. */
import { basename } from 'node:path';
import type { DiskEvent } from './disk.ts';

/** System calls that change a disk or say that it is changed. */
export const tracedCalls = 'openat,write,pwrite64,fdatasync,fsync,ftruncate,unlink,rename,pwritev,fallocate,link';

/**
 * Disk events of the files in `directory`, and what was written to `told`. A sync counts from its end on, for what had
 * been written at its beginning.
 */
export function* readTrace(trace: string, directory: string, told: string): Generator<DiskEvent> {
  const begun = new Map<string, string>();
  for (const line of trace.split('\n')) {
    const [, thread = '', rest = ''] = /^(\d+) +(.*)$/.exec(line) ?? [];
    const unfinished = /^(.*) <unfinished \.\.\.>$/.exec(rest);
    if (unfinished) {
      begun.set(thread, unfinished[1]!);
      continue;
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest);
    const call = resumed ? `${begun.get(thread)}${resumed[1]}` : rest;
    const event = readCall(call, directory, told);
    if (event) yield event;
  }
}

function readCall(call: string, directory: string, told: string): DiskEvent | undefined {
  const [, name = '', text = '', result = ''] = /^(\w+)\((.*)\) += (-?\d+)/.exec(call) ?? [];
  if (name === '' || result.startsWith('-')) return undefined;
  const path = bytesOf(
    /(?:<|")((?:\\x[0-9a-f]{2})+)(?:>|")/.exec(name === 'openat' ? text.slice(text.indexOf('"')) : text)?.[1] ?? '',
  ).toString();
  if (path === told && name === 'write') return { type: 'told', text: data(text).toString() };
  if (path === directory && name.startsWith('f')) return { type: 'syncDirectory' };
  if (!path.startsWith(`${directory}/`)) return undefined;
  const file = basename(path);
  switch (name) {
    case 'openat':
      return text.includes('O_CREAT') ? { type: 'create', file } : undefined;
    case 'pwrite64':
      return { type: 'write', file, offset: Number(/, (\d+)$/.exec(text)![1]), data: data(text) };
    case 'ftruncate':
      return { type: 'truncate', file, size: Number(/, (\d+)$/.exec(text)![1]) };
    case 'fsync':
    case 'fdatasync':
      return { type: 'sync', file };
    case 'unlink':
      return { type: 'unlink', file };
    default:
      throw new Error(`${name} of ${file} is not understood`);
  }
}

const data = (text: string): Buffer => bytesOf(/, "((?:\\x[0-9a-f]{2})*)", \d+(?:, \d+)?$/.exec(text)![1]!);

const bytesOf = (escaped: string): Buffer => Buffer.from(escaped.replaceAll('\\x', ''), 'hex');
