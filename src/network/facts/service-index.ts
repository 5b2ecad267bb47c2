import { endpointSlices, type Following, follow, services } from '../../client/index.ts';
import type { Client } from '../../client/types.ts';
import type { Clock, Logger } from '../../kernel/index.ts';
import type { EndpointSlice, Service } from '../../schema/generated/index.ts';
import { keyOf, serviceFacts, serviceNameLabel, sliceFacts } from './extract.ts';
import type { ServiceEntry, ServiceTable } from './types.ts';

export interface ServiceIndexOptions {
  client: Client;
  clock: Clock;
  log: Logger;
  nodeName: string;
  /** What concerns the Service `key` (`namespace/name`) is different now. */
  changed(key: string): void;
}

/** Follows Services and EndpointSlices and keeps the facts of them that the proxy and DNS use. */
export class ServiceIndex {
  readonly #options: ServiceIndexOptions;
  readonly #entries = new Map<string, ServiceEntry>();
  /** By `namespace/name` of a slice: its UID, and the key of its Service, as its label may come to name another. */
  readonly #owners = new Map<string, { uid: string; key: string }>();
  readonly #followings: Following[];
  readonly #ready: Promise<void>;

  constructor(options: ServiceIndexOptions) {
    this.#options = options;
    const listed = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
    this.#ready = Promise.all(listed.map(({ promise }) => promise)).then(() => {});
    this.#followings = [
      follow<Service>(services, options, {
        changed: (service, deleted) => this.#setService(service, deleted),
        present: (uids) => this.#keepServices(uids),
        listed: listed[0].resolve,
      }),
      follow<EndpointSlice>(endpointSlices, options, {
        changed: (slice, deleted) => this.#setSlice(slice, deleted),
        present: (uids) => this.#keepSlices(uids),
        listed: listed[1].resolve,
      }),
    ];
  }

  get entries(): ServiceTable {
    return this.#entries;
  }

  /** Resolves when everything that there was at the start is known. */
  whenReady(): Promise<void> {
    return this.#ready;
  }

  stop(): void {
    for (const following of this.#followings) following.stop();
  }

  #setService(service: Service, deleted: boolean): void {
    const key = keyOf(service);
    const entry = this.#entry(key);
    entry.service = deleted ? undefined : serviceFacts(service);
    this.#settle(key, entry);
  }

  #setSlice(slice: EndpointSlice, deleted: boolean): void {
    const sliceKey = keyOf(slice);
    const { uid = '', name = '', namespace = '', labels = {} } = slice.metadata;
    const owner = labels[serviceNameLabel] ?? '';
    const key = `${namespace}/${owner}`;
    const facts = deleted || !owner ? undefined : sliceFacts(slice, this.#options.nodeName);
    if (!facts || this.#owners.get(sliceKey)?.key !== key) this.#forgetSlice(sliceKey);
    if (!facts) return;
    this.#owners.set(sliceKey, { uid, key });
    const entry = this.#entry(key);
    entry.slices.set(name, facts);
    this.#settle(key, entry);
  }

  #forgetSlice(sliceKey: string): void {
    const key = this.#owners.get(sliceKey)?.key;
    const entry = key === undefined ? undefined : this.#entries.get(key);
    this.#owners.delete(sliceKey);
    if (key === undefined || !entry) return;
    entry.slices.delete(sliceKey.slice(sliceKey.indexOf('/') + 1));
    this.#settle(key, entry);
  }

  #entry(key: string): ServiceEntry {
    const found = this.#entries.get(key);
    if (found) return found;
    const entry: ServiceEntry = { service: undefined, slices: new Map() };
    this.#entries.set(key, entry);
    return entry;
  }

  #settle(key: string, entry: ServiceEntry): void {
    if (!entry.service && entry.slices.size === 0) this.#entries.delete(key);
    this.#options.changed(key);
  }

  #keepServices(present: ReadonlySet<string>): void {
    for (const [key, entry] of this.#entries) {
      if (!entry.service || present.has(entry.service.uid)) continue;
      entry.service = undefined;
      this.#settle(key, entry);
    }
  }

  #keepSlices(present: ReadonlySet<string>): void {
    for (const [sliceKey, { uid }] of this.#owners) if (!present.has(uid)) this.#forgetSlice(sliceKey);
  }
}
