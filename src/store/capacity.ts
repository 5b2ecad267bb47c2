import type { Cache } from './cache.ts';
import type { Records } from './records.ts';
import { type Entry, StoreFullError, type StoredKind, type WriteIntent } from './types.ts';
import type { WatchWindow } from './window.ts';

/** Part of the memory that only deletions, status and shrinking updates may use. */
const reserveShare = 1 / 16;
const shedAboveShare = 0.9;
const shedDownToShare = 0.85;
/** Part of its bound that the window keeps while memory is short. */
const shortWindowShare = 1 / 4;
/** A deletion needs memory before it gives any back: shed in steps. */
const shedStepShare = 1 / 64;

/** Decides who may still take memory as the cache fills up. */
export class Capacity {
  readonly #records: Records;
  readonly #window: WatchWindow;
  readonly #windowBytes: number;
  readonly #limitBytes: number;

  constructor(records: Records, window: WatchWindow, windowBytes: number) {
    this.#records = records;
    this.#window = window;
    this.#windowBytes = windowBytes;
    this.#limitBytes = Math.floor(records.arena.capacityBytes * (1 - reserveShare));
  }

  /** True when expendable objects should go. */
  get isShort(): boolean {
    return this.#neededBytes > this.#limitBytes * shedAboveShare;
  }

  /** Without what the window would give up. */
  get #neededBytes(): number {
    const { heldBytes } = this.#window;
    return this.#records.arena.liveBytes - heldBytes + Math.min(heldBytes, this.#windowBytes * shortWindowShare);
  }

  /** Throws StoreFullError when this write may not take more memory. `published`: events after it must stay. */
  admit(intent: WriteIntent, head: Entry | undefined, published: number): void {
    if (this.isShort) this.#window.trim(published, this.#windowBytes * shortWindowShare);
    if (this.#fits(intent)) return;
    this.relieve(published);
    if (this.#fits(intent)) return;
    if (intent.operation === 'delete' || intent.essential) return;
    if (head && intent.bytes!.length <= this.#records.bytes(head).length) return;
    throw this.full();
  }

  #fits({ bytes }: WriteIntent): boolean {
    return this.#records.arena.liveBytes + (bytes?.length ?? 0) <= this.#limitBytes;
  }

  /** Frees what past events hold, for a write that may use the reserve and found none left. */
  relieve(published: number): void {
    this.#window.trim(published, 0);
  }

  full(): StoreFullError {
    const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
    const { liveBytes } = this.#records.arena;
    return new StoreFullError(
      `the cluster's object store is full: ${mib(liveBytes)} of ${mib(this.#limitBytes)} are in use; ` +
        'delete objects before creating or enlarging any',
    );
  }

  /** The oldest expendable objects, enough of them to come back under the mark. */
  expendable(cache: Cache, kinds: readonly StoredKind[]): Entry[] {
    let excess = this.#neededBytes - this.#limitBytes * shedDownToShare;
    if (excess <= 0) return [];
    excess = Math.min(excess, this.#limitBytes * shedStepShare);
    const oldest = kinds
      .filter((kind) => kind.expendable)
      .flatMap((kind) => cache.select(kind, {}))
      .sort((a, b) => a.revision - b.revision);
    return oldest.filter((entry) => {
      const isNeeded = excess > 0;
      excess -= this.#records.footprint(entry);
      return isNeeded;
    });
  }
}
