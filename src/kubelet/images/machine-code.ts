/** Just enough of an assembler and of ELF for programs of a hundred bytes that need no C compiler to come about. */
import type { Architecture } from './oci.ts';

/** Instructions in order. A string names the place where it stands; a jump goes to a name. */
export type Line = string | Uint8Array | Jump;

export interface Jump {
  to: string;
  /** Of the whole instruction. */
  sizeBytes: number;
  /** `distance` from the instruction's first byte to the target, in bytes. */
  encode(distance: number): Uint8Array;
}

/** Resolves the names. */
export function assemble(lines: readonly Line[]): Uint8Array {
  const places = new Map<string, number>();
  let at = 0;
  for (const line of lines) {
    if (typeof line === 'string') places.set(line, at);
    else at += line instanceof Uint8Array ? line.length : line.sizeBytes;
  }
  const code: Uint8Array[] = [];
  at = 0;
  for (const line of lines) {
    if (typeof line === 'string') continue;
    const bytes = line instanceof Uint8Array ? line : line.encode(placeOf(places, line.to) - at);
    code.push(bytes);
    at += bytes.length;
  }
  return Buffer.concat(code);
}

function placeOf(places: ReadonlyMap<string, number>, name: string): number {
  const place = places.get(name);
  if (place === undefined) throw new Error(`nothing is named ${name}`);
  return place;
}

/** x86-64. */
export const x86 = {
  bytes: (...values: number[]): Uint8Array => Uint8Array.from(values),
  /** A short jump, conditional or not, by its opcode. */
  jump: (opcode: number, to: string): Jump => ({
    to,
    sizeBytes: 2,
    encode: (distance) => Uint8Array.of(opcode, (distance - 2) & 0xff),
  }),
};

/** A64: every instruction is one little-endian word. */
export const arm = {
  word,
  /** `movz x<register>, #value` */
  move: (register: number, value: number): Uint8Array => word(0xd280_0000 | (value << 5) | register),
  systemCall: (): Uint8Array => word(0xd400_0001),
  /** `b.<condition>`: 0 = equal, 11 = less, 12 = greater. */
  branchIf: (condition: number, to: string): Jump => ({
    to,
    sizeBytes: 4,
    encode: (distance) => word(0x5400_0000 | (((distance / 4) & 0x7_ffff) << 5) | condition),
  }),
  branch: (to: string): Jump => ({
    to,
    sizeBytes: 4,
    encode: (distance) => word(0x1400_0000 | ((distance / 4) & 0x3ff_ffff)),
  }),
};

function word(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
}

const elfHeaderBytes = 64;
const programHeaderBytes = 56;
/** Where the file is mapped. Aligned for pages of up to 64 KiB. */
const loadAddress = 0x40_0000;
const pageBytes = 0x1_0000;
const machine: Readonly<Record<Architecture, number>> = { amd64: 62, arm64: 183 };

/** A static executable whose first instruction is `code`'s. One segment is mapped; the stack is not executable. */
export function elf(architecture: Architecture, code: Uint8Array): Uint8Array {
  const codeAt = elfHeaderBytes + 2 * programHeaderBytes;
  const sizeBytes = codeAt + code.length;
  const file = Buffer.alloc(sizeBytes);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]); // magic, 64 bits, little-endian, version 1
  file.writeUInt16LE(2, 16); // an executable
  file.writeUInt16LE(machine[architecture], 18);
  file.writeUInt32LE(1, 20);
  file.writeBigUInt64LE(BigInt(loadAddress + codeAt), 24);
  file.writeBigUInt64LE(BigInt(elfHeaderBytes), 32);
  file.writeUInt16LE(elfHeaderBytes, 52);
  file.writeUInt16LE(programHeaderBytes, 54);
  file.writeUInt16LE(2, 56);
  programHeader(file, elfHeaderBytes, { type: 1, flags: 5, address: loadAddress, sizeBytes, align: pageBytes });
  const stack = { type: 0x6474_e551, flags: 6, address: 0, sizeBytes: 0, align: 16 };
  programHeader(file, elfHeaderBytes + programHeaderBytes, stack);
  file.set(code, codeAt);
  return file;
}

interface Segment {
  type: number;
  flags: number;
  address: number;
  sizeBytes: number;
  align: number;
}

function programHeader(file: Buffer, at: number, { type, flags, address, sizeBytes, align }: Segment): void {
  file.writeUInt32LE(type, at);
  file.writeUInt32LE(flags, at + 4);
  file.writeBigUInt64LE(BigInt(address), at + 16);
  file.writeBigUInt64LE(BigInt(address), at + 24);
  file.writeBigUInt64LE(BigInt(sizeBytes), at + 32);
  file.writeBigUInt64LE(BigInt(sizeBytes), at + 40);
  file.writeBigUInt64LE(BigInt(align), at + 48);
}
