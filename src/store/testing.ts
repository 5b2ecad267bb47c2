/** For tests of this room: a codec for a handful of fields, so that tests need no field tables and no module. */
import { ManualClock } from '../kernel/clock.ts';
import { silentLogger } from '../kernel/log.ts';
import { CodecError } from '../schema/codec.ts';
import type { KubeObject } from '../schema/object.ts';
import { type StoreBudget, type StoreOptions, openStore } from './open.ts';
import type { StoreCodec } from './records.ts';
import { reserveMemory } from '../wasm/index.ts';
import { memoryBackend } from './backends/memory.ts';
import type { Entry, Store, StoredKind, WriteIntent } from './types.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

const concat = (parts: readonly Uint8Array[]): Uint8Array => {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
};

const varint = (value: number): number[] =>
  value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(Math.floor(value / 128))];

const field = (tag: number, content: Uint8Array | string): Uint8Array => {
  const bytes = typeof content === 'string' ? encoder.encode(content) : content;
  return concat([Uint8Array.from([...varint(tag * 8 + 2), ...varint(bytes.length)]), bytes]);
};

/** What the small codec keeps of an object. `payload` stands for everything else. */
export interface Sample {
  name: string;
  namespace?: string;
  revision?: string;
  owners?: readonly string[];
  nodeName?: string;
  payload?: string;
}

/** Storage bytes of a sample: metadata = 1, spec.nodeName = 2.10, payload = 15. */
export function encodeSample(sample: Sample): Uint8Array {
  const metadata = concat([
    field(1, sample.name),
    field(3, sample.namespace ?? ''),
    field(6, sample.revision ?? ''),
    ...(sample.owners ?? []).map((uid) => field(13, field(4, uid))),
  ]);
  return concat([field(1, metadata), field(2, field(10, sample.nodeName ?? '')), field(15, sample.payload ?? '')]);
}

function* fields(bytes: Uint8Array): Generator<[number, Uint8Array]> {
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at++]! >> 3;
    let length = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++]!;
      length += (byte & 0x7f) * scale;
      if (byte < 0x80) break;
    }
    yield [tag, bytes.subarray(at, at + length)];
    at += length;
  }
}

/** The sample in its storage bytes. */
export function decodeSample(bytes: Uint8Array): Sample {
  const text = (content: Uint8Array | undefined): string => decoder.decode(content ?? new Uint8Array());
  const top = new Map(fields(bytes));
  const metadata = [...fields(top.get(1)!)];
  const first = (tag: number): Uint8Array | undefined => metadata.find(([each]) => each === tag)?.[1];
  return {
    name: text(first(1)),
    namespace: text(first(3)),
    revision: text(first(6)),
    owners: metadata.filter(([tag]) => tag === 13).map(([, owner]) => text(new Map(fields(owner)).get(4))),
    nodeName: text(new Map(fields(top.get(2)!)).get(10)),
    payload: text(top.get(15)),
  };
}

export const sampleCodec: StoreCodec = {
  fromJson: () => {
    throw new CodecError('syntax', 'the sample codec reads no JSON');
  },
  fromProto: (_message, proto) => ({ bytes: proto.slice(), problems: [] }),
  toJson(_message, bytes, gvk) {
    const { name, namespace, revision, payload } = decodeSample(bytes);
    const metadata = { name, namespace, resourceVersion: revision };
    return encoder.encode(JSON.stringify({ ...gvk, metadata, payload }));
  },
  stampRevision: (bytes, revision) =>
    encodeSample({ ...decodeSample(bytes), revision: revision === 0 ? '' : String(revision) }),
};

const kind = (id: number, path: string, name: string, more: Partial<StoredKind> = {}): StoredKind => ({
  id,
  path,
  namespaced: true,
  gvk: { apiVersion: 'v1', kind: name },
  message: `core/v1.${name}`,
  indexes: [],
  ...more,
});

export const podKind = kind(0, 'pods', 'Pod', { indexes: ['spec.nodeName'] });
export const nodeKind = kind(1, 'minions', 'Node', { namespaced: false });
export const eventKind = kind(2, 'events', 'Event', { expendable: true });
export const sampleKinds: readonly StoredKind[] = [podKind, nodeKind, eventKind];

export const sampleBudget: StoreBudget = {
  cacheBytes: 8 << 20,
  watchWindowBytes: 1 << 20,
  watchWindowMs: 300_000,
  pendingWrites: 1000,
  decodedObjects: 100,
  softFlushMs: 600_000,
  flashBytesPerDay: 64 << 20,
};

/** Opens a store of samples over `options.backend` (default: memory) with a clock that stands still. */
export function openSampleStore(
  options: Partial<StoreOptions> & { backend?: StoreOptions['backend'] } = {},
): Promise<Store> {
  const budget = options.budget ?? sampleBudget;
  return openStore({
    backend: memoryBackend(),
    arena: { memory: reserveMemory(budget.cacheBytes), poison: true },
    kinds: sampleKinds,
    codec: sampleCodec,
    clock: new ManualClock(),
    log: silentLogger,
    budget,
    onFatal: (error) => {
      throw error;
    },
    ...options,
  });
}

type PutOptions = Partial<Omit<WriteIntent, 'operation' | 'bytes'>> & Partial<Omit<Sample, 'name'>>;

/** A put of a sample on top of the head. */
export function put(store: Store, name: string, options: PutOptions = {}): Promise<Entry> {
  const { kind: of = podKind, namespace = of.namespaced ? 'default' : '', durability = 'hard' } = options;
  const { owners = [], nodeName = '', payload = '', essential } = options;
  const expectedRevision = options.expectedRevision ?? store.head(of, namespace, name)?.revision ?? 0;
  const bytes = encodeSample({ name, namespace, owners, nodeName, payload });
  return store.write({
    ...{ kind: of, namespace, name, expectedRevision, operation: 'put', bytes, durability },
    ...(options.object && { object: options.object }),
    ...(essential !== undefined && { essential }),
  });
}

/** A delete of what the head is. */
export function remove(store: Store, name: string, options: PutOptions = {}): Promise<Entry> {
  const { kind: of = podKind, namespace = of.namespaced ? 'default' : '', durability = 'hard' } = options;
  const expectedRevision = options.expectedRevision ?? store.head(of, namespace, name)?.revision ?? 0;
  return store.write({ kind: of, namespace, name, expectedRevision, operation: 'delete', durability });
}

/** Reads a sample back. */
export const sampleOf = (store: Store, entry: Entry): Sample => decodeSample(store.bytes(entry));

/** The decoded form that the small codec makes. */
export type SampleObject = KubeObject & { payload: string };
