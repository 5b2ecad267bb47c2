/** The served resources, found by group, version and plural name. */
import type { Qualified } from '../../kernel/status.ts';
import type { ResourceDefinition, Subresource } from '../../resources/define.ts';
import type { StoredKind } from '../../store/types.ts';

/** A definition with everything that is derived from it once. */
export interface Resource {
  definition: ResourceDefinition;
  /** `{apiVersion: 'apps/v1', kind: 'Deployment'}` */
  gvk: { apiVersion: string; kind: string };
  listKind: string;
  namespaced: boolean;
  /** For messages: plural resource, and kind. */
  qualified: Qualified;
  qualifiedKind: Qualified;
  /** Definition whose strategy applies: the one behind a view, else `definition`. */
  base: ResourceDefinition;
  /** Where its objects are; undefined for reviews. */
  stored: StoredKind | undefined;
  subresources: ReadonlyMap<string, Subresource>;
  /** Fields that the main resource does not write. */
  statusFields: readonly string[];
}

const apiVersionOf = (ref: { group: string; version: string }): string =>
  ref.group ? `${ref.group}/${ref.version}` : ref.version;

export const resourceKey = (group: string, version: string, resource: string): string =>
  `${group}/${version}/${resource}`;

/** The store's view of the definitions, in their order: what `openStore` is given. */
export function storedKinds(definitions: readonly ResourceDefinition[]): StoredKind[] {
  return definitions
    .filter((definition) => definition.storagePath !== undefined && !definition.view && !definition.review)
    .map((definition, id) => ({
      id,
      path: definition.storagePath!,
      namespaced: definition.scope === 'Namespaced',
      gvk: { apiVersion: apiVersionOf(definition), kind: definition.kind },
      message: definition.message,
      indexes: definition.indexes ?? [],
      ...(definition.expendable && { expendable: true }),
    }));
}

/** Kinds that upstream registers in every version. */
const metaKinds = [
  'Status',
  'ListOptions',
  'GetOptions',
  'DeleteOptions',
  'CreateOptions',
  'UpdateOptions',
  'PatchOptions',
];

export class Registry {
  readonly #resources = new Map<string, Resource>();
  readonly #groups = new Set<string>();
  readonly #kinds = new Set<string>();

  constructor(definitions: readonly ResourceDefinition[], kinds: readonly StoredKind[]) {
    const definitionOf = new Map(definitions.map((d) => [resourceKey(d.group, d.version, d.resource), d]));
    for (const definition of definitions) {
      const view = definition.view?.of;
      const base = view ? definitionOf.get(resourceKey(view.group, view.version, view.resource)) : definition;
      if (!base) throw new Error(`${definition.resource}: its view is of an unknown resource`);
      this.#add(definition, base, kinds);
    }
  }

  #add(definition: ResourceDefinition, base: ResourceDefinition, kinds: readonly StoredKind[]): void {
    const stored = base.review ? undefined : kinds.find((kind) => kind.path === base.storagePath);
    if (!base.review && !stored) throw new Error(`${definition.resource}: the store does not keep this kind`);
    const subresources = new Map(Object.entries(definition.subresources ?? {}));
    this.#groups.add(definition.group);
    const version = apiVersionOf(definition);
    for (const kind of [definition.kind, `${definition.kind}List`, ...metaKinds]) this.#kinds.add(`${version} ${kind}`);
    this.#resources.set(resourceKey(definition.group, definition.version, definition.resource), {
      definition,
      gvk: { apiVersion: apiVersionOf(definition), kind: definition.kind },
      listKind: definition.listKind ?? `${definition.kind}List`,
      namespaced: definition.scope === 'Namespaced',
      qualified: { group: definition.group, resource: definition.resource },
      qualifiedKind: { group: base.group, resource: base.kind },
      base,
      stored,
      subresources,
      statusFields: base.statusFields ?? (base.subresources?.['status'] ? ['status'] : []),
    });
  }

  find(group: string, version: string, resource: string): Resource | undefined {
    return this.#resources.get(resourceKey(group, version, resource));
  }

  hasGroup(group: string): boolean {
    return this.#groups.has(group);
  }

  hasKind({ apiVersion, kind }: { apiVersion: string; kind: string }): boolean {
    return this.#kinds.has(`${apiVersion} ${kind}`);
  }

  /** The served version of a stored kind that has this apiVersion. */
  versionOf(stored: StoredKind, apiVersion: string): Resource | undefined {
    for (const resource of this.#resources.values()) {
      if (resource.stored === stored && resource.gvk.apiVersion === apiVersion) return resource;
    }
    return undefined;
  }

  all(): Iterable<Resource> {
    return this.#resources.values();
  }
}
