/** What admission may look up: newest state, read in place. */
import type { KubeObject } from '../../schema/object.ts';
import type { Entry, Store, StoredKind } from '../../store/types.ts';

/** Frozen, shared objects: never change one, copy it. */
export interface Lookup {
  /** The newest version, pending writes included. `kind` is `apiVersion/Kind`: `v1/Namespace`. */
  get<T extends KubeObject>(kind: string, name: string, namespace?: string): T | undefined;
  /** All objects of a kind, in one namespace when it is given. */
  list<T extends KubeObject>(kind: string, namespace?: string): readonly T[];
}

/** Look-ups straight in the store: no copy, no await. */
export function storeLookup(store: Store): Lookup {
  const kinds = new Map<string, StoredKind>();
  for (const kind of store.kinds) kinds.set(`${kind.gvk.apiVersion}/${kind.gvk.kind}`, kind);
  const kindOf = (name: string): StoredKind => {
    const kind = kinds.get(name);
    if (!kind) throw new Error(`the store does not hold ${name}`);
    return kind;
  };
  return {
    get<T extends KubeObject>(kind: string, name: string, namespace = ''): T | undefined {
      const entry: Entry | undefined = store.head(kindOf(kind), namespace, name);
      return entry && store.object<T>(entry);
    },
    list<T extends KubeObject>(kind: string, namespace?: string): readonly T[] {
      using found = store.list(kindOf(kind), namespace === undefined ? {} : { namespace });
      return found.entries.map((entry) => store.object<T>(entry));
    },
  };
}
