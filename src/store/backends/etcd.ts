/**
 * Objects in an etcd, laid out as kube-apiserver lays them out, so that each can read the other's. etcd gives the
 * revisions; others may write too, and its watch tells of every change.
 */
import { createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Clock } from '../../kernel/clock.ts';
import { keyPrefix } from '../keys.ts';
import { type Backend, type BackendChange, HeadMovedError, type Subscription } from '../types.ts';

export interface EtcdOptions {
  /** `https://localhost:2379` */
  endpoints: readonly string[];
  /** PEM. */
  credentials?: { rootCertificate: Buffer; certChain: Buffer; privateKey: Buffer };
  clock: Clock;
}

type Client = import('etcd3').Etcd3;
type ClientOptions = import('etcd3').IOptions;
type Policy = NonNullable<NonNullable<ClientOptions['faultHandling']>['global']>;

const pageRecords = 500;
const callTimeoutMs = 10_000;
const connectTimeoutMs = 3_000;

/** Connects to an etcd that answers. */
export async function etcdBackend(options: EtcdOptions): Promise<Backend> {
  const { Etcd3, GRPCInvalidArgumentError } = await import('etcd3');
  const client = new Etcd3({
    hosts: [...options.endpoints],
    ...(options.credentials && { credentials: options.credentials }),
    defaultCallOptions: ({ isStream }) => (isStream ? {} : { deadline: options.clock.nowMs() + callTimeoutMs }),
    // A value may have 1.5 MB and an answer many of them.
    grpcOptions: { 'grpc.max_receive_message_length': -1 },
    faultHandling: { global: once, host: () => once },
  });
  try {
    await client.maintenance.status({ deadline: options.clock.nowMs() + connectTimeoutMs });
  } catch (error) {
    client.close();
    throw error;
  }
  const isRefusal = (error: unknown): boolean =>
    error instanceof GRPCInvalidArgumentError || /message larger than max/.test(String(error));
  return new EtcdBackend(client, isRefusal);
}

/** Calls once: a transaction that is sent again would find its own effect, and report a conflict. */
const once = {
  onSuccess: () => ({ dispose: () => {} }),
  onFailure: () => ({ dispose: () => {} }),
  execute: async (call: (context: { signal: AbortSignal }) => unknown) =>
    call({ signal: new AbortController().signal }),
} as unknown as Policy;

class EtcdBackend implements Backend {
  readonly ownsRevisions = false;
  readonly #client: Client;
  readonly #isRefusal: (error: unknown) => boolean;
  #isHealthy = true;

  /** `isRefusal`: etcd has answered that it does not take such a write. */
  constructor(client: Client, isRefusal: (error: unknown) => boolean) {
    this.#client = client;
    this.#isRefusal = isRefusal;
  }

  isHealthy(): boolean {
    return this.#isHealthy;
  }

  async load(each: Parameters<Backend['load']>[0]): Promise<{ revision: number }> {
    const end = Buffer.from(`${keyPrefix.slice(0, -1)}0`);
    let start = Buffer.from(keyPrefix);
    let revision = 0;
    for (;;) {
      const page = await this.#client.getAll().inRange({ start, end }).limit(pageRecords).revision(revision).exec();
      revision ||= Number(page.header.revision);
      for (const { key, value, mod_revision } of page.kvs) {
        each({ key: key.toString(), value, revision: Number(mod_revision) });
      }
      const last = page.kvs.at(-1);
      if (!page.more || !last) return { revision };
      start = Buffer.concat([last.key, Buffer.of(0)]);
    }
  }

  commit(changes: readonly BackendChange[]): Promise<readonly number[]> {
    return Promise.all(changes.map((change) => this.#commitOne(change)));
  }

  watch(
    revision: number,
    each: (change: { key: string; value?: Uint8Array; revision: number }) => void,
    closed: (error: Error) => void,
  ): Subscription {
    let next = revision;
    const watcher = this.#client.watch().prefix(keyPrefix).startRevision(String(next)).watcher();
    watcher
      // The client would go on after the revision at which it connected, past events that it has yet to receive.
      .on('connecting', () => {
        watcher.request.start_revision = next;
      })
      .on('connected', () => {
        this.#isHealthy = true;
      })
      .on('disconnected', () => {
        this.#isHealthy = false;
      })
      .on('data', ({ events, header }) => {
        for (const { type, kv } of events) {
          const change = { key: kv.key.toString(), revision: Number(kv.mod_revision) };
          each(type === 'Put' ? { ...change, value: kv.value } : change);
          next = change.revision + 1;
        }
        if (events.length === 0) next = Math.max(next, Number(header.revision) + 1);
      })
      .on('error', closed);
    return { close: () => void watcher.cancel().catch(() => undefined) };
  }

  async compact(revision: number): Promise<void> {
    await this.#client.kv.compact({ revision });
  }

  async snapshot(path: string): Promise<void> {
    const stream = await this.#client.maintenance.snapshot();
    const blobs = new Readable({ read() {} });
    stream.on('data', ({ blob }: { blob: Buffer }) => void blobs.push(blob));
    stream.on('end', () => void blobs.push(null));
    stream.on('error', (error: Error) => void blobs.destroy(error));
    await pipeline(blobs, createWriteStream(path));
    await using file = await open(path, 'r+');
    await file.sync();
  }

  async close(): Promise<void> {
    this.#client.close();
  }

  async #commitOne({ key, value, expectedRevision }: BackendChange): Promise<number> {
    const answer = await this.#client
      .if(key, 'Mod', '==', expectedRevision)
      .then(value ? this.#client.put(key).value(Buffer.from(value)) : this.#client.delete().key(key))
      .else(this.#client.get(key))
      .commit()
      .catch((error: unknown) => {
        this.#isHealthy = this.#isRefusal(error);
        throw error;
      });
    this.#isHealthy = true;
    if (answer.succeeded) return Number(answer.header.revision);
    throw new HeadMovedError(Number(answer.responses[0]?.response_range?.kvs[0]?.mod_revision ?? 0));
  }
}
