/** Whole OpenAPI documents as JSON text, written piece by piece so that no large tree of objects is ever alive. */
import { versionInfo } from '../../kernel/index.ts';
import type { ResourceDefinition } from '../../resources/define.ts';
import { type MessageName, schema } from '../../schema/index.ts';
import { resourcePaths } from './paths.ts';
import { DefinitionSet, type Dialect, type GroupVersionKind, type SchemaObject } from './schemas.ts';

type Entry = readonly [string, SchemaObject];

/** The parts of a document, in the order in which they have to be made: paths tell which definitions are needed. */
export interface DocumentParts {
  paths(): Iterable<Entry>;
  definitions(): Iterable<Entry>;
}

/** Parts of a document about `definitions`. */
export function documentParts(dialect: Dialect, definitions: readonly ResourceDefinition[]): DocumentParts {
  const set = new DefinitionSet(dialect, kindsOf(definitions));
  return {
    *paths() {
      for (const definition of definitions) yield* resourcePaths(definition, set, dialect);
    },
    definitions: () => set.entries(),
  };
}

/** What the messages of the served kinds, of their lists and of subresource bodies are called in the API. */
function kindsOf(definitions: readonly ResourceDefinition[]): Map<MessageName, GroupVersionKind[]> {
  const kinds = new Map<MessageName, GroupVersionKind[]>();
  const options: GroupVersionKind[] = [{ group: '', version: 'v1', kind: 'DeleteOptions' }];
  for (const { group, version, kind, message, subresources } of definitions) {
    kinds.set(message, [{ group, version, kind }]);
    const list = `${message}List`;
    if (schema.has(list)) kinds.set(list, [{ group, version, kind: `${kind}List` }]);
    for (const subresource of Object.values(subresources ?? {})) {
      if (subresource.type === 'scale') {
        kinds.set('autoscaling/v1.Scale', [{ group: 'autoscaling', version: 'v1', kind: 'Scale' }]);
      } else if (subresource.type === 'action') {
        kinds.set(subresource.message, [gvkOf(subresource.gvk.apiVersion, subresource.gvk.kind)]);
      }
    }
    if (!options.some((other) => other.group === group && other.version === version)) {
      options.push({ group, version, kind: 'DeleteOptions' });
    }
  }
  kinds.set('meta/v1.DeleteOptions', options);
  kinds.set('meta/v1.Status', [{ group: '', version: 'v1', kind: 'Status' }]);
  return kinds;
}

const gvkOf = (apiVersion: string, kind: string): GroupVersionKind => {
  const slash = apiVersion.indexOf('/');
  return { group: apiVersion.slice(0, Math.max(slash, 0)), version: apiVersion.slice(slash + 1), kind };
};

export const documentInfo = { title: 'Kubernetes', version: versionInfo.kubernetes.gitVersion } as const;

const bearerToken = {
  BearerToken: { type: 'apiKey', name: 'authorization', in: 'header', description: 'Bearer Token authentication' },
};

/** Members of a JSON object, one chunk of text each. */
function* members(entries: Iterable<Entry>): Generator<string> {
  let separator = '';
  for (const [name, value] of entries) {
    yield `${separator}${JSON.stringify(name)}:${JSON.stringify(value)}`;
    separator = ',';
  }
}

/** JSON of an OpenAPI 3 document, in chunks. */
export function* v3Document(definitions: readonly ResourceDefinition[]): Generator<string> {
  const parts = documentParts('v3', definitions);
  yield `{"openapi":"3.0.0","info":${JSON.stringify(documentInfo)},"paths":{`;
  yield* members(parts.paths());
  yield '},"components":{"schemas":{';
  yield* members(parts.definitions());
  yield `},"securitySchemes":${JSON.stringify(bearerToken)}}}`;
}

/** JSON of the OpenAPI 2 document, in chunks. */
export function* v2Document(definitions: readonly ResourceDefinition[]): Generator<string> {
  const parts = documentParts('v2', definitions);
  yield `{"swagger":"2.0","info":${JSON.stringify(documentInfo)},"paths":{`;
  yield* members(parts.paths());
  yield '},"definitions":{';
  yield* members(parts.definitions());
  yield `},"securityDefinitions":${JSON.stringify(bearerToken)},"security":[{"BearerToken":[]}]}`;
}
