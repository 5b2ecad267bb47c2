import { endpointSlices, type Following, follow, services } from '../../client/index.ts';
import type { Client } from '../../client/types.ts';
import type { Clock, Logger } from '../../kernel/index.ts';
import type { EndpointSlice, Service } from '../../schema/generated/index.ts';
import { serviceFacts, serviceNameLabel, sliceFacts } from './extract.ts';
import { keyOf, presentKeys } from './present.ts';
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
  /** Keys of Services by `namespace/name` of a slice: its label may come to name another. */
  readonly #owners = new Map<string, string>();
  readonly #followings: Following[];
  readonly #ready: Promise<void>;

  constructor(options: ServiceIndexOptions) {
    this.#options = options;
    const listed = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
    this.#ready = Promise.all(listed.map(({ promise }) => promise)).then(() => {});
    this.#followings = [
      follow<Service>(services, options, {
        changed: (service, deleted) => this.#setService(service, deleted),
        relisted: () => void this.#dropVanishedServices(),
        listed: listed[0].resolve,
      }),
      follow<EndpointSlice>(endpointSlices, options, {
        changed: (slice, deleted) => this.#setSlice(slice, deleted),
        relisted: () => void this.#dropVanishedSlices(),
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
    const { name = '', namespace = '', labels = {} } = slice.metadata;
    const owner = labels[serviceNameLabel] ?? '';
    const key = `${namespace}/${owner}`;
    const facts = deleted || !owner ? undefined : sliceFacts(slice, this.#options.nodeName);
    if (!facts || this.#owners.get(sliceKey) !== key) this.#forgetSlice(sliceKey);
    if (!facts) return;
    this.#owners.set(sliceKey, key);
    const entry = this.#entry(key);
    entry.slices.set(name, facts);
    this.#settle(key, entry);
  }

  #forgetSlice(sliceKey: string): void {
    const key = this.#owners.get(sliceKey);
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

  async #dropVanishedServices(): Promise<void> {
    const present = await presentKeys(this.#options, services);
    for (const [key, entry] of present ? this.#entries : []) {
      if (!entry.service || present?.has(key)) continue;
      entry.service = undefined;
      this.#settle(key, entry);
    }
  }

  async #dropVanishedSlices(): Promise<void> {
    const present = await presentKeys(this.#options, endpointSlices);
    for (const sliceKey of present ? this.#owners.keys() : []) {
      if (!present?.has(sliceKey)) this.#forgetSlice(sliceKey);
    }
  }
}
