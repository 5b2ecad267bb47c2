/** An API of its own in memory, as much of one as controllers need to be tested on. */
import { isDeepStrictEqual } from 'node:util';
import type { Client, DeleteOptions, ListOptions, ResourceRef, WatchHandler, WriteOptions } from '../client/types.ts';
import { apiError, formatTime, ManualClock, type Qualified } from '../kernel/index.ts';
import { matchesLabels, parseLabelSelector } from '../schema/index.ts';
import type { KubeObject, ObjectMeta } from '../schema/object.ts';

export interface RecordedWrite {
  user: string;
  verb: 'create' | 'update' | 'delete' | 'deletecollection';
  resource: string;
  namespace: string;
  name: string;
}

interface Stored extends KubeObject {
  spec?: { finalizers?: string[] };
  status?: { phase?: string };
}

interface Watcher {
  ref: ResourceRef;
  selection: ListOptions;
  handler: WatchHandler<KubeObject>;
}

const qualified = ({ group, resource }: ResourceRef): Qualified => ({ group, resource });
const isNamespace = (ref: ResourceRef): boolean => ref.group === '' && ref.resource === 'namespaces';

export class FakeCluster {
  readonly clock = new ManualClock();
  readonly writes: RecordedWrite[] = [];
  /** Throws to make a write fail. */
  intercept: (write: RecordedWrite) => void = () => {};
  readonly #objects = new Map<string, Stored>();
  readonly #watchers = new Set<Watcher>();
  #revision = 1;
  #uids = 0;

  readonly clientFor = (user: string): Client => new FakeClient(this, user);

  /** Lets everything that is ready run. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
  }

  /** Ends all watches, or those of one resource, as a server does that has forgotten the history. */
  closeWatches(error?: unknown, resource?: string): void {
    for (const watcher of [...this.#watchers]) {
      if (resource !== undefined && watcher.ref.resource !== resource) continue;
      this.#watchers.delete(watcher);
      watcher.handler.closed(error);
    }
  }

  peek<T extends KubeObject>(resource: string, name: string, namespace = ''): T | undefined {
    for (const [key, object] of this.#objects) {
      if (key.endsWith(`/${resource}|${namespace}|${name}`)) return object as unknown as T;
    }
    return undefined;
  }

  get(ref: ResourceRef, name: string, namespace = ''): Stored {
    const found = this.#objects.get(keyOf(ref, namespace, name));
    if (!found) throw apiError.notFound(qualified(ref), name);
    return found;
  }

  list(ref: ResourceRef, selection: ListOptions): { items: Stored[]; resourceVersion: string } {
    const prefix = keyOf(ref, '', '').split('|', 1)[0];
    const items = [...this.#objects].filter(
      ([key, object]) => key.startsWith(`${prefix}|`) && isSelected(object.metadata, selection),
    );
    return { items: items.map(([, object]) => object), resourceVersion: String(this.#revision) };
  }

  watch(watcher: Watcher): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  create(user: string, ref: ResourceRef, object: KubeObject, namespace: string): Stored {
    const { name = '' } = object.metadata;
    this.#record({ user, verb: 'create', resource: ref.resource, namespace, name });
    this.#checkNamespace(ref, name, namespace);
    if (this.#objects.has(keyOf(ref, namespace, name))) throw apiError.alreadyExists(qualified(ref), name);
    const made: Stored = structuredClone(object);
    made.metadata = {
      ...made.metadata,
      ...(namespace && { namespace }),
      uid: `uid-${++this.#uids}`,
      creationTimestamp: formatTime(this.clock.nowMs()),
    };
    if (isNamespace(ref)) Object.assign(made, { spec: { finalizers: ['kubernetes'] }, status: { phase: 'Active' } });
    return this.#put(ref, made, 'ADDED');
  }

  update(user: string, ref: ResourceRef, object: KubeObject): Stored {
    const { name = '', namespace = '', resourceVersion } = object.metadata;
    this.#record({ user, verb: 'update', resource: ref.resource, namespace, name });
    const previous = this.get(ref, name, namespace);
    if (resourceVersion && resourceVersion !== previous.metadata.resourceVersion) {
      throw apiError.modified(qualified(ref), name);
    }
    if (isDeepStrictEqual(object, previous)) return previous;
    return this.#settleDeletion(ref, structuredClone(object));
  }

  delete(user: string, ref: ResourceRef, name: string, namespace: string): void {
    this.#record({ user, verb: 'delete', resource: ref.resource, namespace, name });
    this.#markDeleted(ref, this.get(ref, name, namespace));
  }

  deleteCollection(user: string, ref: ResourceRef, selection: ListOptions): void {
    const { namespace = '' } = selection;
    this.#record({ user, verb: 'deletecollection', resource: ref.resource, namespace, name: '' });
    for (const object of this.list(ref, selection).items) this.#markDeleted(ref, object);
  }

  #record(write: RecordedWrite): void {
    this.intercept(write);
    this.writes.push(write);
  }

  #checkNamespace(ref: ResourceRef, name: string, namespace: string): void {
    if (!namespace) return;
    const found = this.#objects.get(keyOf({ group: '', version: 'v1', resource: 'namespaces' }, '', namespace));
    if (!found) throw apiError.notFound({ group: '', resource: 'namespaces' }, namespace);
    if (found.status?.phase !== 'Terminating') return;
    const error = apiError.forbidden(qualified(ref), name, 'it is being terminated');
    error.status.details = { causes: [{ reason: 'NamespaceTerminating' }] };
    throw error;
  }

  #markDeleted(ref: ResourceRef, object: Stored): void {
    const next: Stored = structuredClone(object);
    next.metadata.deletionTimestamp ??= formatTime(this.clock.nowMs());
    if (isNamespace(ref)) next.status = { ...next.status, phase: 'Terminating' };
    this.#settleDeletion(ref, next);
  }

  /** Stores it, or drops it when it is deleted and nothing holds it back. */
  #settleDeletion(ref: ResourceRef, object: Stored): Stored {
    const held = object.metadata.finalizers?.length || (isNamespace(ref) && object.spec?.finalizers?.length);
    return this.#put(ref, object, object.metadata.deletionTimestamp && !held ? 'DELETED' : 'MODIFIED');
  }

