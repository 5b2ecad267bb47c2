import type { Disk } from './machine.ts';

export type PressureType = 'MemoryPressure' | 'DiskPressure' | 'PIDPressure';

/** The kubelet's default hard thresholds. */
export const memoryReserveBytes = 100 << 20;
export const diskReserve = 0.1;
const inodeReserve = 0.05;
/** A condition stays for this long after it was last seen. */
const lastsMs = 5 * 60_000;

export interface Observed {
  availableMemoryBytes: number;
  disk: Disk;
}

/** Which pressures there are, held for a while so that the node does not flap. */
export class Pressures {
  readonly #seenAtMs = new Map<PressureType, number>();

  observe({ availableMemoryBytes, disk }: Observed, nowMs: number): void {
    if (availableMemoryBytes < memoryReserveBytes) this.#seenAtMs.set('MemoryPressure', nowMs);
    const isFull =
      disk.freeBytes < disk.sizeBytes * diskReserve ||
      (disk.inodes > 0 && disk.freeInodes < disk.inodes * inodeReserve);
    if (isFull) this.#seenAtMs.set('DiskPressure', nowMs);
  }

  has(type: PressureType, nowMs: number): boolean {
    const seenAtMs = this.#seenAtMs.get(type);
    return seenAtMs !== undefined && nowMs - seenAtMs < lastsMs;
  }
}
