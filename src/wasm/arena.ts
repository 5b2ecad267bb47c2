/**
 * Records in linear memory. A record is immutable and counted; code holds handles (slot and generation), never
 * addresses, so records may be moved between turns. The memory is never grown, so no view is ever detached.
 *
 * Record, after the block's header: u32 slot, u32 length, u16 type, u16 schema generation, u32 checksum, f64 revision,
 * then the content.
 */
import { crc32 } from 'node:zlib';
import { ArenaHeap, blockHeaderBytes } from './arena-heap.ts';
import type { LinearMemory } from './arena-memory.ts';

const recordHeaderBytes = 24;
const contentOffset = blockHeaderBytes + recordHeaderBytes;
/** SIMD code may read this far beyond a record. */
const overshootBytes = 64;
const slotLimit = 2 ** 24;
/** The low bits of a handle: its slot. */
const slotMask = slotLimit - 1;
const generationLimit = 2 ** 28;
const noSlot = 0xffffffff;

/** Where an arena lives: all of the memory from `base` on. */
export interface ArenaOptions {
  memory: LinearMemory;
  /** First byte that may be used; below it stand the data of the modules that share the memory. */
  base?: number;
  /** Overwrite freed blocks and check that they stay so. For tests. */
  poison?: boolean;
}

export interface RecordHeader {
  /** Id of the kind. */
  type: number;
  /** Generation of the schema the bytes were written under. */
  schemaGeneration: number;
  revision: number;
}

/** A handle whose record is gone: it was used longer than it was retained. */
export class StaleHandleError extends Error {
  constructor(handle: number) {
    super(`record handle ${handle} is stale`);
    this.name = 'StaleHandleError';
  }
}

export class Arena {
  readonly capacityBytes: number;
  readonly #heap: ArenaHeap;
  readonly #memory: LinearMemory;
  readonly #view: DataView;
  readonly #bytes: Uint8Array;
  /** By slot: handle, address of the block (free: next free slot), count of holders. */
  #handles = new Float64Array(1024);
  #addresses = new Uint32Array(1024);
  #counts = new Uint32Array(1024);
  #slots = 0;
  #freeSlot = noSlot;
  #liveBytes = 0;
  #records = 0;
  #scrubSlot = 0;
  /** Called with each handle whose record is freed. */
  onFree: (handle: number) => void = () => {};

  constructor(options: ArenaOptions) {
    this.#memory = options.memory;
    const size = options.memory.buffer.byteLength;
    this.#heap = new ArenaHeap(options.memory, options.base ?? 0, size - overshootBytes, options.poison ?? false);
    this.#view = new DataView(options.memory.buffer);
    this.#bytes = new Uint8Array(options.memory.buffer);
    this.capacityBytes = this.#heap.end - this.#heap.base;
  }

  /** Bytes in records, headers included. */
  get liveBytes(): number {
    return this.#liveBytes;
  }

  /** Bytes claimed from the memory: records and the holes between them. */
  get usedBytes(): number {
    return this.#heap.usedBytes;
  }

  /** Copies `content` in as a new record with one holder. Undefined when there is no room, even after compaction. */
  add(header: RecordHeader, content: Uint8Array): number | undefined {
    const needed = contentOffset + content.length;
    const address = this.#heap.allocate(needed) || this.#makeRoom(needed);
    if (address === 0) return undefined;
    const slot = this.#takeSlot();
    this.#addresses[slot] = address;
    this.#counts[slot] = 1;
    this.#writeHeader(address, slot, header, content);
    this.#bytes.set(content, address + contentOffset);
    this.#liveBytes += this.#heap.sizeOf(address);
    this.#records++;
    return this.#handles[slot]!;
  }

  /** Address of the record's content. Valid until the next await. */
  pointer(handle: number): number {
    return this.#address(handle) + contentOffset;
  }

  length(handle: number): number {
    return this.#view.getUint32(this.#address(handle) + blockHeaderBytes + 4, true);
  }

