import type { FileHandle } from 'node:fs/promises';

const blockBytes = 32 << 10;
const newline = 0x0a;

/** Where the last `lines` lines begin; a line without its end is none. Reads backwards from the end. */
export async function tailStart(file: Pick<FileHandle, 'read'>, sizeBytes: number, lines: number): Promise<number> {
  const block = Buffer.allocUnsafe(Math.min(blockBytes, Math.max(sizeBytes, 1)));
  let found = 0;
  for (let right = sizeBytes; right > 0; ) {
    const left = Math.max(0, right - block.length);
    const { bytesRead } = await file.read(block, 0, right - left, left);
    for (let at = bytesRead - 1; at >= 0; at--) {
      if (block[at] === newline && ++found > lines) return left + at + 1;
    }
    right = left;
  }
  return 0;
}
