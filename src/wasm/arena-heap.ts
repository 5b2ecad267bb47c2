/**
 * Block allocator over a fixed range of linear memory: two-level segregated fit (Masmano et al., ECRTS 2004) with
 * boundary tags, plus sliding compaction. Blocks stand side by side without gaps from `base` to `top`; above `top`
 * nothing has been touched since the last compaction.
 *
 * Block: u32 size | free bit, u32 address of the block before it, then the owner's bytes (free: u32 next, u32 previous).
 */

import type { LinearMemory } from './arena-memory.ts';

/** Bytes of a block that belong to the allocator. */
export const blockHeaderBytes = 8;

const align = 16;
const minBlockBytes = 48;
const freeBit = 1;
const poisonByte = 0xdb;
const columns = 16;
const rows = 26;

const roundUp = (bytes: number): number => Math.max(minBlockBytes, Math.ceil(bytes / align) * align);

export class ArenaHeap {
  readonly base: number;
  readonly end: number;
  readonly #words: Uint32Array;
  readonly #bytes: Uint8Array;
  readonly #poison: boolean;
  readonly #heads = new Uint32Array(rows * columns);
  readonly #columnMaps = new Uint32Array(rows);
  #rowMap = 0;
  #top: number;
  /** The block that ends at `top`; never free. 0 when there is none. */
  #last = 0;
  #freeBytes = 0;
  /** Where the compaction pass goes on: the start of a block, or `top`. */
  #cursor: number;

  constructor(memory: LinearMemory, base: number, end: number, poison: boolean) {
    this.base = Math.max(align, Math.ceil(base / align) * align);
    this.end = Math.floor(end / align) * align;
    this.#words = new Uint32Array(memory.buffer);
    this.#bytes = new Uint8Array(memory.buffer);
    this.#poison = poison;
    this.#top = this.base;
    this.#cursor = this.base;
  }

  /** Bytes between `base` and `top`, holes included. */
  get usedBytes(): number {
    return this.#top - this.base;
  }

  /** Bytes in holes below `top`. */
  get freeBytes(): number {
    return this.#freeBytes;
  }

