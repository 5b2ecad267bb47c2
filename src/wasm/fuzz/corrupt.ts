/** Damages bytes as storage, networks and attackers do. */
import type { Random } from './random.ts';

type Damage = (random: Random, bytes: Buffer, other: Uint8Array) => Buffer;

const flipBits: Damage = (random, bytes) => {
  for (let i = random.below(4); i >= 0 && bytes.length > 0; i--) {
    const at = random.below(bytes.length);
    bytes[at] = bytes[at]! ^ (1 << random.below(8));
  }
  return bytes;
};

const setBytes: Damage = (random, bytes) => {
  for (let i = random.below(3); i >= 0 && bytes.length > 0; i--) {
    bytes[random.below(bytes.length)] = random.of([
      0,
      0xff,
      0x7f,
      0x80,
      0x22,
      0x5c,
      0x7b,
      0x5d,
      0xed,
      random.below(256),
    ]);
  }
  return bytes;
};

const truncate: Damage = (random, bytes) => bytes.subarray(0, random.below(bytes.length + 1));

const splice: Damage = (random, bytes, other) =>
  Buffer.concat([bytes.subarray(0, random.below(bytes.length + 1)), other.subarray(random.below(other.length + 1))]);

const repeat: Damage = (random, bytes) => {
  const from = random.below(bytes.length + 1);
  const to = from + random.below(Math.min(64, bytes.length - from) + 1);
  return Buffer.concat([bytes.subarray(0, to), bytes.subarray(from)]);
};

const remove: Damage = (random, bytes) => {
  const from = random.below(bytes.length + 1);
  return Buffer.concat([bytes.subarray(0, from), bytes.subarray(from + random.below(32))]);
};

const insert: Damage = (random, bytes) => {
  const at = random.below(bytes.length + 1);
  const added = Buffer.from(Array.from({ length: random.below(12) }, () => random.below(256)));
  return Buffer.concat([bytes.subarray(0, at), added, bytes.subarray(at)]);
};

const damages: readonly Damage[] = [flipBits, flipBits, setBytes, setBytes, truncate, splice, repeat, remove, insert];

/** A damaged copy of `bytes`; `other` gives what is spliced in. */
export function corrupted(random: Random, bytes: Uint8Array, other: Uint8Array): Buffer {
  let damaged: Buffer = Buffer.from(bytes);
  for (let i = random.of([1, 1, 1, 2, 4]); i > 0; i--) damaged = random.of(damages)(random, damaged, other);
  return damaged;
}
