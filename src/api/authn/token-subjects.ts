import type { KubeObject } from '../../schema/object.ts';
import type { Store, StoredKind } from '../../store/types.ts';

export type SubjectKind = 'ServiceAccount' | 'Pod' | 'Secret' | 'Node';

/** What tokens are bound to: their holder must still be there. */
export interface TokenSubjects {
  /** Answers of `find` hold while it stays the same. */
  readonly revision: number;
  find(kind: SubjectKind, namespace: string, name: string): KubeObject | undefined;
}

/** Reads from the store's cache. */
export function storeSubjects(store: Pick<Store, 'kinds' | 'revision' | 'get' | 'object'>): TokenSubjects {
  const kinds = new Map<string, StoredKind>();
  for (const kind of store.kinds) if (kind.gvk.apiVersion === 'v1') kinds.set(kind.gvk.kind, kind);
  return {
    get revision() {
      return store.revision;
    },
    find(kind, namespace, name) {
      const stored = kinds.get(kind);
      const entry = stored && store.get(stored, stored.namespaced ? namespace : '', name);
      return entry && store.object(entry);
    },
  };
}
