import type { ResourceRef } from '../../client/types.ts';
import { nextTurn } from '../../kernel/index.ts';
import type { ResourceDefinition } from '../../resources/define.ts';
import type { ObjectMeta } from '../../schema/object.ts';
import {
  type Entry,
  finalizersPath,
  ownerUidPath,
  readPath,
  type Store,
  type StoredKind,
  type StoreEvent,
  type Subscription,
  uidPath,
} from '../../store/index.ts';
import type { Following } from '../runtime/index.ts';
import type { Change, Dependent, OwnerKind, Ownership } from './types.ts';

const ownerUidField = 'metadata.ownerReferences.uid';
/** Entries that are looked at in one turn of the loop. */
const sliceEntries = 200;
/** As upstream's: events depend on nothing. */
const ignored: ReadonlySet<string> = new Set(['/events', 'events.k8s.io/events']);

/** Resources as the store keeps them. */
interface Catalog {
  definitions: readonly ResourceDefinition[];
  /** What is collected. */
  collected: ReadonlyMap<StoredKind, ResourceRef>;
  byKind: ReadonlyMap<string, OwnerKind>;
  stored: ReadonlyMap<string, StoredKind>;
}

/** Ownership from the cache and its index of owner UIDs. `definitions` may change; a new list is looked at anew. */
export function storeOwnership(store: Store, definitions: () => readonly ResourceDefinition[]): Ownership {
  let known: Catalog | undefined;
  const catalog = (): Catalog => {
    const current = definitions();
    if (known?.definitions !== current) known = catalogOf(current, store.kinds);
    return known;
  };
  return {
    *dependentsOf(uid): Generator<Dependent> {
      for (const [kind, ref] of catalog().collected) {
        using list = store.list(kind, { index: { field: ownerUidField, value: uid } });
        for (const entry of list.entries) yield { ref, metadata: store.object(entry).metadata };
      }
    },
    kindOf: (apiVersion, kind) => catalog().byKind.get(`${apiVersion} ${kind}`),
    peek(ref, namespace, name): ObjectMeta | undefined {
      const kind = catalog().stored.get(keyOf(ref));
      const entry = kind && store.get(kind, namespace, name);
      return entry && store.object(entry).metadata;
    },
    follow: (changed) => new OwnershipFeed(store, () => catalog().collected, changed),
  };
}

class OwnershipFeed implements Following {
  readonly #store: Store;
  readonly #collected: () => Catalog['collected'];
  readonly #changed: (change: Change) => void;
  #subscription: Subscription | undefined;
  #stopped = false;
  /** Of the present walk; an older one ends. */
  #round = 0;

  constructor(store: Store, collected: () => Catalog['collected'], changed: (change: Change) => void) {
    this.#store = store;
    this.#collected = collected;
    this.#changed = changed;
    this.#subscribe();
    this.relist();
  }

  stop(): void {
    this.#stopped = true;
    this.#round++;
    this.#subscription?.close();
  }

  #subscribe(): void {
    this.#subscription = this.#store.subscribe(undefined, this.#store.revision, {
      event: (event) => this.#tell(event),
      closed: () => this.#lost(),
    });
  }

  /** Goes on with what there is now. A store that is closed has no more to tell. */
  #lost(): void {
    if (this.#stopped) return;
    try {
      this.#subscribe();
    } catch {
      this.stop();
      return;
    }
    this.relist();
  }

  relist(): void {
    void this.#walk(++this.#round);
  }

  async #walk(round: number): Promise<void> {
    let looked = 0;
    for (const [kind, ref] of this.#collected()) {
      using list = this.#store.list(kind);
      for (const entry of list.entries) {
        if (++looked % sliceEntries === 0) await nextTurn();
        if (round !== this.#round) return;
        if (this.#concerns(entry)) this.#changed({ ref, current: this.#metadata(entry) });
      }
    }
  }

  /** Most objects have neither owners nor finalizers, which their bytes tell without being decoded. */
  #concerns(entry: Entry): boolean {
    const bytes = this.#store.bytes(entry);
    return readPath(bytes, ownerUidPath).length > 0 || readPath(bytes, finalizersPath).length > 0;
  }

  #metadata(entry: Entry): ObjectMeta {
    return this.#store.object(entry).metadata;
  }

  #tell({ kind, type, current, previous }: StoreEvent): void {
    const ref = this.#collected().get(kind);
    if (!ref) return;
    const isOwner = type === 'delete' && this.#isOwner(current);
    if (!isOwner && !this.#concerns(current) && !(previous && this.#concerns(previous))) return;
    this.#changed({
      ref,
      current: this.#metadata(current),
      ...(previous && { previous: this.#metadata(previous) }),
      ...(type === 'delete' && { deleted: isOwner ? 'owner' : 'leaf' }),
    });
  }

  #isOwner(entry: Entry): boolean {
    const [value = ''] = readPath(this.#store.bytes(entry), uidPath);
    const selection = { index: { field: ownerUidField, value } };
    for (const kind of this.#collected().keys()) if (this.#store.count(kind, selection) > 0) return true;
    return false;
  }
}

const keyOf = ({ group, version, resource }: ResourceRef): string => `${group}/${version}/${resource}`;

function catalogOf(definitions: readonly ResourceDefinition[], kinds: readonly StoredKind[]): Catalog {
  const byPath = new Map(kinds.map((kind) => [kind.path, kind]));
  const byKey = new Map(definitions.map((definition) => [keyOf(definition), definition]));
  const collected = new Map<StoredKind, ResourceRef>();
  const byKind = new Map<string, OwnerKind>();
  const stored = new Map<string, StoredKind>();
  for (const definition of definitions) {
    const base = definition.view ? byKey.get(keyOf(definition.view.of)) : definition;
    const kind = base?.storagePath === undefined ? undefined : byPath.get(base.storagePath);
    if (!base || !kind) continue;
    const { group, version, resource } = base;
    const ref: ResourceRef = { group, version, resource };
    const apiVersion = definition.group ? `${definition.group}/${definition.version}` : definition.version;
    byKind.set(`${apiVersion} ${definition.kind}`, { ref, namespaced: base.scope === 'Namespaced' });
    stored.set(keyOf(ref), kind);
    if (!definition.view && isCollected(definition)) collected.set(kind, ref);
  }
  return { definitions, collected, byKind, stored };
}

const isCollected = ({ group, resource, verbs }: ResourceDefinition): boolean =>
  verbs.includes('delete') && verbs.includes('list') && verbs.includes('watch') && !ignored.has(`${group}/${resource}`);