  /** Size of the block at `address`. */
  sizeOf(address: number): number {
    return (this.#words[address >>> 2]! & ~freeBit) >>> 0;
  }

  /** Address of a block with at least `bytes` for header and content, or 0 when no hole and no room above fits. */
  allocate(bytes: number): number {
    const size = roundUp(bytes);
    const hole = this.#findHole(size);
    if (hole !== 0) return this.#carve(hole, size);
    if (this.#top + size > this.end) return 0;
    const address = this.#top;
    this.#setBlock(address, size, this.#last);
    this.#last = address;
    this.#top += size;
    return address;
  }

  /** Gives the block back and joins it with free neighbours. */
  free(address: number): void {
    let start = address;
    let size = this.sizeOf(address);
    const after = address + size;
    if (this.#poison) this.#bytes.fill(poisonByte, address + blockHeaderBytes, after);
    const before = this.#before(address);
    if (before !== 0 && this.#isFree(before)) {
      this.#unlink(before);
      if (this.#poison) this.#bytes.fill(poisonByte, address, address + blockHeaderBytes);
      start = before;
      size += this.sizeOf(before);
    }
    if (after < this.#top && this.#isFree(after)) {
      size += this.#absorb(after);
    }
    this.#makeHole(start, size, this.#before(start));
  }

  /**
   * Slides blocks down into the lowest holes until `maxBytes` have been moved. True when the pass has reached the top.
   * `moved` is told each block's new address.
   */
  compact(maxBytes: number, moved: (address: number) => void): boolean {
    let budget = maxBytes;
    let at = this.#cursor;
    while (budget > 0) {
      if (at >= this.#top || this.#freeBytes === 0) {
        this.#cursor = this.base;
        return true;
      }
      if (!this.#isFree(at)) {
        at += this.sizeOf(at);
        budget -= minBlockBytes;
        continue;
      }
      budget -= this.#slideInto(at, moved);
      at = at >= this.#top ? this.#top : at + this.sizeOf(at);
    }
    this.#cursor = at;
    return false;
  }

  /** Walks every block in address order; throws when the chain or a poisoned hole is damaged. */
  walk(visit: (address: number, size: number) => void): void {
    let previous = 0;
    for (let at = this.base; at < this.#top; ) {
      const size = this.sizeOf(at);
      if (size < minBlockBytes || at + size > this.#top) throw new Error(`arena: block at ${at} has size ${size}`);
      if (this.#before(at) !== previous) throw new Error(`arena: block at ${at} has a broken back link`);
      if (this.#isFree(at)) this.#checkHole(at, size);
      else visit(at, size);
      previous = at;
      at += size;
    }
    if (previous !== this.#last) throw new Error('arena: the last block is not where it should be');
  }

  #checkHole(at: number, size: number): void {
    if (at === this.#last) throw new Error(`arena: hole at ${at} stands below the top`);
    if (!this.#poison) return;
    for (let i = at + align; i < at + size; i++) {
      if (this.#bytes[i] !== poisonByte) throw new Error(`arena: freed block at ${at} was written to`);
    }
  }

  // --- compaction

  /** Moves the block above the hole at `hole` down; the hole rises. Returns bytes moved. */
  #slideInto(hole: number, moved: (address: number) => void): number {
    const holeSize = this.sizeOf(hole);
    const before = this.#before(hole);
    const block = hole + holeSize;
    const size = this.sizeOf(block);
    const isLast = block === this.#last;
    this.#unlink(hole);
    this.#bytes.copyWithin(hole, block, block + size);
    this.#setBlock(hole, size, before);
    moved(hole);

    const risen = hole + size;
    if (isLast) {
      this.#last = hole;
      this.#top = risen;
      if (this.#poison) this.#bytes.fill(poisonByte, risen, risen + holeSize);
      return size;
    }
    let risenSize = holeSize;
    const after = block + size;
    if (this.#isFree(after)) {
      risenSize += this.#absorb(after);
    }
    if (this.#poison) this.#bytes.fill(poisonByte, risen, risen + holeSize);
    this.#makeHole(risen, risenSize, hole);
    return size;
  }

  // --- blocks

  #isFree(address: number): boolean {
    return (this.#words[address >>> 2]! & freeBit) !== 0;
  }

  #before(address: number): number {
    return this.#words[(address >>> 2) + 1]!;
  }

  #setBlock(address: number, sizeAndBits: number, before: number): void {
    const word = address >>> 2;
    this.#words[word] = sizeAndBits;
    this.#words[word + 1] = before;
  }

  #setBefore(address: number, before: number): void {
    if (address < this.#top) this.#words[(address >>> 2) + 1] = before;
  }

  /** Takes a hole off its list so that the block before it can swallow it. Returns its size. */
  #absorb(hole: number): number {
    const size = this.sizeOf(hole);
    this.#unlink(hole);
    if (this.#poison) this.#bytes.fill(poisonByte, hole, hole + blockHeaderBytes);
    return size;
  }

  #makeHole(address: number, size: number, before: number): void {
    if (this.#cursor > address && this.#cursor < address + size) this.#cursor = address;
    if (address + size === this.#top) {
      this.#cursor = Math.min(this.#cursor, address);
      this.#top = address;
      this.#last = before;
      return;
    }
    this.#setBlock(address, (size | freeBit) >>> 0, before);
    this.#setBefore(address + size, address);
    this.#link(address, size);
  }

  #carve(hole: number, size: number): number {
    const holeSize = this.sizeOf(hole);
    this.#unlink(hole);
    const rest = holeSize - size;
    const taken = rest >= minBlockBytes ? size : holeSize;
    this.#setBlock(hole, taken, this.#before(hole));
    if (taken === size && rest > 0) this.#makeHole(hole + size, rest, hole);
    return hole;
  }

  // --- free lists

  #link(address: number, size: number): void {
    const slot = slotOf(size);
    const word = address >>> 2;
    const next = this.#heads[slot]!;
    this.#words[word + 2] = next;
    this.#words[word + 3] = 0;
    if (next !== 0) this.#words[(next >>> 2) + 3] = address;
    this.#heads[slot] = address;
    const row = slot >>> 4;
    this.#columnMaps[row]! |= 1 << (slot & 15);
    this.#rowMap |= 1 << row;
    this.#freeBytes += size;
  }

  #unlink(address: number): void {
    const size = this.sizeOf(address);
    const slot = slotOf(size);
    const word = address >>> 2;
    const next = this.#words[word + 2]!;
    const previous = this.#words[word + 3]!;
    if (next !== 0) this.#words[(next >>> 2) + 3] = previous;
    if (previous !== 0) this.#words[(previous >>> 2) + 2] = next;
    else this.#unlinkHead(slot, next);
    if (this.#poison) {
      this.#words.fill(poisonByte * 0x01010101, word + 2, word + 4);
    }
    this.#freeBytes -= size;
  }

  #unlinkHead(slot: number, next: number): void {
    this.#heads[slot] = next;
    if (next !== 0) return;
    const row = slot >>> 4;
    this.#columnMaps[row]! &= ~(1 << (slot & 15));
    if (this.#columnMaps[row] === 0) this.#rowMap &= ~(1 << row);
  }

  /** A hole of at least `size` bytes in constant time, or 0. */
  #findHole(size: number): number {
    const slot = slotOf(size < 256 ? size : size + (1 << (27 - Math.clz32(size))) - 1);
    let row = slot >>> 4;
    let map = this.#columnMaps[row]! & (-1 << (slot & 15));
    if (map === 0) {
      const higher = this.#rowMap & (-2 << row);
      if (higher === 0) return 0;
      row = lowestBit(higher);
      map = this.#columnMaps[row]!;
    }
    return this.#heads[row * columns + lowestBit(map)]!;
  }
}

const lowestBit = (map: number): number => 31 - Math.clz32(map & -map);

/** Free list of a size: 16 lists below 256 bytes, then 16 to each power of two. */
function slotOf(size: number): number {
  if (size < 256) return size >>> 4;
  const power = 31 - Math.clz32(size);
  return (power - 7) * columns + ((size >>> (power - 4)) & 15);
}
