/**
 * A disk as a program saw it through its system calls, and as a power cut may leave it: what was synced is there; of
 * what was written since, each sector may be there or not; names that were made or removed since may be either way.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

export type DiskEvent =
  | { type: 'write'; file: string; offset: number; data: Buffer }
  | { type: 'truncate'; file: string; size: number }
  | { type: 'create' | 'unlink' | 'sync'; file: string }
  | { type: 'syncDirectory' }
  | { type: 'told'; text: string };

const sectorBytes = 512;

type Pending = { offset: number; data: Buffer } | { size: number };

interface Inode {
  durable: Buffer;
  pending: Pending[];
}

/**
 * Which of the unsynced changes a power cut leaves: asked for each sector, with the place of its write among the
 * unsynced ones of its file (0 is the oldest, 1 the newest).
 */
export type Survival = (place: number) => boolean;

export class Disk {
  #names = new Map<string, Inode>();
  #durableNames = new Map<string, Inode>();
  #pendingNames: { file: string; inode: Inode | undefined }[] = [];

  apply(event: DiskEvent): void {
    switch (event.type) {
      case 'write':
        this.#inode(event.file).pending.push({ offset: event.offset, data: event.data });
        break;
      case 'truncate':
        this.#inode(event.file).pending.push({ size: event.size });
        break;
      case 'create':
        if (!this.#names.has(event.file)) this.#rename(event.file, { durable: Buffer.alloc(0), pending: [] });
        break;
      case 'unlink':
        this.#rename(event.file, undefined);
        break;
      case 'sync': {
        const inode = this.#inode(event.file);
        inode.durable = after(inode, () => true);
        inode.pending = [];
        break;
      }
      case 'syncDirectory':
        this.#durableNames = new Map(this.#names);
        this.#pendingNames = [];
        break;
    }
  }

  /** Writes the files as a power cut would leave them now. */
  writeImage(directory: string, survival: Survival): void {
    const names = new Map(this.#durableNames);
    for (const { file, inode } of this.#pendingNames) {
      if (!survival(0)) break;
      if (inode) names.set(file, inode);
      else names.delete(file);
    }
    for (const [file, inode] of names) writeFileSync(join(directory, file), after(inode, survival));
  }

  #inode(file: string): Inode {
    const inode = this.#names.get(file);
    if (!inode) throw new Error(`${file} was used before it was made`);
    return inode;
  }

  #rename(file: string, inode: Inode | undefined): void {
    if (inode) this.#names.set(file, inode);
    else this.#names.delete(file);
    this.#pendingNames.push({ file, inode });
  }
}

/** An inode's content with the pending changes that survive. */
function after({ durable, pending }: Inode, survival: Survival): Buffer {
  if (pending.length === 0) return durable;
  const ends = pending.map((change) => ('size' in change ? change.size : change.offset + change.data.length));
  const content = Buffer.alloc(Math.max(durable.length, ...ends));
  durable.copy(content);
  let size = durable.length;
  for (const [i, change] of pending.entries()) {
    const place = i / Math.max(1, pending.length - 1);
    if ('size' in change) {
      if (!survival(place)) continue;
      content.fill(0, Math.min(size, change.size));
      size = change.size;
      continue;
    }
    for (const [offset, sector] of sectors(change)) {
      if (!survival(place)) continue;
      sector.copy(content, offset);
      size = Math.max(size, offset + sector.length);
    }
  }
  return content.subarray(0, size);
}

/** A write cut at the disk's sector boundaries. */
function* sectors({ offset, data }: { offset: number; data: Buffer }): Generator<[offset: number, data: Buffer]> {
  for (let at = offset; at < offset + data.length; ) {
    const next = Math.min((Math.floor(at / sectorBytes) + 1) * sectorBytes, offset + data.length);
    yield [at, data.subarray(at - offset, next - offset)];
    at = next;
  }
}
