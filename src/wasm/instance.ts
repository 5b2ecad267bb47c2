import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { type Imports, instantiateSync } from '@assemblyscript/loader';
import { assetPath } from '../kernel/index.ts';
import {
  canonicalQuantity,
  formatDuration,
  type Instant,
  type MessageName,
  parseDuration,
  parseMicroTime,
  parseTime,
  schema,
} from '../schema/index.ts';
import { readDirectory, tableRoomBytes, writeTable } from './table.ts';
import { compileModule, type LinearMemory, type WasmModule } from './webassembly.ts';

/** What asm/codec/index.ts exports. */
interface CodecExports extends Record<string, unknown> {
  dataEnd(): number;
  reportAt(): number;
  arenaEnd(): number;
  init(table: number): void;
  fromJson: Decode;
  fromProto: Decode;
  toJson(
    input: number,
    length: number,
    message: number,
    lead: number,
    leadLength: number,
    trusted: number,
    arena: number,
    arenaLimit: number,
    output: number,
    limit: number,
  ): number;
  jsonItems(
    spans: number,
    count: number,
    message: number,
    arena: number,
    arenaLimit: number,
    output: number,
    limit: number,
  ): number;
  recordItems(spans: number, count: number, output: number, limit: number): number;
  peek(input: number, length: number): number;
}

type Decode = (
  input: number,
  length: number,
  message: number,
  defaults: number,
  arena: number,
  arenaLimit: number,
  output: number,
  limit: number,
) => number;

const leadRoom = 1 << 14;

const align = (address: number): number => Math.ceil(address / 64) * 64;

let compiled: WasmModule | undefined;
let builtTable: Uint8Array | undefined;

/** One instance of the codec module in a memory, with the schema table and a place for texts. */
export class CodecInstance {
  readonly exports: CodecExports;
  readonly bytes: Buffer;
  /** The same memory, for views and copies: they come cheaper than Buffers. */
  readonly memory: Uint8Array;
  readonly #words: Uint32Array;
  readonly #report: number;
  readonly #tableAt: number;
  readonly #leadAt: number;
  /** First address behind what the instance itself uses. */
  readonly end: number;
  #directory: Map<MessageName, number>;
  #leads = new WeakMap<object, { at: number; length: number }>();
  #leadEnd: number;

  /** `table`: instead of the one that was built. */
  constructor(memory: LinearMemory, table?: Uint8Array) {
    compiled ??= compileModule(readFileSync(assetPath('build/codec.wasm')));
    this.bytes = Buffer.from(memory.buffer);
    this.memory = new Uint8Array(memory.buffer);
    this.#words = new Uint32Array(memory.buffer);
    const imports = { env: { memory }, host: hostFunctions(this.bytes) } as unknown as Imports;
    this.exports = instantiateSync<CodecExports>(compiled as never, imports).exports;
    this.#report = this.exports.reportAt() / 4;
    this.#tableAt = align(this.exports.dataEnd());
    this.#leadAt = this.#tableAt + tableRoomBytes;
    this.#leadEnd = this.#leadAt;
    this.end = this.#leadAt + leadRoom;
    this.#directory = this.#load(table ?? readBuiltTable());
  }

  /** Offset of a message in the table. One that is not in it is added first. */
  message(name: MessageName): number {
    return this.#directory.get(name) ?? this.#expand(name);
  }

  /** Word `index` of the report (asm/codec/index.ts). */
  report(index: number): number {
    return this.#words[this.#report + index]!;
  }

  text(at: number, length: number): string {
    return this.bytes.toString('utf8', at, at + length);
  }

  /** `,"kind":…,"apiVersion":…` in memory: where, and how long. */
  lead(gvk: { apiVersion: string; kind: string }): { at: number; length: number } {
    return this.#leads.get(gvk) ?? this.#addLead(gvk);
  }

  /** Whether the table in memory is still `table`. */
  holdsTable(table: Uint8Array): boolean {
    return this.bytes.subarray(this.#tableAt, this.#tableAt + table.length).equals(table);
  }

  #addLead(gvk: { apiVersion: string; kind: string }): { at: number; length: number } {
    const members = [
      ...(gvk.kind ? [`,"kind":${JSON.stringify(gvk.kind)}`] : []),
      ...(gvk.apiVersion ? [`,"apiVersion":${JSON.stringify(gvk.apiVersion)}`] : []),
    ];
    const text = Buffer.from(members.join('').replaceAll(/[<>&\u2028\u2029]/g, escapeHtml));
    if (text.length > leadRoom) throw new Error('apiVersion and kind are too long');
    if (this.#leadEnd + text.length > this.end) {
      this.#leads = new WeakMap();
      this.#leadEnd = this.#leadAt;
    }
    const lead = { at: this.#leadEnd, length: text.length };
    this.bytes.set(text, lead.at);
    this.#leadEnd += text.length;
    this.#leads.set(gvk, lead);
    return lead;
  }

  #expand(name: MessageName): number {
    const known = [...this.#directory.keys()].filter((message) => !message.includes(':'));
    this.#directory = this.#load(writeTable(schema, [...known, name]));
    return this.#directory.get(name)!;
  }

  #load(table: Uint8Array): Map<MessageName, number> {
    if (table.length > tableRoomBytes)
      throw new Error(`the schema table has ${table.length} bytes; there is room for ${tableRoomBytes}`);
    this.bytes.set(table, this.#tableAt);
    this.exports.init(this.#tableAt);
    return readDirectory(table);
  }
}

const escapeHtml = (char: string): string => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;

function readBuiltTable(): Uint8Array {
  builtTable ??= readFileSync(assetPath('build/schema.bin'));
  return builtTable;
}

/** What the module leaves to TypeScript: asm/codec/host.ts. */
function hostFunctions(bytes: Buffer): Record<string, (...args: never[]) => unknown> {
  const text = (at: number, length: number): string => bytes.toString('utf8', at, at + length);
  return {
    quantity(at: number, length: number, to: number, trim: number): number {
      const input = text(at, length);
      const canonical = attempt(() => canonicalQuantity(trim ? input.trim() : input));
      return canonical === undefined || canonical.length > 64 ? -1 : bytes.write(canonical, to, 'latin1');
    },
    parseDuration(at: number, length: number, to: number): number {
      const nanoseconds = attempt(() => parseDuration(text(at, length)));
      if (nanoseconds === undefined) return -1;
      bytes.writeBigInt64LE(nanoseconds, to);
      return 0;
    },
    formatDuration: (nanoseconds: bigint, to: number): number => bytes.write(formatDuration(nanoseconds), to),
    parseTime(at: number, length: number, micro: number, to: number): number {
      const found = attempt(() => ({ instant: (micro ? parseMicroTime : parseTime)(text(at, length)) }));
      if (!found) return -1;
      writeInstant(bytes, to, found.instant);
      return 0;
    },
    parseDouble: (at: number, length: number): number => Number(text(at, length)),
    formatDouble: (value: number, to: number): number =>
      bytes.write(Object.is(value, -0) ? '-0' : String(value), to, 'latin1'),
  };
}

/** Seconds of Go's zero time. */
const zeroSeconds = -62_135_596_800;

function writeInstant(bytes: Buffer, to: number, instant: Instant | undefined): void {
  bytes.writeBigInt64LE(BigInt(instant?.seconds ?? zeroSeconds), to);
  bytes.writeUInt32LE(instant?.nanos ?? 0, to + 8);
}

/** The result, or undefined when the text is refused. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
