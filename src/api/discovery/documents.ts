/** Discovery documents, made from the resource definitions. Members stand in the order of upstream's types. */
import type { ResourceDefinition, Subresource } from '../../resources/define.ts';
import { compareGroups, compareVersions } from './priority.ts';

interface Kind {
  group: string;
  version: string;
  kind: string;
}

/** meta/v1 APIResource. */
interface ApiResource {
  name: string;
  singularName: string;
  namespaced: boolean;
  group?: string;
  version?: string;
  kind: string;
  verbs: readonly string[];
  shortNames?: readonly string[];
  categories?: readonly string[];
  storageVersionHash?: string;
}

export interface ServedVersion {
  version: string;
  resources: readonly ResourceDefinition[];
}

export interface ServedGroup {
  group: string;
  versions: readonly ServedVersion[];
}

/** Groups in discovery order, each with its versions in order of preference. */
export function servedGroups(definitions: readonly ResourceDefinition[]): ServedGroup[] {
  const groups = Map.groupBy(definitions, (definition) => definition.group);
  return [...groups.keys()].sort(compareGroups).map((group) => {
    const versions = Map.groupBy(groups.get(group)!, (definition) => definition.version);
    return {
      group,
      versions: [...versions.keys()]
        .sort((a, b) => compareVersions(group, a, b))
        .map((version) => ({ version, resources: [...versions.get(version)!].sort(byResource) })),
    };
  });
}

const byResource = (a: ResourceDefinition, b: ResourceDefinition): number => (a.resource < b.resource ? -1 : 1);

const groupVersion = (group: string, version: string): string => (group ? `${group}/${version}` : version);

// --- legacy -----------------------------------------------------------------------------------------------------

/** `/api` */
export const apiVersions = (serverAddress: string): object => ({
  kind: 'APIVersions',
  versions: ['v1'],
  serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress }],
});

/** `/apis` */
export const apiGroupList = (groups: readonly ServedGroup[]): object => ({
  kind: 'APIGroupList',
  apiVersion: 'v1',
  groups: groups.filter(({ group }) => group !== '').map(groupEntry),
});

/** `/apis/<group>` */
export const apiGroup = (group: ServedGroup): object => ({ kind: 'APIGroup', apiVersion: 'v1', ...groupEntry(group) });

function groupEntry({ group, versions }: ServedGroup): object {
  const served = versions.map(({ version }) => ({ groupVersion: groupVersion(group, version), version }));
  return { name: group, versions: served, preferredVersion: served[0] };
}

/** `/api/v1` and `/apis/<group>/<version>`. The core group's has no apiVersion, as ever. */
export const apiResourceList = (group: string, { version, resources }: ServedVersion): object => ({
  kind: 'APIResourceList',
  ...(group && { apiVersion: 'v1' }),
  groupVersion: groupVersion(group, version),
  resources: resources.flatMap(legacyResources),
});

function legacyResources(definition: ResourceDefinition): ApiResource[] {
  const { resource, kind, verbs, shortNames, categories, storageVersionHash } = definition;
  const namespaced = definition.scope === 'Namespaced';
  return [
    {
      name: resource,
      singularName: singularOf(definition),
      namespaced,
      kind,
      verbs: sorted(verbs),
      ...(shortNames?.length && { shortNames }),
      ...(categories?.length && { categories }),
      ...(storageVersionHash && { storageVersionHash }),
    },
    ...subresources(definition).map(([name, subresource]) => {
      const { group, version, kind: answer } = kindOf(definition, subresource);
      return {
        name: `${resource}/${name}`,
        singularName: '',
        namespaced,
        ...(group && { group, version }),
        kind: answer,
        verbs: sorted(subresource.verbs),
      };
    }),
  ];
}

const singularOf = (definition: ResourceDefinition): string => definition.singular ?? definition.kind.toLowerCase();

const sorted = (verbs: readonly string[]): string[] => [...verbs].sort();

const subresources = (definition: ResourceDefinition): [string, Subresource][] =>
  Object.entries(definition.subresources ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));

/** Group and version stay empty when they are the resource's own. */
function kindOf(definition: ResourceDefinition, subresource: Subresource): Kind {
  const own = { group: '', version: '' };
  switch (subresource.type) {
    case 'object':
      return { ...own, kind: definition.kind };
    case 'scale':
      return { group: 'autoscaling', version: 'v1', kind: 'Scale' };
    case 'connect':
      return { ...own, kind: subresource.kind };
    case 'action': {
      const { apiVersion, kind } = subresource.gvk;
      if (apiVersion === groupVersion(definition.group, definition.version)) return { ...own, kind };
      const slash = apiVersion.indexOf('/');
      return { group: apiVersion.slice(0, Math.max(slash, 0)), version: apiVersion.slice(slash + 1), kind };
    }
  }
}

// --- aggregated -------------------------------------------------------------------------------------------------

/** apidiscovery.k8s.io/v2 APIGroupDiscoveryList of these groups. */
export const aggregated = (groups: readonly ServedGroup[]): object => ({
  kind: 'APIGroupDiscoveryList',
  apiVersion: 'apidiscovery.k8s.io/v2',
  metadata: {},
  items: groups.map(({ group, versions }) => ({
    metadata: group ? { name: group } : {},
    versions: versions.map(({ version, resources }) => ({
      version,
      resources: resources.map(aggregatedResource),
      freshness: 'Current',
    })),
  })),
});

function aggregatedResource(definition: ResourceDefinition): object {
  const { resource, kind, scope, verbs, shortNames, categories } = definition;
  const below = subresources(definition);
  return {
    resource,
    responseKind: { group: '', version: '', kind },
    scope,
    singularResource: singularOf(definition),
    verbs: sorted(verbs),
    ...(shortNames?.length && { shortNames }),
    ...(categories?.length && { categories }),
    ...(below.length > 0 && {
      subresources: below.map(([name, subresource]) => ({
        subresource: name,
        responseKind: kindOf(definition, subresource),
        verbs: sorted(subresource.verbs),
      })),
    }),
  };
}
