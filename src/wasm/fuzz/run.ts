/** Two campaigns against the codec module: random objects held against the reference, and damaged input. */
import { type Codec, type MessageName, schema } from '../../schema/index.ts';
import { IsolatedCodec } from '../codec.ts';
import { servedMessages } from '../served-table.ts';
import { differenceInJson, differenceInProto } from './compare.ts';
import { corrupted } from './corrupt.ts';
import { GuardedModule } from './guarded.ts';
import { randomObject } from './objects.ts';
import { Random } from './random.ts';

/** Kinds that are served: the messages that requests carry. */
export const fuzzedMessages = (): MessageName[] => servedMessages().filter((name) => schema.message(name).isKind);

const gvk = { apiVersion: 'example.com/v1', kind: 'A<b' };

export interface Finding {
  /** Start the campaign with this seed and a count of 1 to see it again. */
  seed: number;
  message: MessageName;
  input: string;
  what: string;
}

/** Random object number `seed`: what the codecs make of it. */
export function compareOne(codec: Codec, messages: readonly MessageName[], seed: number): Finding | undefined {
  const random = new Random(seed);
  const message = random.of(messages);
  const json = Buffer.from(randomObject(random, message));
  const what = differenceInJson(codec, message, json, {
    defaults: random.once(2),
    ...(random.once(2) && { gvk }),
  });
  return what ? { seed, message, input: json.toString(), what } : undefined;
}

export const fuzzedCodec = (): Codec => new IsolatedCodec({ explain: undefined });

interface Seed {
  message: MessageName;
  json: Buffer;
  proto: Uint8Array;
}

const poolSize = 2_000;

/** Damages well-formed objects and feeds them to a guarded module. Throws on a trap or a write out of bounds. */
export class CorruptionCampaign {
  readonly #module = new GuardedModule();
  readonly #codec = fuzzedCodec();
  readonly #messages = fuzzedMessages();
  readonly #pool: Seed[];
  accepted = 0;

  constructor(seed: number) {
    const random = new Random(seed);
    this.#pool = Array.from({ length: poolSize }, () => this.#makeSeed(random));
  }

  #makeSeed(random: Random): Seed {
    for (;;) {
      const message = random.of(this.#messages);
      const json = Buffer.from(randomObject(random, message));
      try {
        return { message, json, proto: this.#codec.fromJson(message, json, { defaults: false }).bytes };
      } catch {
        // one of the flawed objects
      }
    }
  }

  /** Damaged input number `seed`: protobuf or JSON, now and then for another message than it was. */
  one(seed: number): void {
    const { random, message, input, isJson } = this.#input(seed);
    const defaults = random.once(2);
    if (isJson) {
      if (this.#module.fromJson(message, input, defaults)) this.accepted++;
      return;
    }
    if (this.#module.fromProto(message, input, defaults)) this.accepted++;
    this.#module.toJson(message, input, random.once(2));
    this.#module.peek(input);
  }

  #input(seed: number): { random: Random; message: MessageName; input: Buffer; isJson: boolean } {
    const random = new Random(seed);
    const victim = random.of(this.#pool);
    const other = random.of(this.#pool);
    const message = random.once(20) ? other.message : victim.message;
    const isJson = random.once(2);
    const input = isJson
      ? corrupted(random, victim.json, other.json)
      : corrupted(random, victim.proto, random.once(10) ? other.json : other.proto);
    return { random, message, input, isJson };
  }

  /** Guards and table are as they were. */
  check(): void {
    this.#module.check();
  }

  /** What damaged input number `seed` is taken for, here and by the reference. */
  compare(seed: number): Finding | undefined {
    const { message, input, isJson } = this.#input(seed);
    const compare = isJson ? differenceInJson : differenceInProto;
    const what = compare(this.#codec, message, input, { defaults: seed % 2 === 0 });
    return what ? { seed, message, input: input.toString(isJson ? 'utf8' : 'hex'), what } : undefined;
  }
}
