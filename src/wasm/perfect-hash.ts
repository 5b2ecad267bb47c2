import { Buffer } from 'node:buffer';

export interface PerfectHash {
  /** Multiplier, and how far the product is shifted right. */
  seed: number;
  shift: number;
  /** Position of the name plus one, or 0, by hash. */
  slots: readonly number[];
}

const attemptsPerSize = 5_000;

/** Finds a multiplier under which no two names collide. The same function is in asm/codec/table.ts (findField). */
export function perfectHash(names: readonly string[]): PerfectHash {
  const keys = names.map(fold);
  if (new Set(keys).size !== keys.length) throw new Error(`names cannot be told apart: ${names.join(' ')}`);
  let bits = 2;
  while (1 << bits < names.length * 2) bits++;
  for (; bits <= 12; bits++) {
    const shift = 32 - bits;
    let seed = 0x9e37_79b1;
    for (let attempt = 0; attempt < attemptsPerSize; attempt++) {
      const slots = place(keys, seed, shift, 1 << bits);
      if (slots) return { seed, shift, slots };
      seed = (Math.imul(seed, 0x0019_660d) + 0x3c6e_f35e) >>> 0;
      seed |= 1;
    }
  }
  throw new Error(`no perfect hash for ${names.join(' ')}`);
}

function place(keys: readonly number[], seed: number, shift: number, size: number): number[] | undefined {
  const slots = new Array<number>(size).fill(0);
  for (const [index, key] of keys.entries()) {
    const hash = Math.imul(key, seed) >>> shift;
    if (slots[hash] !== 0) return undefined;
    slots[hash] = index + 1;
  }
  return slots;
}

/** First and last eight bytes and the length of a name in 32 bits. */
function fold(name: string): number {
  const bytes = Buffer.from(name);
  const head = Buffer.alloc(8);
  bytes.copy(head, 0, 0, 8);
  const tail = Buffer.alloc(8);
  bytes.copy(tail, 0, Math.max(0, bytes.length - 8));
  return (
    (head.readUInt32LE(0) ^
      Math.imul(head.readUInt32LE(4), 0x9e37_79b1) ^
      Math.imul(tail.readUInt32LE(0), 0x85eb_ca77) ^
      Math.imul(tail.readUInt32LE(4), 0xc2b2_ae3d) ^
      bytes.length) >>>
    0
  );
}