  /** A view of the record's content. Use or copy it before the next await. */
  content(handle: number): Uint8Array {
    const address = this.#address(handle);
    const length = this.#view.getUint32(address + blockHeaderBytes + 4, true);
    return new Uint8Array(this.#memory.buffer, address + contentOffset, length);
  }

  header(handle: number): RecordHeader {
    const at = this.#address(handle) + blockHeaderBytes;
    return {
      type: this.#view.getUint16(at + 8, true),
      schemaGeneration: this.#view.getUint16(at + 10, true),
      revision: this.#view.getFloat64(at + 16, true),
    };
  }

  /** Bytes that the record takes from the memory. */
  footprint(handle: number): number {
    return this.#heap.sizeOf(this.#address(handle));
  }

  retain(handle: number): void {
    this.#address(handle);
    this.#counts[handle & slotMask]!++;
  }

  /** Gives up one hold; the last one frees the record. */
  release(handle: number): void {
    const address = this.#address(handle);
    const slot = handle & slotMask;
    if (--this.#counts[slot]! > 0) return;
    this.#liveBytes -= this.#heap.sizeOf(address);
    this.#records--;
    this.#heap.free(address);
    const generation = Math.floor(handle / slotLimit) + 1;
    this.#handles[slot] = (generation % generationLimit) * slotLimit + slot;
    this.#addresses[slot] = this.#freeSlot;
    this.#freeSlot = slot;
    this.onFree(handle);
  }

  /** True when holes take more than `share` of the used memory. */
  isFragmented(share: number): boolean {
    return this.#heap.freeBytes > share * this.#heap.usedBytes;
  }

  /** Moves records together, at most `maxBytes` of them. True when the pass is complete. */
  compact(maxBytes: number): boolean {
    return this.#heap.compact(maxBytes, (address) => {
      this.#addresses[this.#view.getUint32(address + blockHeaderBytes, true)] = address;
    });
  }

  /** Checks every record and every freed block; throws at the first damage. */
  scrub(): void {
    let records = 0;
    this.#heap.walk((address, size) => {
      records++;
      const slot = this.#view.getUint32(address + blockHeaderBytes, true);
      if (this.#addresses[slot] !== address || this.#counts[slot] === 0) {
        throw new Error(`arena: record at ${address} belongs to no slot`);
      }
      this.#checkRecord(slot, size);
    });
    if (records !== this.#records) throw new Error(`arena: ${records} records found, ${this.#records} counted`);
  }

  /** Checks the next records, about `maxBytes` of them; throws at the first damage. Call it again and again. */
  scrubSome(maxBytes: number): void {
    for (let left = maxBytes; left > 0 && this.#scrubSlot < this.#slots; this.#scrubSlot++) {
      if (this.#counts[this.#scrubSlot] === 0) continue;
      const size = this.#heap.sizeOf(this.#addresses[this.#scrubSlot]!);
      this.#checkRecord(this.#scrubSlot, size);
      left -= size;
    }
    if (this.#scrubSlot >= this.#slots) this.#scrubSlot = 0;
  }

  #checkRecord(slot: number, size: number): void {
    const address = this.#addresses[slot]!;
    const at = address + blockHeaderBytes;
    const length = this.#view.getUint32(at + 4, true);
    if (this.#view.getUint32(at, true) !== slot || length + contentOffset > size) {
      throw new Error(`arena: record at ${address} has a damaged header`);
    }
    const content = this.#bytes.subarray(address + contentOffset, address + contentOffset + length);
    if (this.#view.getUint32(at + 12, true) !== crc32(content)) {
      throw new Error(`arena: record at ${address} does not match its checksum`);
    }
  }

  /** Joins all holes: ends the pass that is under way, which may have left some behind, and makes a whole one. */
  #makeRoom(needed: number): number {
    if (this.capacityBytes - this.#liveBytes < needed) return 0;
    this.compact(Number.POSITIVE_INFINITY);
    this.compact(Number.POSITIVE_INFINITY);
    return this.#heap.allocate(needed);
  }

  #writeHeader(address: number, slot: number, header: RecordHeader, content: Uint8Array): void {
    const at = address + blockHeaderBytes;
    this.#view.setUint32(at, slot, true);
    this.#view.setUint32(at + 4, content.length, true);
    this.#view.setUint16(at + 8, header.type, true);
    this.#view.setUint16(at + 10, header.schemaGeneration, true);
    this.#view.setUint32(at + 12, crc32(content), true);
    this.#view.setFloat64(at + 16, header.revision, true);
  }

  #address(handle: number): number {
    const slot = handle & slotMask;
    if (this.#handles[slot] !== handle || this.#counts[slot] === 0) throw new StaleHandleError(handle);
    return this.#addresses[slot]!;
  }

  #takeSlot(): number {
    if (this.#freeSlot !== noSlot) {
      const slot = this.#freeSlot;
      this.#freeSlot = this.#addresses[slot]!;
      return slot;
    }
    if (this.#slots === slotLimit) throw new RangeError('arena: no free slot');
    if (this.#slots === this.#handles.length) this.#growSlots();
    const slot = this.#slots++;
    this.#handles[slot] = slotLimit + slot;
    return slot;
  }

  #growSlots(): void {
    const size = this.#handles.length * 2;
    const handles = new Float64Array(size);
    const addresses = new Uint32Array(size);
    const counts = new Uint32Array(size);
    handles.set(this.#handles);
    addresses.set(this.#addresses);
    counts.set(this.#counts);
    this.#handles = handles;
    this.#addresses = addresses;
    this.#counts = counts;
  }
}
