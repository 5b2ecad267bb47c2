/** POSIX tar (ustar, with pax headers where ustar's fields are too small), written as a stream of chunks. */
import { createReadStream } from 'node:fs';

/** Bytes in memory, or a file on this machine that is read when its turn comes. */
export type FileContent = Uint8Array | { path: string; sizeBytes: number };

interface EntryBase {
  /** Without a leading slash. */
  path: string;
  /** Permission bits; default 0755 for folders, 0644 for files. */
  mode?: number;
  uid?: number;
  gid?: number;
}

export type TarEntry =
  | (EntryBase & { type: 'file'; content: FileContent })
  | (EntryBase & { type: 'folder' })
  | (EntryBase & { type: 'symlink'; target: string });

const blockBytes = 512;
const typeFlag = { file: '0', symlink: '2', folder: '5', pax: 'x' } as const;

/** All entries, in the order given, then the end mark. Times are zero, so equal entries make equal bytes. */
export async function* writeTar(entries: Iterable<TarEntry>): AsyncGenerator<Uint8Array> {
  for (const entry of entries) {
    yield* headers(entry);
    if (entry.type !== 'file') continue;
    const { content } = entry;
    yield* content instanceof Uint8Array ? [content] : fromDisk(content);
    yield padding(sizeOf(content));
  }
  yield new Uint8Array(2 * blockBytes);
}

export const sizeOf = (content: FileContent): number =>
  content instanceof Uint8Array ? content.length : content.sizeBytes;

async function* fromDisk({ path, sizeBytes }: { path: string; sizeBytes: number }): AsyncGenerator<Uint8Array> {
  let readBytes = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 256 << 10 })) {
    readBytes += (chunk as Buffer).length;
    if (readBytes > sizeBytes) break;
    yield chunk as Buffer;
  }
  if (readBytes !== sizeBytes) throw new Error(`${path} has changed while it was read`);
}

const padding = (sizeBytes: number): Uint8Array => new Uint8Array((blockBytes - (sizeBytes % blockBytes)) % blockBytes);

function* headers(entry: TarEntry): Generator<Uint8Array> {
  const path = entry.type === 'folder' ? `${entry.path}/` : entry.path;
  const target = entry.type === 'symlink' ? entry.target : '';
  const long = { path: fits(path) ? '' : path, linkpath: fits(target) ? '' : target };
  if (long.path || long.linkpath) {
    const records = Buffer.from(Object.entries(long).map(paxRecord).join(''));
    yield header({ name: 'pax', size: records.length, flag: typeFlag.pax, mode: 0o644 });
    yield records;
    yield padding(records.length);
  }
  yield header({
    name: path,
    target,
    size: entry.type === 'file' ? sizeOf(entry.content) : 0,
    flag: typeFlag[entry.type],
    mode: entry.mode ?? (entry.type === 'file' ? 0o644 : entry.type === 'folder' ? 0o755 : 0o777),
    uid: entry.uid ?? 0,
    gid: entry.gid ?? 0,
  });
}

/** In ustar's name field, which has 100 bytes and no say about the character set. */
const fits = (name: string): boolean => name.length <= 100 && /^[\x20-\x7e]*$/.test(name);

/** `<length> key=value\n`, where the length counts its own digits. */
function paxRecord([key, value]: [string, string]): string {
  if (!value) return '';
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  let length = rest + String(rest).length;
  if (rest + String(length).length !== length) length = rest + String(length).length;
  return `${length} ${key}=${value}\n`;
}

interface HeaderFields {
  name: string;
  target?: string;
  size: number;
  flag: string;
  mode: number;
  uid?: number;
  gid?: number;
}

function header({ name, target = '', size, flag, mode, uid = 0, gid = 0 }: HeaderFields): Uint8Array {
  const block = Buffer.alloc(blockBytes);
  const octal = (value: number, at: number, digits: number): number =>
    block.write(value.toString(8).padStart(digits, '0'), at, digits, 'latin1');
  block.write(name, 0, 100, 'utf8');
  octal(mode, 100, 7);
  octal(uid, 108, 7);
  octal(gid, 116, 7);
  octal(size, 124, 11);
  octal(0, 136, 11);
  block.fill(' ', 148, 156);
  block.write(flag, 156, 'latin1');
  block.write(target, 157, 100, 'utf8');
  block.write('ustar\x0000', 257, 'latin1');
  const sum = block.reduce((total, byte) => total + byte, 0);
  octal(sum, 148, 6);
  block[154] = 0;
  return block;
}
