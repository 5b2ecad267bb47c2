import type { StoredKind } from './types.ts';

/** Prefix of every key, as MicroShift's etcd has it. */
export const keyPrefix = '/kubernetes.io/';

/** `/kubernetes.io/<path>/<namespace>/<name>`; without the namespace for cluster-scoped kinds. */
export function keyOf(kind: StoredKind, namespace: string, name: string): string {
  return kind.namespaced ? `${keyPrefix}${kind.path}/${namespace}/${name}` : `${keyPrefix}${kind.path}/${name}`;
}

export interface ParsedKey {
  kind: StoredKind;
  namespace: string;
  name: string;
}

/** A function that takes keys apart; undefined for keys of no known kind. */
export function keyParser(kinds: readonly StoredKind[]): (key: string) => ParsedKey | undefined {
  const byPath = new Map(kinds.map((kind) => [`${kind.namespaced ? 'n' : 'c'}/${kind.path}`, kind]));
  return (key) => {
    if (!key.startsWith(keyPrefix)) return undefined;
    const nameAt = key.lastIndexOf('/');
    const name = key.slice(nameAt + 1);
    const cluster = byPath.get(`c/${key.slice(keyPrefix.length, nameAt)}`);
    if (cluster) return { kind: cluster, namespace: '', name };
    const namespaceAt = key.lastIndexOf('/', nameAt - 1);
    const namespaced = byPath.get(`n/${key.slice(keyPrefix.length, namespaceAt)}`);
    return namespaced && { kind: namespaced, namespace: key.slice(namespaceAt + 1, nameAt), name };
  };
}