  #put(ref: ResourceRef, object: Stored, type: 'ADDED' | 'MODIFIED' | 'DELETED'): Stored {
    const { name = '', namespace = '' } = object.metadata;
    object.metadata.resourceVersion = String(++this.#revision);
    if (type === 'DELETED') this.#objects.delete(keyOf(ref, namespace, name));
    else this.#objects.set(keyOf(ref, namespace, name), object);
    for (const watcher of this.#watchers) {
      const matches = watcher.ref.group === ref.group && watcher.ref.resource === ref.resource;
      if (matches && isSelected(object.metadata, watcher.selection)) watcher.handler.event({ type, object });
    }
    return object;
  }
}

const keyOf = ({ group, resource }: ResourceRef, namespace: string, name: string): string =>
  `${group}/${resource}|${namespace}|${name}`;

function isSelected(metadata: ObjectMeta, { namespace, fieldSelector, labelSelector = '' }: ListOptions): boolean {
  const name = fieldSelector?.replace('metadata.name=', '');
  const isThere = (namespace === undefined || metadata.namespace === namespace) && (!name || metadata.name === name);
  return isThere && matchesLabels(parseLabelSelector(labelSelector), metadata.labels);
}

class FakeClient implements Client {
  readonly #cluster: FakeCluster;
  readonly #user: string;

  constructor(cluster: FakeCluster, user: string) {
    this.#cluster = cluster;
    this.#user = user;
  }

  async get<T extends KubeObject>(ref: ResourceRef, name: string, namespace?: string): Promise<T> {
    return this.#cluster.get(ref, name, namespace) as unknown as T;
  }

  async list<T extends KubeObject>(ref: ResourceRef, options: ListOptions = {}) {
    const { items, resourceVersion } = this.#cluster.list(ref, options);
    return { items: items as unknown as T[], resourceVersion };
  }

  watch<T extends KubeObject>(ref: ResourceRef, selection: ListOptions, handler: WatchHandler<T>) {
    const stop = this.#cluster.watch({ ref, selection, handler: handler as unknown as WatchHandler<KubeObject> });
    return { stop };
  }

  async create<T extends KubeObject, R = T>(
    ref: ResourceRef,
    object: T,
    options: WriteOptions & { namespace?: string } = {},
  ): Promise<R> {
    return this.#cluster.create(this.#user, ref, object, options.namespace ?? '') as unknown as R;
  }

  async update<T extends KubeObject>(ref: ResourceRef, object: T): Promise<T> {
    return this.#cluster.update(this.#user, ref, object) as unknown as T;
  }

  patch(): Promise<never> {
    throw new Error('the fake has no patch');
  }

  async delete(ref: ResourceRef, name: string, options: DeleteOptions & { namespace?: string } = {}): Promise<void> {
    this.#cluster.delete(this.#user, ref, name, options.namespace ?? '');
  }

  async deleteCollection(ref: ResourceRef, selection: ListOptions): Promise<void> {
    this.#cluster.deleteCollection(this.#user, ref, selection);
  }
}
